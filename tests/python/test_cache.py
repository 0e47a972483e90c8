"""Caches that vulkan-compute wrote, read from Python."""

import json
import os
import subprocess

import numpy as np
import pytest
import vulkan_compute as vkc
from conftest import ROOT
from reference import Reference, kinds
from vulkan_compute import _identity, _library, _xxhash

N, D = 130, 9
DATA = kinds(N, D)["unequal norms"]
QUERIES = kinds(7, D)["unequal norms"][::-1].copy()


def vulkan_compute(*words):
    environment = os.environ | {"VKC_LIBRARY": _library.load()._name}
    subprocess.run(
        ["luajit", ROOT / "bin" / "vulkan-compute", *map(str, words)], check=True, env=environment
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with embeddings and a cache of each kind."""
    folder = tmp_path_factory.mktemp("caches")
    np.save(folder / "embeddings.npy", DATA)
    quiet = ("--quiet",)
    vulkan_compute("cache", folder / "embeddings.npy", folder / "whole.npy", *quiet)
    vulkan_compute(
        "cache", folder / "embeddings.npy", folder / "centred.npy", "--length", 7, "--center", *quiet
    )
    vulkan_compute(
        "cache", folder / "embeddings.npy", folder / "toward.npy", "--length", 9, "--order", "toward",
        "--lambda", "0.123456789", *quiet
    )
    vulkan_compute(
        "neighbors", folder / "embeddings.npy", folder / "neighbors.npy", "--k", 5, "--similarities",
        *quiet
    )
    np.save(folder / "queries.npy", QUERIES)
    vulkan_compute(
        "neighbors", folder / "embeddings.npy", folder / "nearest.npy", "--k", 6, "--queries",
        folder / "queries.npy", *quiet
    )
    vulkan_compute("cache", folder / "embeddings.npy", folder / "shard.npy", "--shard", "1/3", *quiet)
    return folder


@pytest.fixture
def copied(made, tmp_path):
    """Paths of the files of a cache that a test may spoil."""
    for ending in ("", ".json"):
        (tmp_path / f"whole.npy{ending}").write_bytes((made / f"whole.npy{ending}").read_bytes())
    return tmp_path / "whole.npy", tmp_path / "whole.npy.json"


# Makes a finished cache one that was stopped: the writer's own journal, of some rows.
STOPPED = """
package.path = arg[1] .. "/lua/?.lua;" .. package.path
local journal = require("vk_compute.cache.journal")
local layout = require("vk_compute.cache.layout")
local metadata = require("vk_compute.cache.metadata")
local paths = layout.paths(arg[2])
local fields = metadata.read(paths.metadata)
local checksum_of, checksums = metadata.row_checksums(fields), {}
for _, row in ipairs({ 0, 1, 2, 40 }) do checksums[row] = checksum_of(row) end
local writer = journal.create(paths.journal, fields, checksums)
writer:begin_run({ pid = 1, device = "none", library_version = "0.2.0" }, os.time())
writer:add_rows({ 100, 99, 129 }, checksum_of, os.time())
writer:close()
os.rename(paths.finished, paths.partial)
os.remove(paths.metadata)
"""


@pytest.fixture
def stopped(copied):
    """The path of a cache that has some rows, and which."""
    path, _ = copied
    subprocess.run(["luajit", "-", ROOT, path], input=STOPPED.encode(), check=True)
    done = [0, 1, 2, 40, 99, 100, 129]
    with open(f"{path}.partial", "r+b") as file:
        for row in set(range(N)) - set(done):
            file.seek(path_offset(row))
            file.write(b"\xff" * 4 * N)
    return path, done


def path_offset(row):
    """Where a row of N ids begins in a file whose header has 128 bytes."""
    return 128 + 4 * N * row


def flip(path, place):
    contents = bytearray(path.read_bytes())
    contents[place] ^= 1
    path.write_bytes(contents)


def test_rows_and_metadata(made):
    plain = Reference(DATA)
    toward = plain.sequences(length=9, order="toward", lambda_=0.123456789)
    for name, kind, length, center, order, expected in (
        ("whole", "diversity", N, False, "centroid", plain.sequences()),
        ("centred", "diversity", 7, True, "centroid", Reference(DATA, center=True).sequences(length=7)),
        ("toward", "diversity", 9, False, "toward", toward),
        ("neighbors", "neighbors", 5, False, "centroid", plain.neighbors(5)[0].tolist()),
        ("neighbors.similarities", "similarities", 5, False, "centroid", plain.neighbors(5)[1].tolist()),
    ):
        cache = vkc.load_cache(made / f"{name}.npy", embeddings=DATA)
        assert (cache.kind, cache.n, cache.d, cache.length, cache.centered) == (kind, N, D, length, center)
        assert (cache.order, cache.lambda_ is None) == (order, order == "centroid")
        assert cache.lambda_ is None or np.float32(cache.lambda_) == np.float32(0.123456789)
        assert len(cache) == N
        assert isinstance(cache.array, np.memmap) and not cache.array.flags.writeable
        assert cache.array.tolist() == expected
        assert [cache[item].tolist() for item in range(N)] == expected
        assert list(map(list, cache)) == expected
        cache.check()
        described = json.loads((made / f"{name}.npy.json").read_text())
        del described["row_checksums"]
        assert cache.metadata == described
        row = cache[3]
        del cache
        assert row.tolist() == expected[3]


def test_embeddings_in_other_forms(made):
    path = str(made / "whole.npy")
    for given in (DATA.tolist(), np.asfortranarray(DATA), DATA.astype(np.float64)):
        vkc.load_cache(path, given)
    for given, words in (
        (DATA[:-1], r"n \(the cache has 130, given are 129\)"),
        (DATA[:, :-1], r"d \(the cache has 9, given are 8\)"),
        (DATA[::-1], "the embeddings themselves"),
    ):
        with pytest.raises(vkc.CacheError, match=words):
            vkc.load_cache(path, given)


def test_ids_that_are_not_there(made):
    cache = vkc.load_cache(made / "whole.npy")
    for item in (-1, N, 2**40):
        with pytest.raises(vkc.ItemOutOfRangeError, match="must be 0 to 129"):
            cache[item]
    for item in ("0", 1.0, slice(3)):
        with pytest.raises(TypeError):
            cache[item]


def test_a_damaged_row_is_found(copied):
    path, _ = copied
    flip(path, path.stat().st_size - 4 * N * (N - 5) + 4)
    cache = vkc.load_cache(path, DATA)
    assert cache[4].tolist() == Reference(DATA).sequence(4)
    with pytest.raises(vkc.CacheError, match=f"row 5 of {path} is damaged.*verify EMBEDDINGS {path} --repair"):
        cache[5]
    with pytest.raises(vkc.CacheError, match=rf"1 of {N} rows of {path} are damaged \(5\)"):
        cache.check()


def test_metadata_damaged_anywhere_are_not_believed(copied):
    path, metadata = copied
    whole = metadata.read_bytes()
    for place in range(0, len(whole), 97):
        flip(metadata, place)
        with pytest.raises(vkc.CacheError, match="cannot be used"):
            vkc.load_cache(path)
        metadata.write_bytes(whole[:place])
        with pytest.raises(vkc.CacheError, match="cannot be used"):
            vkc.load_cache(path)
        metadata.write_bytes(whole)
    vkc.load_cache(path)


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("n", N + 1, "members do not fit"),
        ("n", "130", "members do not fit"),
        ("length", 0, "members do not fit"),
        ("centered", True, "members do not fit"),
        ("embeddings_checksum", "0" * 32, "members do not fit"),
        ("row_checksums", "0" * 16, "members do not fit"),
        ("fingerprint", "0" * 32, "members do not fit"),
        ("order", "away", "members do not fit"),
        ("lambda", 0.5, "members do not fit"),
        ("format", "vulkan_compute other cache", "kind known here"),
        ("format_version", 2, "format version 2"),
        ("shard", "1/3", "format version 1"),
        ("queries", N, "members do not fit"),
    ],
)
def test_metadata_of_something_else_are_not_believed(copied, name, value, words):
    """Though their own checksum is right."""
    path, metadata = copied
    fields = json.loads(metadata.read_bytes())
    fields[name] = value
    del fields["checksum"]
    body = json.dumps(fields, indent=2).removesuffix("\n}").encode()
    checksum = _identity.hex128(body)
    metadata.write_bytes(body + f',\n  "checksum": "{checksum}"\n}}\n'.encode())
    with pytest.raises(vkc.CacheError, match=words):
        vkc.load_cache(path)


def test_a_file_of_another_size_or_shape_is_refused(copied):
    path, _ = copied
    whole = path.read_bytes()
    half = whole[: len(whole) // 2]
    for contents in (whole[:-1], whole[:-4], half, whole[:100], b"", whole + b"\0" * 4, b"PK\3\4" + whole):
        path.write_bytes(contents)
        with pytest.raises(vkc.CacheError, match="is damaged"):
            vkc.load_cache(path)
    for other in (np.zeros((N, N + 1), "<u4"), np.zeros((N, N), "<f4"), np.zeros((N, N), "<u4", "F")):
        np.save(path, other)
        with pytest.raises(vkc.CacheError, match="is damaged"):
            vkc.load_cache(path)


def test_a_header_damaged_anywhere_is_refused(copied):
    path, _ = copied
    for place in range(path.stat().st_size - 4 * N * N):
        flip(path, place)
        with pytest.raises(vkc.CacheError, match="is damaged"):
            vkc.load_cache(path)
        flip(path, place)
    assert vkc.load_cache(path)[5].tolist() == Reference(DATA).sequence(5)


def test_nearest_items_of_queries(made):
    ids, _ = Reference(np.concatenate([DATA, QUERIES])).nearest(6, N)
    cache = vkc.load_cache(made / "nearest.npy", DATA)
    assert (cache.kind, cache.n, cache.queries, cache.length, len(cache)) == ("nearest", N, 7, 6, 7)
    assert [cache[query].tolist() for query in range(7)] == ids.tolist()
    cache.check()
    with pytest.raises(vkc.ItemOutOfRangeError, match="must be 0 to 6"):
        cache[7]


def test_similarities_beside_their_neighbours(made, tmp_path):
    cache = vkc.load_cache(made / "neighbors.npy")
    ids, expected = Reference(DATA).neighbors(5)
    assert (cache.array == ids).all() and (cache.similarities.array == expected).all()
    assert cache.similarities[7].tolist() == expected[7].tolist()
    assert cache.similarities is cache.similarities
    with pytest.raises(vkc.CacheError, match="has no similarities: there is no .*whole.similarities.npy"):
        vkc.load_cache(made / "whole.npy").similarities

    for ending in ("npy", "npy.json"):
        (tmp_path / f"neighbors.similarities.{ending}").write_bytes(
            (made / f"neighbors.similarities.{ending}").read_bytes()
        )
    vulkan_compute("neighbors", made / "embeddings.npy", tmp_path / "neighbors.npy", "--k", 4, "--quiet")
    with pytest.raises(vkc.CacheError, match="does not belong to the neighbours in"):
        vkc.load_cache(tmp_path / "neighbors.npy").similarities
    # What the message says to do.
    for name in tmp_path.glob("*.similarities*"):
        name.unlink()
    vulkan_compute(
        "neighbors", made / "embeddings.npy", tmp_path / "neighbors.npy", "--k", 4, "--similarities",
        "--quiet"
    )
    cache = vkc.load_cache(tmp_path / "neighbors.npy")
    assert cache.similarities[3].tolist() == expected[3, :4].tolist()


def test_a_shard_is_refused(made):
    with pytest.raises(
        vkc.CacheError, match="is a shard, 1/3, and has rows 43 to 85 of 130: merge all shards"
    ):
        vkc.load_cache(made / "shard.npy", partial=True)


def test_a_cache_that_is_not_finished(stopped, made):
    path, done = stopped
    with pytest.raises(vkc.CacheError, match=f"{path} is not finished: 7 of 130 rows are done. Run the"):
        vkc.load_cache(path)
    cache = vkc.load_cache(path, DATA, partial=True)
    assert not cache.finished and np.flatnonzero(cache.done).tolist() == done
    assert (cache.kind, cache.n, cache.d, cache.length, len(cache)) == ("diversity", N, D, N, N)
    reference = Reference(DATA)
    for item in range(N):
        if item in done:
            assert cache[item].tolist() == reference.sequence(item)
        else:
            with pytest.raises(vkc.CacheError, match=f"row {item} of {path} is not done yet: 7 of 130"):
                cache[item]
    cache.check()
    assert "7 of 130 rows of 130" in repr(cache)
    with pytest.raises(vkc.CacheError, match="made from other embeddings"):
        vkc.load_cache(path, DATA[::-1], partial=True)

    flip(path.with_name(path.name + ".partial"), path_offset(40) + 8)
    with pytest.raises(vkc.CacheError, match=r"1 of 130 rows .* damaged \(40\)") as refusal:
        cache.check()
    # What the message says to do.
    words = str(refusal.value).split("put it right with vulkan-compute ")[1].split()
    assert words == ["verify", "EMBEDDINGS", str(path), "--repair"]
    vulkan_compute("verify", made / "embeddings.npy", path, "--repair", "--quiet")
    repaired = vkc.load_cache(path, partial=True)
    repaired.check()
    # And what goes on is read as it goes on.
    vulkan_compute("cache", made / "embeddings.npy", path, "--quiet")
    whole = vkc.load_cache(path, partial=True)
    assert whole.finished and whole.done.all() and whole[41].tolist() == reference.sequence(41)


def test_a_journal_damaged_anywhere_is_not_believed_there(stopped):
    path, done = stopped
    journal = path.with_name(path.name + ".journal")
    whole = journal.read_bytes()
    header = whole.index(b"\n") + 1
    for place in range(len(whole)):
        flip(journal, place)
        if place < header:
            with pytest.raises(vkc.CacheError, match="is not finished, and .*journal cannot be used"):
                vkc.load_cache(path, partial=True)
        else:
            cache = vkc.load_cache(path, partial=True)
            assert set(np.flatnonzero(cache.done)) <= set(done)
            cache.check()
        flip(journal, place)
    for end in range(header, len(whole)):
        journal.write_bytes(whole[:end])
        vkc.load_cache(path, partial=True).check()
    for end in range(header):
        journal.write_bytes(whole[:end])
        with pytest.raises(vkc.CacheError, match="cannot be used: it is damaged. Run the computation again"):
            vkc.load_cache(path)


def test_rows_of_another_size_are_refused_unfinished_too(stopped):
    path, _ = stopped
    partial = path.with_name(path.name + ".partial")
    os.truncate(partial, 1000)
    with pytest.raises(vkc.CacheError, match="partial is 1000 bytes long and should be 67728: it is damaged"):
        vkc.load_cache(path, partial=True)
    partial.unlink()
    with pytest.raises(vkc.CacheError, match="neither finished nor begun"):
        vkc.load_cache(path, partial=True)


def test_records_of_rows_that_are_not_there_are_not_believed(stopped):
    """Though their checksums are right."""
    path, done = stopped
    journal = path.with_name(path.name + ".journal")
    whole = journal.read_bytes()
    fingerprint = vkc.load_cache(path, partial=True).metadata["fingerprint"]
    digits = "0" * 16
    for record in (
        {"rows": [[130, 1]], "checksums": digits},
        {"rows": [[-1, 1]], "checksums": digits},
        {"rows": [[0, 2**62]], "checksums": digits},
        {"rows": [[5, 2]], "checksums": digits},
        {"rows": [[5, 2], [9, -1]], "checksums": digits},
        {"rows": [[5, 1]], "checksums": digits[1:]},
        {"rows": [[5, 1]], "checksums": "\u00e9" * 16},
        {"rows": [[5.5, 1]], "checksums": digits},
        {"rows": [5], "checksums": digits},
        {"rows": 5, "checksums": digits},
        {"rows": [["5", None]], "checksums": digits},
        {"rows": [[5, 1]], "checksums": 7},
        {"rows": [[5, 1]]},
        [],
    ):
        text = json.dumps(record | {"time": 1} if record else record)
        checksum = _xxhash.hex64(np.frombuffer((fingerprint + text).encode(), np.uint8))
        journal.write_bytes(whole + f"{checksum} {text}\n".encode())
        assert np.flatnonzero(vkc.load_cache(path, partial=True).done).tolist() == done


def test_what_is_no_cache_is_refused(made, tmp_path):
    with pytest.raises(vkc.CacheError, match="neither finished nor begun"):
        vkc.load_cache(tmp_path / "none.npy")
    with pytest.raises(vkc.CacheError, match="is not a cache: there is no .*json that says what it is. Give"):
        vkc.load_cache(made / "embeddings.npy")
    with pytest.raises(vkc.CacheError, match="is not a cache: there is no"):
        vkc.load_cache(tmp_path)
    for ending in ("partial", "journal"):
        (tmp_path / f"begun.npy.{ending}").write_bytes(b"")
    with pytest.raises(vkc.CacheError, match="is not finished, and .*begun.npy.journal cannot be used"):
        vkc.load_cache(tmp_path / "begun.npy")
    for part in (made / "whole.npy.json", tmp_path / "begun.npy.partial", tmp_path / "begun.npy.journal"):
        with pytest.raises(vkc.CacheError, match=rf"is part of the cache {part.with_suffix('')}. Load {part.parent}"):
            vkc.load_cache(part)
    # A name alone makes no part of a cache.
    (tmp_path / "data.json").write_bytes(b"[[1, 2]]")
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(vkc.CacheError, match="there is no .*data.json.json"):
        vkc.load_cache(tmp_path / "data.json")
