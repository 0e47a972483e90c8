"""NAME.journal: which rows of NAME.partial are on disk. lua/vk_compute/cache/journal.lua is its format."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _identity as identity
from . import _xxhash as xxhash


def _object(line: bytes, key: bytes) -> dict[str, Any] | None:
    """What a line says, if its checksum fits: what does not is not believed."""
    digits, space, text = line[:16], line[16:17], line[17:]
    signed = np.frombuffer(key + text, np.uint8)
    if space != b" " or xxhash.hex64(signed).encode() != digits:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _add_rows(record: dict[str, Any], checksums: npt.NDArray[np.bytes_]) -> None:
    # One behind another, 16 digits each.
    given = np.frombuffer(record["checksums"].encode("ascii"), checksums.dtype)
    ranges = record["rows"]
    if (
        not all(0 <= first < first + count <= checksums.size for first, count in ranges)
        or sum(count for _, count in ranges) != given.size
    ):
        raise ValueError("there are no such rows")
    place = 0
    for first, count in ranges:
        checksums[first : first + count] = given[place : place + count]
        place += count


def read(path: str) -> tuple[str, dict[str, Any], npt.NDArray[np.bytes_]] | None:
    """What a growing cache is, and which rows it has.

    Returns
    -------
    The kind; the members that say what it is made from; the checksum of each row in hexadecimal, empty
    where the row is not done. None where there is no journal.

    Raises
    ------
    ValueError
        Its first line cannot be believed; the message says why.
    """
    try:
        with open(path, "rb") as file:
            # The last line has no end where it was being written when all stopped, or is just now.
            *lines, _ = file.read().split(b"\n")
    except FileNotFoundError:
        return None
    fields = _object(lines[0], b"") if lines else None
    kind = fields.get("kind", "diversity") if fields else None
    if fields is None or kind not in identity.KINDS:
        raise ValueError("it is damaged")
    version = fields.pop("journal", None)
    if version != identity.version(fields):
        raise ValueError(f"it has format version {version}, which is not known here")
    if not identity.is_complete(kind, fields):
        raise ValueError("it is damaged")
    # Lines count for nothing but what they were written for.
    key = fields["fingerprint"] + (f" {fields['shard']} " if "shard" in fields else "")
    checksums = np.zeros(identity.all_rows(fields), "S16")
    for line in lines[1:]:
        record = _object(line, key.encode())
        if record and "rows" in record:
            try:
                _add_rows(record, checksums)
            except (AttributeError, KeyError, TypeError, ValueError):
                pass  # A checksum is no proof against those who make one themselves.
    return kind, fields, checksums
