"""Caches that vulkan-compute wrote, read from Python."""

import json
import os
import subprocess

import numpy as np
import pytest
import vulkan_compute as vkc
from conftest import ROOT
from reference import Reference, kinds
from vulkan_compute import _library

N, D = 130, 9
DATA = kinds(N, D)["unequal norms"]


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
    return folder


@pytest.fixture
def copied(made, tmp_path):
    """Paths of the files of a cache that a test may spoil."""
    for ending in ("", ".json"):
        (tmp_path / f"whole.npy{ending}").write_bytes((made / f"whole.npy{ending}").read_bytes())
    return tmp_path / "whole.npy", tmp_path / "whole.npy.json"


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
        ("format", "another cache", "kind known here"),
        ("format_version", 2, "format version 2"),
        ("shard", "1/3", "shard 1/3 of a cache: merge all shards"),
    ],
)
def test_metadata_of_something_else_are_not_believed(copied, name, value, words):
    """Though their own checksum is right."""
    path, metadata = copied
    fields = json.loads(metadata.read_bytes())
    fields[name] = value
    del fields["checksum"]
    body = json.dumps(fields, indent=2).removesuffix("\n}").encode()
    checksum = vkc._cache._hex128(body)
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


def test_what_is_no_finished_cache_is_refused(made, tmp_path):
    with pytest.raises(vkc.CacheError, match="neither finished nor begun"):
        vkc.load_cache(tmp_path / "none.npy")
    with pytest.raises(vkc.CacheError, match="is not a cache: there is no"):
        vkc.load_cache(made / "embeddings.npy")
    for ending in ("partial", "journal"):
        (tmp_path / f"begun.npy.{ending}").write_bytes(b"")
    with pytest.raises(vkc.CacheError, match="is not finished"):
        vkc.load_cache(tmp_path / "begun.npy")
