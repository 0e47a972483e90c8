"""XXH3 checksums by libxxhash, in the hexadecimal form that xxhsum prints."""

from __future__ import annotations

import ctypes
import functools

import numpy as np
import numpy.typing as npt

from . import errors


class _Hash128(ctypes.Structure):
    _fields_ = [("low64", ctypes.c_uint64), ("high64", ctypes.c_uint64)]


@functools.cache
def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libxxhash.so.0")
    except OSError as problem:
        raise errors.LibraryError(
            f"libxxhash.so.0 cannot be loaded (Debian package libxxhash0): {problem}"
        ) from None
    for name, result in (("XXH3_64bits", ctypes.c_uint64), ("XXH3_128bits", _Hash128)):
        function = getattr(library, name)
        function.restype = result
        function.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return library


def hex64(data: npt.NDArray[np.generic]) -> str:
    """XXH3, 64 bits, of an array in C order: 16 digits."""
    return f"{_load().XXH3_64bits(data.ctypes.data, data.nbytes):016x}"


def hex128(data: npt.NDArray[np.generic]) -> str:
    """XXH3, 128 bits, of an array in C order: 32 digits."""
    found = _load().XXH3_128bits(data.ctypes.data, data.nbytes)
    return f"{found.high64:016x}{found.low64:016x}"
