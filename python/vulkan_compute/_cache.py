"""Reading the caches that `vulkan-compute cache` and `vulkan-compute neighbors` write.

NAME is a .npy file of uint32, or of float32 where it holds similarities; NAME.json beside it says
what it was made from and holds checksums: of itself, of each row. A cache is believed only where all of them fit.
"""

from __future__ import annotations

import json
import operator
import os
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _xxhash as xxhash
from .errors import CacheError, ItemOutOfRangeError

_FORMAT_VERSION = 1

# By the name of a kind: the metadata's `format`, the first line of what a fingerprint is of, and the
# type of a row's elements.
_KINDS = {
    "diversity": ("vulkan_compute diversity cache", "diversity cache", "<u4"),
    "neighbors": ("vulkan_compute nearest neighbors cache", "nearest neighbors cache", "<u4"),
    "similarities": (
        "vulkan_compute neighbor similarities cache",
        "neighbor similarities cache",
        "<f4",
    ),
}
_MEMBERS = {
    "n": int,
    "d": int,
    "length": int,
    "centered": bool,
    "definition_version": int,
    "embeddings_checksum": str,
    "fingerprint": str,
    "row_checksums": str,
}


def _hex128(text: bytes) -> str:
    return xxhash.hex128(np.frombuffer(text, np.uint8))


def _fingerprint(title: str, fields: dict[str, Any]) -> str:
    lines = [
        title,
        f"definition {fields['definition_version']}",
        f"n {fields['n']}",
        f"d {fields['d']}",
        f"length {fields['length']}",
        f"centered {str(fields['centered']).lower()}",
    ]
    # A cache of the default order does not mention it.
    if "order" in fields:
        lines.append(f"order {fields['order']}")
    if "lambda" in fields:
        lines.append(f"lambda {fields['lambda']:.9g}")
    lines.append(fields["embeddings_checksum"])
    return _hex128("".join(f"{line}\n" for line in lines).encode())


def _members_fit(kind: str, fields: dict[str, Any]) -> bool:
    return (
        all(
            type(fields.get(name)) is wanted and (wanted is not int or fields[name] >= 1)
            for name, wanted in _MEMBERS.items()
        )
        and isinstance(fields.get("lambda", 0), (int, float))
        and fields["fingerprint"] == _fingerprint(_KINDS[kind][1], fields)
        and len(fields["row_checksums"]) == 16 * fields["n"]
    )


def _decode(text: bytes) -> tuple[str, dict[str, Any]]:
    """The kind and the members of a metadata file. Raises ValueError with what is wrong."""
    found = re.fullmatch(rb'(.*),\n  "checksum": "([0-9a-f]+)"\n}\n', text, re.DOTALL)
    if not found or _hex128(found[1]) != found[2].decode():
        raise ValueError("its checksum does not fit: it is damaged")
    fields = json.loads(text)
    kinds = [kind for kind, (format, *_) in _KINDS.items() if format == fields.get("format")]
    if not kinds:
        raise ValueError("it does not describe a cache of a kind known here")
    if "shard" in fields:
        raise CacheError(
            f"this is shard {fields['shard']} of a cache: merge all shards into one (vulkan-compute merge)"
        )
    if fields.get("format_version") != _FORMAT_VERSION:
        raise ValueError(
            f"it has format version {fields.get('format_version')},"
            f" and version {_FORMAT_VERSION} is known here"
        )
    if not _members_fit(kinds[0], fields):
        raise ValueError("its members do not fit each other")
    return kinds[0], fields


def _read_metadata(path: str) -> tuple[str, dict[str, Any]]:
    try:
        with open(path + ".json", "rb") as file:
            text = file.read()
    except FileNotFoundError:
        raise CacheError(
            f"{path} is not a cache: there is no {path}.json that says what it is"
        ) from None
    try:
        return _decode(text)
    except ValueError as problem:
        raise CacheError(
            f"{path} cannot be trusted: {path}.json cannot be used: {problem}. Compute it anew,"
            " under another name"
        ) from None


