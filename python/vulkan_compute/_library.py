"""Finds, declares and checks libvulkan_compute.

Where it looks, in this order; the first file that exists is the one used:

1. the environment variable VKC_LIBRARY, a path: where it is set, nothing else is tried;
2. beside this package: `libvulkan_compute.so` in its folder; for a package in `TREE/python`,
   `TREE/build/libvulkan_compute.so`; for one in `PREFIX/lib/python3*/dist-packages` or
   `site-packages`, `PREFIX/lib`, `PREFIX/lib64` and Debian's `PREFIX/lib/x86_64-linux-gnu` (or
   what the machine is);
3. the system's search, as for any shared library (LD_LIBRARY_PATH, ldconfig).
"""

from __future__ import annotations

import ctypes
import functools
import os
import sysconfig
from pathlib import Path

from . import errors
from ._declarations import FUNCTIONS, VERSION_MAJOR, VERSION_MINOR

_FILE = "libvulkan_compute.so"
_SONAME = f"{_FILE}.{VERSION_MAJOR}"
_REMEDY = (
    "build it (cmake -S . -B build && cmake --build build), install it,"
    f" or set VKC_LIBRARY to the path of {_FILE}"
)
# Taken when this module is imported, so that a later change of directory does no harm.
_PACKAGE = Path(__file__).resolve().parent


def _beside_the_package() -> list[Path]:
    files = [_PACKAGE / _FILE]
    folder = _PACKAGE.parent
    if folder.name == "python":
        files.append(folder.parent / "build" / _FILE)
    if folder.name in ("dist-packages", "site-packages"):
        lib = folder.parent.parent
        files += [lib / _SONAME, lib.parent / "lib64" / _SONAME]
        multiarch = sysconfig.get_config_var("MULTIARCH")
        if multiarch:
            files.append(lib / multiarch / _SONAME)
    return files


def _open(path: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(path)
    except OSError as problem:
        raise errors.LibraryError(f"cannot load libvulkan_compute: {problem}: {_REMEDY}") from None


def _find() -> tuple[ctypes.CDLL, str]:
    chosen = os.environ.get("VKC_LIBRARY")
    if chosen:
        if os.path.exists(chosen):
            path = os.path.abspath(chosen)
            return _open(path), path
        raise errors.LibraryError(
            f"libvulkan_compute was not found. Tried:\n  {chosen} (VKC_LIBRARY)\n"
            f"Set VKC_LIBRARY to the path of {_FILE}, or unset it"
        )

    tried = []
    for file in _beside_the_package():
        if file.exists():
            return _open(str(file)), str(file)
        tried.append(str(file))
    for name in (_SONAME, _FILE):
        try:
            return ctypes.CDLL(name), name
        except OSError as problem:
            tried.append(f"{name} (the system's search: {problem})")
    raise errors.LibraryError(
        "libvulkan_compute was not found. Tried:\n  " + "\n  ".join(tried) + f"\nTo go on, {_REMEDY}"
    )


def _check_version(library: ctypes.CDLL, path: str) -> None:
    if not hasattr(library, "vkc_version"):
        raise errors.LibraryError(f"{path} is not libvulkan_compute: it has no vkc_version")
    library.vkc_version.restype = ctypes.c_uint32
    version = library.vkc_version()
    major, minor = version // 1_000_000, version // 1_000 % 1_000
    # Within a major version the C interface only grows.
    if major != VERSION_MAJOR or minor < VERSION_MINOR:
        raise errors.LibraryError(
            f"{path} is version {major}.{minor}.{version % 1_000}, but this package needs"
            f" {VERSION_MAJOR}.{VERSION_MINOR} or a later {VERSION_MAJOR}.x: install the two from one"
            " release, or set VKC_LIBRARY to the path of a fitting library"
        )


@functools.cache
def load() -> ctypes.CDLL:
    """The library with the functions of FUNCTIONS declared, found and loaded at the first call."""
    library, path = _find()
    _check_version(library, path)
    for name, (result, *parameters) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = parameters
    return library


def check(library: ctypes.CDLL, code: int) -> None:
    """Raises what a result code stands for. To be called by the thread that made the call."""
    if code:
        raise errors.of_result(code, library.vkc_last_error().decode("utf-8", "replace"))
