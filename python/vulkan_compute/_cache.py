"""Reading the caches that `vulkan-compute cache` and `vulkan-compute neighbors` write.

NAME is a .npy file of uint32, or of float32 where it holds similarities; NAME.json beside it says
what it was made from and holds checksums: of itself, of each row. A cache is believed only where all
of them fit. While it grows it is NAME.partial and NAME.journal.
"""

from __future__ import annotations

import json
import operator
import os
import re
import shlex
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _identity as identity
from . import _journal as journal
from . import _xxhash as xxhash
from .errors import CacheError, ItemOutOfRangeError


_BEGINNING = b'{\n  "format": "vulkan_compute '


class _Found(NamedTuple):
    """A cache, as far as the files beside its rows tell.

    Attributes
    ----------
    file : str
        Where the rows are.
    checksums : array of bytes
        Of each row in hexadecimal, empty where the row is not done.
    """

    file: str
    finished: bool
    kind: str
    fields: dict[str, Any]
    checksums: npt.NDArray[np.bytes_]


def _repair_hint(path: str, fields: dict[str, Any]) -> str:
    queries = " --queries QUERIES" if "queries" in fields else ""
    return (
        f"put it right with vulkan-compute verify EMBEDDINGS {shlex.quote(path)}{queries} --repair"
    )


def _decode(text: bytes) -> tuple[str, dict[str, Any], npt.NDArray[np.bytes_]]:
    """The kind, the members and the checksums of rows of a metadata file. Raises ValueError with what
    is wrong."""
    found = re.fullmatch(rb'(.*),\n  "checksum": "([0-9a-f]+)"\n}\n', text, re.DOTALL)
    if not found or identity.hex128(found[1]) != found[2].decode():
        raise ValueError("its checksum does not fit: it is damaged")
    fields = json.loads(text)
    kinds = [name for name, kind in identity.KINDS.items() if kind.format == fields.get("format")]
    if not kinds:
        raise ValueError("it does not describe a cache of a kind known here")
    if fields.get("format_version") != identity.version(fields):
        raise ValueError(
            f"it has format version {fields.get('format_version')}, which is not known here"
        )
    digits = fields.pop("row_checksums", None)
    if not (
        identity.is_complete(kinds[0], fields)
        and isinstance(digits, str)
        and re.fullmatch("[0-9a-f]+", digits)
        and len(digits) == 16 * len(identity.rows(fields))
    ):
        raise ValueError("its members do not fit each other")
    return kinds[0], fields, np.frombuffer(digits.encode(), "S16")


def _begins_as_metadata(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(_BEGINNING)) == _BEGINNING
    except OSError:
        return False


def _cache_of_part(path: str) -> str | None:
    """The cache that a file is a part of, by its name and what lies beside it."""
    for suffix in (".json", ".partial", ".journal"):
        cache = path.removesuffix(suffix)
        if cache != path and (
            os.path.exists(cache + ".journal") or _begins_as_metadata(cache + ".json")
        ):
            return cache
    return None


def _without_metadata(path: str) -> CacheError:
    whole = _cache_of_part(path)
    if whole:
        return CacheError(f"{path} is not a cache: it is part of the cache {whole}. Load {whole}")
    if os.path.exists(path + ".journal"):
        remedy = "Run the computation again, it finds out what can be kept"
    else:
        remedy = (
            "Give a file that vulkan-compute cache or neighbors wrote, and leave what it wrote beside"
            " it there"
        )
    return CacheError(f"{path} is not a cache: there is no {path}.json that says what it is. {remedy}")


def _find_finished(path: str) -> _Found | None:
    if not os.path.exists(path):
        return None
    try:
        with open(path + ".json", "rb") as file:
            text = file.read(len(_BEGINNING))
            # What begins otherwise may be of any size.
            text += file.read() if text == _BEGINNING else b""
    except FileNotFoundError:
        raise _without_metadata(path) from None
    try:
        return _Found(path, True, *_decode(text))
    except (RecursionError, ValueError) as problem:
        raise CacheError(
            f"{path} cannot be trusted: {path}.json cannot be used: {problem}. Compute it anew,"
            " under another name"
        ) from None


def _find_growing(path: str) -> _Found | None:
    try:
        found = journal.read(path + ".journal")
    except ValueError as problem:
        raise CacheError(
            f"{path} is not finished, and {path}.journal cannot be used: {problem}. Run the"
            " computation again, it finds out what can be kept"
        ) from None
    if not found or not os.path.exists(path + ".partial"):
        return None
    return _Found(path + ".partial", False, *found)


