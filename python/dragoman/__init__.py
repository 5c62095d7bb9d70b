# SPDX-License-Identifier: Apache-2.0
"""Keras and JAX on any GPU with a Vulkan driver.

Nothing needs to be imported or called to use Dragoman: once it is installed, JAX finds it and calls its devices
"dragoman". This module lists the machine's devices and chooses among them; it imports neither JAX nor a driver until
asked.
"""

from typing import NamedTuple

__version__ = "0.1.0"
__all__ = ["Device", "devices", "library_path", "set_visible_devices"]


class Device(NamedTuple):
    """One Vulkan device of this machine, usable by Dragoman or not."""

    index: int  # what set_visible_devices and DRAGOMAN_VISIBLE_DEVICES count
    name: str
    driver: str
    driver_info: str
    type: str  # "discrete", "integrated", "virtual", "cpu" or "other"
    vulkan_version: str
    vendor_id: int
    device_id: int
    memory_bytes: int
    is_usable: bool
    refusal: str  # why it is not usable; empty otherwise


def library_path():
    """The path of Dragoman's shared library: the PJRT plugin that JAX loads.

    $DRAGOMAN_LIBRARY names another one, for example in a build folder.
    """
    import os
    import sys

    named = os.environ.get("DRAGOMAN_LIBRARY")
    if named:
        return named
    file_name = {"win32": "dragoman.dll", "darwin": "libdragoman.dylib"}.get(sys.platform, "libdragoman.so")
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), file_name)


def devices():
    """Every Vulkan device of this machine as a list of Device, the best first.

    Raises RuntimeError, saying what to install, when there is no Vulkan loader, driver or device.
    """
    import ctypes
    import json

    try:
        library = ctypes.CDLL(library_path())
    except OSError as error:
        raise RuntimeError(
            f"Dragoman's library cannot be loaded: {error}. Install the package again, or let DRAGOMAN_LIBRARY name "
            "the library."
        ) from error
    library.dragoman_devices_json.restype = ctypes.c_void_p
    library.dragoman_free.argtypes = [ctypes.c_void_p]
    library.dragoman_free.restype = None
    text = library.dragoman_devices_json()
    try:
        answer = json.loads(ctypes.string_at(text))
    finally:
        library.dragoman_free(text)
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return [Device(**{field: record[field] for field in Device._fields}) for record in answer["devices"]]


def set_visible_devices(choice):
    """Chooses which devices JAX gets; call it before JAX is first used.

    `choice` is an index, a Device, a name such as "amd" or "RTX 4090", or a list of these. An empty list makes the
    best device alone visible, as does not calling this at all; "all" makes every usable device visible. The same as
    setting DRAGOMAN_VISIBLE_DEVICES.
    """
    import os
    import sys

    bridge = sys.modules.get("jax._src.xla_bridge")
    if bridge is not None and getattr(bridge, "_backends", None):
        raise RuntimeError(
            "JAX already runs on its devices. Call dragoman.set_visible_devices before the first JAX operation, or set "
            "DRAGOMAN_VISIBLE_DEVICES before the program starts."
        )
    choices = choice if isinstance(choice, (list, tuple)) and not isinstance(choice, Device) else [choice]
    names = [str(one.index if isinstance(one, Device) else one) for one in choices]
    if not names:
        os.environ.pop("DRAGOMAN_VISIBLE_DEVICES", None)
    else:
        os.environ["DRAGOMAN_VISIBLE_DEVICES"] = ",".join(names)
