"""What the headers in include/ declare, for ctypes, as far as this package uses it.

A test compares every name, value, member and parameter here with them.
"""

from __future__ import annotations

import ctypes
import enum
from ctypes import POINTER, c_char, c_char_p, c_float, c_int, c_int32, c_uint32, c_uint64, c_void_p

VERSION_MAJOR = 0
VERSION_MINOR = 2


class Result(enum.IntEnum):
    """VkcResult: what a call came to."""

    SUCCESS = 0
    ERROR_NULL_POINTER = -1
    ERROR_INVALID_ARGUMENT = -2
    ERROR_EMPTY_EMBEDDINGS = -3
    ERROR_NOT_FINITE = -4
    ERROR_ITEM_OUT_OF_RANGE = -5
    ERROR_INVALID_LENGTH = -6
    ERROR_NO_EMBEDDINGS = -7
    ERROR_DOES_NOT_FIT = -8
    ERROR_OUT_OF_HOST_MEMORY = -9
    ERROR_OUT_OF_DEVICE_MEMORY = -10
    ERROR_NO_VULKAN_LOADER = -11
    ERROR_NO_VULKAN_DRIVER = -12
    ERROR_NO_SUCH_DEVICE = -13
    ERROR_DEVICE_UNSUITABLE = -14
    ERROR_DEVICE_LOST = -15
    ERROR_NO_VALIDATION_LAYER = -16
    ERROR_VULKAN = -17
    ERROR_CONTEXT_BUSY = -18
    ERROR_INTERNAL = -19
    ERROR_WRONG_RESULT = -20
    ERROR_STOPPED = -21


class DeviceType(enum.IntEnum):
    """VkcDeviceType."""

    OTHER = 0
    INTEGRATED_GPU = 1
    DISCRETE_GPU = 2
    VIRTUAL_GPU = 3
    CPU = 4


class Phase(enum.IntEnum):
    """VkcPhase: what a call is doing."""

    UPLOAD = 0
    MATRIX = 1
    SIMILARITIES = 2
    WALKS = 3
    NEIGHBORS = 4


class Order(enum.IntEnum):
    """VkcOrder: how the next item of a sequence is chosen."""

    CENTROID = 0
    AWAY = 1
    TOWARD = 2


class Work(enum.IntEnum):
    """VkcWork: what vkc_plan_memory plans for."""

    UPLOAD = 0
    SIMILARITY = 1
    DIVERSITY = 2
    NEIGHBORS = 3


class Way(enum.IntEnum):
    """VkcWay: how a call gets its results."""

    NONE = 0
    MATRIX = 1
    ROWS = 2
    FILTER = 3


class _Sized(ctypes.Structure):
    """A struct that begins with its own size."""

    def __init__(self, **members: object) -> None:
        super().__init__(struct_size=ctypes.sizeof(self), **members)


class DeviceInfo(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("index", c_uint32),
        ("type", c_uint32),
        ("vulkan_version", c_uint32),
        ("subgroup_size", c_uint32),
        ("usable", c_uint32),
        ("memory_bytes", c_uint64),
        ("name", c_char * 256),
        ("driver", c_char * 256),
        ("missing", c_char * 256),
        ("uuid", c_char * 40),
        ("pci_address", c_char * 24),
    ]


class Options(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("validation", c_uint32),
        ("device", c_char_p),
    ]


class UploadOptions(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("center", c_uint32),
    ]


class EmbeddingsInfo(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("num_embeddings", c_uint32),
        ("embedding_dim", c_uint32),
        ("centered", c_uint32),
        ("weighted", c_uint32),
    ]


class SequenceOptions(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("order", c_uint32),
        ("lambda", c_float),
        ("planned", c_uint32),
    ]


class PlanRequest(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("work", c_uint32),
        ("num_embeddings", c_uint32),
        ("embedding_dim", c_uint32),
        ("count", c_uint32),
        ("length", c_uint32),
    ]


class MemoryPlan(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("fits", c_uint32),
        ("shared_memory", c_uint32),
        ("walks_at_once", c_uint32),
        ("device_bytes", c_uint64),
        ("host_bytes", c_uint64),
        ("available_device_bytes", c_uint64),
        ("available_host_bytes", c_uint64),
        ("embeddings_bytes", c_uint64),
        ("matrix_bytes", c_uint64),
        ("work_bytes", c_uint64),
        ("way", c_uint32),
        ("seconds", c_float),
    ]


# VkcProgressFunction: phase, done, total, user.
ProgressFunction = ctypes.CFUNCTYPE(c_int32, c_int, c_uint64, c_uint64, c_void_p)

# Arrays and contexts are passed as addresses.
_context = _array = c_void_p

# Result and parameters of each function.
FUNCTIONS = {
    "vkc_version": (c_uint32,),
    "vkc_version_string": (c_char_p,),
    "vkc_definition_version": (c_uint32,),
    "vkc_last_error": (c_char_p,),
    "vkc_list_devices": (c_int, POINTER(DeviceInfo), POINTER(c_uint32)),
    "vkc_create": (c_int, POINTER(Options), POINTER(_context)),
    "vkc_destroy": (None, _context),
    "vkc_get_device_info": (c_int, _context, POINTER(DeviceInfo)),
    "vkc_set_progress": (c_int, _context, ProgressFunction, c_void_p),
    "vkc_upload_embeddings_with": (
        c_int, _context, _array, c_uint32, c_uint32, POINTER(UploadOptions),
    ),
    "vkc_get_embeddings_info": (c_int, _context, POINTER(EmbeddingsInfo)),
    "vkc_compute_similarity_matrix": (c_int, _context, _array),
    "vkc_compute_similarity_rows": (c_int, _context, c_uint32, c_uint32, _array),
    "vkc_compute_pair_similarities": (c_int, _context, _array, _array, c_uint64, _array),
    "vkc_compute_diversity_sequences_with": (
        c_int, _context, _array, c_uint32, c_uint32, POINTER(SequenceOptions), _array,
    ),
    "vkc_recommended_batch_with": (
        c_int, _context, c_uint32, POINTER(SequenceOptions), POINTER(c_uint32),
    ),
    "vkc_compute_nearest_neighbors_of": (
        c_int, _context, c_uint32, c_uint32, c_uint32, _array, _array,
    ),
    "vkc_find_nearest": (
        c_int, _context, _array, c_uint32, c_uint32, c_uint32, _array, _array,
    ),
    "vkc_recommended_neighbors_batch": (c_int, _context, c_uint32, POINTER(c_uint32)),
    "vkc_plan_memory": (c_int, _context, POINTER(PlanRequest), POINTER(MemoryPlan)),
    "vkc_validation_message_count": (c_uint32,),
    "vkc_validation_message": (c_char_p, c_uint32),
}