def _find(path: str) -> _Found:
    # Between the first two looks a writer may have given the file its final name.
    found = _find_finished(path) or _find_growing(path) or _find_finished(path)
    if not found:
        raise CacheError(f"there is no cache {path}, neither finished nor begun")
    if "shard" in found.fields:
        rows = identity.rows(found.fields)
        raise CacheError(
            f"{path} is a shard, {found.fields['shard']}, and has rows {rows.start} to {rows.stop - 1}"
            f" of {identity.all_rows(found.fields)}: merge all shards into one cache first"
            " (vulkan-compute merge)"
        )
    return found


def _header(descr: str, n: int, length: int) -> bytes:
    """What the .npy file of a cache begins with: NumPy's format 1.0, in blocks of 64 bytes."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({n}, {length}), }}"
    text += " " * (-(10 + len(text) + 1) % 64) + "\n"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode()


def _map_rows(path: str, found: _Found) -> np.memmap[Any, np.dtype[Any]]:
    descr, length = identity.KINDS[found.kind].descr, found.fields["length"]
    shape = (identity.all_rows(found.fields), length)
    header = _header(descr, *shape)
    size = os.path.getsize(found.file)
    expected = len(header) + 4 * shape[0] * length
    if size != expected:
        raise CacheError(
            f"{found.file} is {size} bytes long and should be {expected}: it is damaged:"
            f" {_repair_hint(path, found.fields)}"
        )
    with open(found.file, "rb") as file:
        if file.read(len(header)) != header:
            raise CacheError(
                f"{found.file} does not begin as {shape[0]} rows of {length} do: it is damaged:"
                f" {_repair_hint(path, found.fields)}"
            )
    return np.memmap(found.file, descr, "r", len(header), shape)


def _differences(fields: dict[str, Any], embeddings: npt.NDArray[np.float32]) -> list[str]:
    list_of = [
        f"{name} (the cache has {fields[name]}, given are {size})"
        for name, size in zip("nd", embeddings.shape)
        if fields[name] != size
    ]
    if not list_of and xxhash.hex128(embeddings) != fields["embeddings_checksum"]:
        list_of.append("the embeddings themselves")
    return list_of


def _twin_path(path: str) -> str:
    """Where the similarities of neighbours are."""
    return path.removesuffix(".npy") + ".similarities" + (".npy" if path.endswith(".npy") else "")


class Cache:
    """A cache of diversity sequences, of nearest neighbours or of their similarities, open for reading.

    It is what `load_cache` gives.

    ``cache[item]`` is the row of an item, compared with its checksum; ``len(cache)`` is how many rows
    the whole has.

    Attributes
    ----------
    path : str
    kind : str
        "diversity": row s is the diversity sequence from s, s first. "neighbors": row s holds the
        nearest neighbours of s, the most similar first. "nearest": row q holds the items nearest to
        query q, likewise. "similarities": the similarities of neighbours, as `similarities` gives.
    n, d, length : int
        Items, their dimension, ids in a row.
    queries : int or None
        Of the kind "nearest", how many rows there are; of the others there are n.
    centered : bool
        Whether the mean embedding was subtracted.
    order : str
        Of diversity sequences, as for `Context.diversity_sequence`.
    lambda_ : float or None
        Of orders that have one.
    finished : bool
    done : array of bool
        Which rows there are: all of a finished cache.
    metadata : dict
        All that NAME.json says but for the checksums of rows: device, date, fingerprint and more. Of
        a cache that is not finished, what it is made from.
    array : (rows, length) numpy.memmap of uint32; of similarities float32
        All rows, mapped read-only and not compared with anything: see `check`. Of a cache that is not
        finished, anything may stand in those that are not done.
    """

    def __init__(self, path: str, found: _Found) -> None:
        self.path = path
        self.kind = found.kind
        self.n: int = found.fields["n"]
        self.d: int = found.fields["d"]
        self.length: int = found.fields["length"]
        self.queries: int | None = found.fields.get("queries")
        self.centered: bool = found.fields["centered"]
        self.order: str = found.fields.get("order", "centroid")
        self.lambda_: float | None = found.fields.get("lambda")
        self.finished = found.finished
        self.done: npt.NDArray[np.bool_] = found.checksums != b""
        self.metadata = found.fields
        self.array = _map_rows(path, found)
        self._checksums = found.checksums
        self._similarities: Cache | None = None

    def __repr__(self) -> str:
        return f"<Cache {self.path!r}: {self.kind}, {self.done.sum()} of {len(self)} rows of {self.length}>"

    def __len__(self) -> int:
        return len(self.array)

    def _is_right(self, item: int) -> bool:
        return bool(self._checksums[item] == xxhash.hex64(self.array[item]).encode())

    def __getitem__(self, item: int) -> npt.NDArray[Any]:
        """The row of an item, or query: a read-only view into the file, valid for as long as it is
        held.

        Raises
        ------
        ItemOutOfRangeError
            There is no such item. Ids are not counted from the end.
        CacheError
            The row is damaged; or not done yet, of a cache that is not finished.
        """
        item = operator.index(item)
        if not 0 <= item < len(self):
            raise ItemOutOfRangeError(f"item must be 0 to {len(self) - 1}, but is {item}")
        if not self.done[item]:
            raise CacheError(
                f"row {item} of {self.path} is not done yet: {self.done.sum()} of {len(self)} are,"
                " and the attribute done says which. Run the computation again to go on"
            )
        if not self._is_right(item):
            raise CacheError(
                f"row {item} of {self.path} is damaged: {_repair_hint(self.path, self.metadata)}"
            )
        row: npt.NDArray[Any] = self.array[item]
        return row

    def check(self) -> None:
        """Compares every row that is done with its checksum. Reads the whole file.

        Raises
        ------
        CacheError
            It names the rows that are damaged.
        """
        damaged = [item for item in np.flatnonzero(self.done).tolist() if not self._is_right(item)]
        if damaged:
            some = ", ".join(map(str, damaged[:10])) + (", ..." if len(damaged) > 10 else "")
            raise CacheError(
                f"{len(damaged)} of {len(self)} rows of {self.path} are damaged ({some}):"
                f" {_repair_hint(self.path, self.metadata)}"
            )

    @property
    def similarities(self) -> Cache:
        """Of neighbours, their similarities, where they were made with ``--similarities``: a row for
        each item, in the order of its neighbours.

        Raises
        ------
        CacheError
            There are none; or they are not finished, damaged, or of other neighbours.
        """
        if self._similarities is None:
            path = _twin_path(self.path)
            if not any(os.path.exists(path + ending) for ending in ("", ".json", ".journal")):
                raise CacheError(
                    f"{self.path} has no similarities: there is no {path}."
                    " vulkan-compute neighbors --similarities writes it"
                )
            twin = load_cache(path)
            names = ("embeddings_checksum", "centered", "length")
            if twin.kind != "similarities" or any(
                twin.metadata[name] != self.metadata[name] for name in names
            ):
                raise CacheError(
                    f"{path} does not belong to the neighbours in {self.path}: remove it, and compute"
                    " it again with vulkan-compute neighbors --similarities"
                )
            self._similarities = twin
        return self._similarities


def load_cache(
    path: str | os.PathLike[str],
    embeddings: npt.ArrayLike | None = None,
    *,
    partial: bool = False,
) -> Cache:
    """Opens a cache that `vulkan-compute` wrote. The file is mapped, not read.

    Needs no context, no device and not the library, but libxxhash.

    Parameters
    ----------
    path
        The .npy file; what describes it lies beside it.
    embeddings : (n, d) array_like, optional
        What the cache must have been made from, as for `Context.upload`.
    partial
        Whether a cache that is not finished is opened, too, with the rows that are done by now.

    Raises
    ------
    CacheError
        There is no such cache; it is not finished, damaged, a shard, or made from other embeddings.
    LibraryError
        libxxhash is missing.
    """
    path = os.fspath(path)
    found = _find(path)
    if not found.finished and not partial:
        raise CacheError(
            f"{path} is not finished: {np.count_nonzero(found.checksums)} of"
            f" {found.checksums.size} rows are done. Run the computation again to go on, or load what"
            " there is with partial=True"
        )
    try:
        cache = Cache(path, found)
    except FileNotFoundError:
        # A writer has given the file its final name meanwhile.
        cache = Cache(path, _find(path))
    if embeddings is not None:
        differences = _differences(cache.metadata, arguments.embeddings(embeddings))
        if differences:
            raise CacheError(
                f"{path} was made from other embeddings than those given; what differs:"
                f" {', '.join(differences)}. Compute it anew"
            )
    return cache