def _header(descr: str, n: int, length: int) -> bytes:
    """What the .npy file of a cache begins with: NumPy's format 1.0, in blocks of 64 bytes."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({n}, {length}), }}"
    text += " " * (-(10 + len(text) + 1) % 64) + "\n"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode()


def _map_rows(path: str, descr: str, n: int, length: int) -> np.memmap[Any, np.dtype[Any]]:
    header = _header(descr, n, length)
    size = os.path.getsize(path)
    expected = len(header) + 4 * n * length
    if size != expected:
        raise CacheError(f"{path} is {size} bytes long and should be {expected}: it is damaged")
    with open(path, "rb") as file:
        if file.read(len(header)) != header:
            raise CacheError(f"{path} does not begin as {n} rows of {length} do: it is damaged")
    return np.memmap(path, descr, "r", len(header), (n, length))


def _differences(fields: dict[str, Any], embeddings: npt.NDArray[np.float32]) -> list[str]:
    list_of = [
        f"{name} (the cache has {fields[name]}, given are {size})"
        for name, size in zip("nd", embeddings.shape)
        if fields[name] != size
    ]
    if not list_of and xxhash.hex128(embeddings) != fields["embeddings_checksum"]:
        list_of.append("the embeddings themselves")
    return list_of


class Cache:
    """A cache of diversity sequences, of nearest neighbours or of their similarities, open for reading.

    It is what `load_cache` gives.

    ``cache[item]`` is the row of an item, compared with its checksum; ``len(cache)`` is n.

    Attributes
    ----------
    path : str
    kind : str
        "diversity": row s is the diversity sequence from s, s first. "neighbors": row s holds the
        nearest neighbours of s, the most similar first. "similarities": the similarities of these.
    n, d, length : int
        Items, their dimension, ids in a row.
    centered : bool
        Whether the mean embedding was subtracted.
    order : str
        Of diversity sequences, as for `Context.diversity_sequence`.
    lambda_ : float or None
        Of orders that have one.
    metadata : dict
        All that NAME.json says but for the checksums of rows: device, date, fingerprint and more.
    array : (n, length) numpy.memmap of uint32; of similarities float32
        All rows, mapped read-only and not compared with anything: see `check`.
    """

    def __init__(self, path: str, kind: str, fields: dict[str, Any]) -> None:
        self.path = path
        self.kind = kind
        self.n: int = fields["n"]
        self.d: int = fields["d"]
        self.length: int = fields["length"]
        self.centered: bool = fields["centered"]
        self.order: str = fields.get("order", "centroid")
        self.lambda_: float | None = fields.get("lambda")
        self.metadata = {name: fields[name] for name in fields if name != "row_checksums"}
        self.array = _map_rows(path, _KINDS[kind][2], self.n, self.length)
        self._checksums: str = fields["row_checksums"]

    def __len__(self) -> int:
        return self.n

    def _is_right(self, item: int) -> bool:
        return xxhash.hex64(self.array[item]) == self._checksums[16 * item : 16 * item + 16]

    def __getitem__(self, item: int) -> npt.NDArray[Any]:
        """The row of an item: a read-only view into the file, valid for as long as it is held.

        Raises
        ------
        ItemOutOfRangeError
            The item is not 0 to n - 1. Ids are not counted from the end.
        CacheError
            The row is damaged.
        """
        item = operator.index(item)
        if not 0 <= item < self.n:
            raise ItemOutOfRangeError(f"item must be 0 to {self.n - 1}, but is {item}")
        if not self._is_right(item):
            raise CacheError(
                f"row {item} of {self.path} is damaged: repair it"
                f" (vulkan-compute verify EMBEDDINGS {self.path} --repair)"
            )
        row: npt.NDArray[Any] = self.array[item]
        return row

    def check(self) -> None:
        """Compares every row with its checksum. Reads the whole file.

        Raises
        ------
        CacheError
            It names the rows that are damaged.
        """
        damaged = [item for item in range(self.n) if not self._is_right(item)]
        if damaged:
            some = ", ".join(map(str, damaged[:10])) + (", ..." if len(damaged) > 10 else "")
            raise CacheError(
                f"{len(damaged)} of {self.n} rows of {self.path} are damaged ({some}): repair it"
                f" (vulkan-compute verify EMBEDDINGS {self.path} --repair)"
            )


def load_cache(
    path: str | os.PathLike[str], embeddings: npt.ArrayLike | None = None
) -> Cache:
    """Opens a cache that `vulkan-compute` wrote. The file is mapped, not read.

    Needs no context, no device and not the library, but libxxhash.

    Parameters
    ----------
    path
        The .npy file; what describes it lies beside it.
    embeddings : (n, d) array_like, optional
        What the cache must have been made from, as for `Context.upload`.

    Raises
    ------
    CacheError
        There is no such cache; it is not finished, or damaged, or made from other embeddings.
    LibraryError
        libxxhash is missing.
    """
    path = os.fspath(path)
    if not os.path.exists(path):
        if os.path.exists(path + ".journal"):
            raise CacheError(f"{path} is not finished. Run the computation again to go on")
        raise CacheError(f"there is no cache {path}, neither finished nor begun")
    cache = Cache(path, *_read_metadata(path))
    if embeddings is not None:
        array = arguments.embeddings(embeddings)
        differences = _differences(cache.metadata, array)
        if differences:
            raise CacheError(
                f"{path} was made from other embeddings than those given; what differs:"
                f" {', '.join(differences)}. Compute it anew"
            )
    return cache
