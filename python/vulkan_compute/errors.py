"""What this package raises.

Everything that the library refuses or fails at is an `Error` of the class that belongs to its result
code. Arguments that are wrong for what they are (text where numbers are wanted, an array of another
shape) raise Python's own TypeError and ValueError.
"""

from __future__ import annotations

from ._declarations import Result


class Error(Exception):
    """The base of all others: `except vulkan_compute.Error` catches what the library says no to.

    Attributes
    ----------
    code : Result or None
        The result code of the C library, such as `Result.ERROR_NOT_FINITE`; None for what did not
        come from there.
    """

    code: Result | int | None = None


class NullPointerError(Error):
    """A required pointer is NULL: a defect of this package."""

    code = Result.ERROR_NULL_POINTER


class InvalidArgumentError(Error, ValueError):
    """An option has no such value."""

    code = Result.ERROR_INVALID_ARGUMENT


class EmptyEmbeddingsError(Error, ValueError):
    """There are no embeddings in what was given, or they have no dimension."""

    code = Result.ERROR_EMPTY_EMBEDDINGS


class NotFiniteError(Error, ValueError):
    """An embedding holds NaN or infinity; the message names row and column, from 0."""

    code = Result.ERROR_NOT_FINITE


class ItemOutOfRangeError(Error, IndexError):
    """A start or row is not 0 to n - 1."""

    code = Result.ERROR_ITEM_OUT_OF_RANGE


class InvalidLengthError(Error, ValueError):
    """A sequence's length is not 1 to n, or a number of neighbours not 1 to n - 1."""

    code = Result.ERROR_INVALID_LENGTH


class NoEmbeddingsError(Error):
    """Computing was asked for before an upload."""

    code = Result.ERROR_NO_EMBEDDINGS


class DoesNotFitError(Error, MemoryError):
    """More memory of the device is needed than there is; the message has both numbers."""

    code = Result.ERROR_DOES_NOT_FIT


class OutOfHostMemoryError(Error, MemoryError):
    """The host refused an allocation."""

    code = Result.ERROR_OUT_OF_HOST_MEMORY


class OutOfDeviceMemoryError(Error, MemoryError):
    """The device refused an allocation that should fit."""

    code = Result.ERROR_OUT_OF_DEVICE_MEMORY


class NoVulkanLoaderError(Error):
    """libvulkan cannot be loaded."""

    code = Result.ERROR_NO_VULKAN_LOADER


class NoVulkanDriverError(Error):
    """There is no Vulkan driver, or none with a device."""

    code = Result.ERROR_NO_VULKAN_DRIVER


class NoSuchDeviceError(Error, LookupError):
    """No device has the index or name asked for."""

    code = Result.ERROR_NO_SUCH_DEVICE


class DeviceUnsuitableError(Error):
    """The device lacks what is required; the message names it."""

    code = Result.ERROR_DEVICE_UNSUITABLE


class DeviceLostError(Error):
    """The device stopped working: close the context and make another."""

    code = Result.ERROR_DEVICE_LOST


class NoValidationLayerError(Error):
    """Validation was asked for and is not installed."""

    code = Result.ERROR_NO_VALIDATION_LAYER


class VulkanError(Error):
    """Another call of Vulkan failed."""

    code = Result.ERROR_VULKAN


class ContextBusyError(Error):
    """Another thread is in a call on this context."""

    code = Result.ERROR_CONTEXT_BUSY


class InternalError(Error):
    """A defect of the library."""

    code = Result.ERROR_INTERNAL


class WrongResultError(Error):
    """The device computed something wrong: its driver fails."""

    code = Result.ERROR_WRONG_RESULT


class StoppedError(Error):
    """The function given to `Context.set_progress` stopped the call."""

    code = Result.ERROR_STOPPED


class ContextClosedError(Error):
    """The context was closed, or belongs to the process that this one was forked from."""


class CacheError(Error):
    """There is no such cache, or it is not finished, damaged, or made from other embeddings."""


class LibraryError(Error, OSError):
    """A shared library that is needed was not found or does not fit; the message says where it was
    looked for."""


_BY_CODE = {each.code: each for each in Error.__subclasses__() if each.code is not None}


def of_result(code: int, message: str) -> Error:
    """The exception for a result code of the C library, which may be newer than this package."""
    error = _BY_CODE.get(code, Error)(message)
    error.code = Result(code) if code in _BY_CODE else code
    return error
