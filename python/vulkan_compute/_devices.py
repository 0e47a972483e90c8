"""Devices, as the library describes them."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from . import _declarations as declarations
from ._library import check, load

_TYPES = {
    declarations.DeviceType.OTHER: "other",
    declarations.DeviceType.INTEGRATED_GPU: "integrated GPU",
    declarations.DeviceType.DISCRETE_GPU: "discrete GPU",
    declarations.DeviceType.VIRTUAL_GPU: "virtual GPU",
    declarations.DeviceType.CPU: "CPU",
}


@dataclass(frozen=True)
class Device:
    """A device.

    Attributes
    ----------
    index : int
        Its place in the device list, from 0: what `Context` and VKC_DEVICE take.
    name, driver : str
        As the driver gives them.
    type : str
        "discrete GPU", "integrated GPU", "virtual GPU", "CPU" or "other".
    vulkan_version : str
        Such as "1.3.224".
    memory_bytes : int
        Size of the largest heap of the device's own memory.
    subgroup_size : int
        Invocations.
    usable : bool
        Whether it has all that is required.
    missing : str
        What it lacks, or "".
    uuid, pci_address : str
        Such as "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9" and "0000:3b:00.0", or "".
    """

    index: int
    name: str
    driver: str
    type: str
    vulkan_version: str
    memory_bytes: int
    subgroup_size: int
    usable: bool
    missing: str
    uuid: str
    pci_address: str


def _version_text(number: int) -> str:
    return f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"


def describe(info: declarations.DeviceInfo) -> Device:
    """The device that the library's struct describes."""
    return Device(
        index=info.index,
        name=info.name.decode("utf-8", "replace"),
        driver=info.driver.decode("utf-8", "replace"),
        type=_TYPES.get(info.type, "other"),
        vulkan_version=_version_text(info.vulkan_version),
        memory_bytes=info.memory_bytes,
        subgroup_size=info.subgroup_size,
        usable=info.usable == 1,
        missing=info.missing.decode("utf-8", "replace"),
        uuid=info.uuid.decode("ascii", "replace"),
        pci_address=info.pci_address.decode("ascii", "replace"),
    )


def list_devices() -> list[Device]:
    """Lists the devices of all Vulkan drivers, usable or not. Needs no context.

    Returns
    -------
    list of Device
        In the order of their indices.

    Raises
    ------
    NoVulkanLoaderError, NoVulkanDriverError
    """
    library = load()
    count = ctypes.c_uint32()
    check(library, library.vkc_list_devices(None, ctypes.byref(count)))
    infos = (declarations.DeviceInfo * count.value)()
    infos[0].struct_size = ctypes.sizeof(declarations.DeviceInfo)
    check(library, library.vkc_list_devices(infos, ctypes.byref(count)))
    return [describe(info) for info in infos[: count.value]]
