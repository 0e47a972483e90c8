"""Arguments as callers have them, brought into what the library takes, or refused."""

from __future__ import annotations

import operator
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from . import errors

UINT32_MAX = 2**32 - 1


def uint32(value: object, what: str, error: type[Exception]) -> int:
    """A number that fits the library's uint32_t; what else ctypes would cut off unseen.

    Parameters
    ----------
    value
        Any integer, NumPy's included.
    what
        The argument's name, for messages.
    error
        What to raise where it is below 0 or above 2^32 - 1.
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{what} must be an integer, but is {value!r:.60}") from None
    if not 0 <= number <= UINT32_MAX:
        raise error(f"{what} must be 0 to 2^32 - 1, but is {number}")
    return number


def _first_too_large(array: npt.NDArray[np.generic]) -> str:
    for row, numbers in enumerate(array):
        with np.errstate(over="ignore"):
            places = np.flatnonzero(np.isinf(numbers.astype(np.float32)) & np.isfinite(numbers))
        if places.size:
            return f"row {row}, column {places[0]}, is {numbers[places[0]]}"
    raise AssertionError("no number is too large")


def _refuse_type(array: npt.NDArray[np.generic], what: str) -> NoReturn:
    """What is no numbers: with what to do, where that can be told."""
    remedy = ""
    if array.dtype.kind in "SU":
        remedy = ": text is not embedded here. Give what a model makes of it, or numpy.load(name) of a file"
    elif array.dtype.kind == "O" and array.ndim == 1 and array.size and np.ndim(array[0]) == 1:
        # As a column of a data frame is, where each cell holds an embedding.
        remedy = f": give numpy.stack({what}), if each of these is one of the same length"
    elif array.dtype.kind == "O" and array.ndim == 2:
        remedy = f": give numpy.asarray({what}, 'float32'), if all of these are numbers"
    raise TypeError(
        f"{what} must be an array of real numbers, but are of dtype {array.dtype}"
        f" and shape {array.shape}{remedy}"
    )


def embeddings(given: npt.ArrayLike, what: str = "embeddings") -> npt.NDArray[np.float32]:
    """An array of float32 in C order, n x d: the given one itself where it is that, else a copy.

    Parameters
    ----------
    given
        What is to be one.
    what
        The argument's name, for messages.
    """
    if isinstance(given, np.ma.MaskedArray):
        raise TypeError(
            f"{what} are a masked array, and the library knows no missing numbers:"
            " leave out those rows, or fill them (numpy.ma.filled)"
        )
    try:
        array = np.asarray(given)
    except ValueError as problem:
        raise ValueError(f"{what} must be n rows of d numbers each: {problem}") from None
    if array.shape == (0,):
        raise errors.EmptyEmbeddingsError(f"there are no {what} in what was given: it is empty")
    if array.dtype.kind not in "fiu":
        _refuse_type(array, what)
    if array.ndim != 2:
        raise ValueError(
            f"{what} must have two dimensions, a row an item, but have shape {array.shape}:"
            + (
                f" give {what}[None], if it is one embedding"
                if array.ndim == 1
                else f" give {what}.reshape(-1, d), for embeddings of d numbers"
            )
        )
    for size, of in zip(array.shape, (f"the number of {what}", "their dimension")):
        uint32(size, of, ValueError)
    try:
        with np.errstate(over="raise"):
            return np.require(array, np.float32, ["C_CONTIGUOUS", "ALIGNED"])
    except FloatingPointError:
        raise ValueError(
            f"{what}: {_first_too_large(array)}, which float32 cannot hold: scale the embeddings"
        ) from None


def ids(given: npt.ArrayLike, what: str) -> npt.NDArray[np.uint32]:
    """An array of item ids of any shape: the given one itself where it is uint32 in C order, else a
    copy."""
    array = np.asarray(given)
    if array.size == 0:
        return np.empty(array.shape, np.uint32)
    if array.dtype.kind not in "iu":
        remedy = f": give numpy.flatnonzero({what})" if array.dtype.kind == "b" else ""
        raise TypeError(f"{what} must be integers (ids), but are of dtype {array.dtype}{remedy}")
    wrong = np.argwhere((array < 0) | (array > UINT32_MAX))
    if wrong.size:
        place = tuple(wrong[0].tolist())
        raise errors.ItemOutOfRangeError(
            f"{what}{list(place)} is {array[place]}, which is no id: ids are 0 to n - 1"
        )
    return np.require(array, np.uint32, ["C_CONTIGUOUS", "ALIGNED"])
