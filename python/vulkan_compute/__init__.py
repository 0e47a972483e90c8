"""Similarity matrices, diversity sequences and nearest neighbours of embeddings, on any Vulkan
device, exactly.

    import vulkan_compute

    with vulkan_compute.Context() as context:
        context.upload(embeddings)  # n rows of d numbers: a NumPy array, or what becomes one
        walk = context.diversity_sequence(0, length=10)
        ids, similarities = context.nearest_neighbors(10)

An item's id is its row, counted from 0, in all that goes in and comes out. Results are NumPy arrays,
and the same bytes on every device. include/vulkan_compute.h defines what is computed.
"""

from ._cache import Cache, load_cache
from ._context import Context, EmbeddingsInfo, MemoryPlan, Neighbors, Progress
from ._declarations import Result
from ._devices import Device, list_devices
from ._library import load as _load
from .errors import (
    CacheError,
    ContextBusyError,
    ContextClosedError,
    DeviceLostError,
    DeviceUnsuitableError,
    DoesNotFitError,
    EmptyEmbeddingsError,
    Error,
    InternalError,
    InvalidArgumentError,
    InvalidLengthError,
    ItemOutOfRangeError,
    LibraryError,
    NoEmbeddingsError,
    NoSuchDeviceError,
    NotFiniteError,
    NoValidationLayerError,
    NoVulkanDriverError,
    NoVulkanLoaderError,
    NullPointerError,
    OutOfDeviceMemoryError,
    OutOfHostMemoryError,
    VulkanError,
    StoppedError,
    WrongResultError,
)


def version() -> str:
    """The library's version, "major.minor.patch"."""
    return str(_load().vkc_version_string(), "ascii")


def definition_version() -> int:
    """The version of the definition of what is computed: between libraries with the same one,
    results are equal to the last byte."""
    return int(_load().vkc_definition_version())


__all__ = [
    "Cache",
    "CacheError",
    "Context",
    "ContextBusyError",
    "ContextClosedError",
    "Device",
    "DeviceLostError",
    "DeviceUnsuitableError",
    "DoesNotFitError",
    "EmbeddingsInfo",
    "EmptyEmbeddingsError",
    "Error",
    "InternalError",
    "InvalidArgumentError",
    "InvalidLengthError",
    "ItemOutOfRangeError",
    "LibraryError",
    "MemoryPlan",
    "Neighbors",
    "NoEmbeddingsError",
    "NoSuchDeviceError",
    "NoValidationLayerError",
    "NoVulkanDriverError",
    "NoVulkanLoaderError",
    "NotFiniteError",
    "NullPointerError",
    "OutOfDeviceMemoryError",
    "OutOfHostMemoryError",
    "Progress",
    "Result",
    "VulkanError",
    "StoppedError",
    "WrongResultError",
    "definition_version",
    "list_devices",
    "load_cache",
    "version",
]
