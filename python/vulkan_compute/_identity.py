"""What a cache was made from, as its files say it: lua/vk_compute/cache/identity.lua is the whole of it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from . import _xxhash as xxhash


class Kind(NamedTuple):
    """A kind of cache.

    Attributes
    ----------
    format : str
        The member of that name in metadata.
    title : str
        The first line of what a fingerprint is of.
    descr : str
        The type of a row's elements, as NumPy writes it.
    """

    format: str
    title: str
    descr: str


KINDS = {
    "diversity": Kind("vulkan_compute diversity cache", "diversity cache", "<u4"),
    "neighbors": Kind("vulkan_compute nearest neighbors cache", "nearest neighbors cache", "<u4"),
    "nearest": Kind(
        "vulkan_compute nearest items of queries cache", "nearest items of queries cache", "<u4"
    ),
    "similarities": Kind(
        "vulkan_compute neighbor similarities cache", "neighbor similarities cache", "<f4"
    ),
}


def hex128(text: bytes) -> str:
    return xxhash.hex128(np.frombuffer(text, np.uint8))


def _fingerprint(kind: str, fields: dict[str, Any]) -> str:
    lines = [
        KINDS[kind].title,
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
    if "queries" in fields:
        lines += [f"queries {fields['queries']}", fields["queries_checksum"]]
    return hex128("".join(f"{line}\n" for line in lines).encode())


def _is_count(value: object) -> bool:
    return type(value) is int and 1 <= value < 2**32


def _is_shard(value: object) -> bool:
    found = re.fullmatch("([0-9]{1,10})/([0-9]{1,10})", value) if isinstance(value, str) else None
    return found is not None and int(found[1]) < int(found[2])


def is_complete(kind: str, fields: dict[str, Any]) -> bool:
    """Whether the members of a file are those of a cache of this kind, and their fingerprint fits them."""
    counts, texts = ["n", "d", "length", "definition_version"], ["embeddings_checksum", "fingerprint"]
    if "queries" in fields or kind == "nearest":
        counts.append("queries")
        texts.append("queries_checksum")
    return (
        all(_is_count(fields.get(name)) for name in counts)
        and all(isinstance(fields.get(name), str) for name in texts)
        and isinstance(fields.get("centered"), bool)
        and isinstance(fields.get("lambda", 0), (int, float))
        and ("shard" not in fields or _is_shard(fields["shard"]))
        and fields["fingerprint"] == _fingerprint(kind, fields)
    )


def version(fields: dict[str, Any]) -> int:
    """Of the format of the files that mention these."""
    return 2 if "shard" in fields else 1


def all_rows(fields: dict[str, Any]) -> int:
    """How many rows the whole has: one for each item, or query."""
    count: int = fields.get("queries", fields["n"])
    return count


def rows(fields: dict[str, Any]) -> range:
    """Which rows a cache has: of a shard some, else all."""
    index, shards = map(int, fields.get("shard", "0/1").split("/"))
    count = all_rows(fields)
    return range(index * count // shards, (index + 1) * count // shards)
