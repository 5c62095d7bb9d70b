# SPDX-License-Identifier: Apache-2.0
"""What JAX calls when it looks for plugins (entry point group "jax_plugins"): makes Dragoman one of its backends.

JAX offers no public way to four things that a full backend needs: donating buffers, calling Python from compiled
code, answering to the name "gpu", and saying for which platforms jax2tf exports. Each is done through private parts of JAX, alone and guarded: where a JAX version
lacks one, the rest still works.
"""

import functools
import logging
import sys

import dragoman

PLATFORM = "dragoman"
# The default of JAX's register_plugin: before cpu (0), after a vendor's own CUDA or ROCm plugin (500).
PRIORITY = 400

JAX_OPENS_LIBRARIES = sys.platform != "win32"
CAPSULE_NAME = b"pjrt_c_api"  # capsules point at their name: it stays

logger = logging.getLogger(__name__)


def initialize():
    """Registers the backend "dragoman". Never raises: JAX must go on without it."""
    from jax._src import xla_bridge

    if PLATFORM in getattr(xla_bridge, "_backend_factories", {}):
        return
    try:
        require_device()
    except RuntimeError as error:
        register_absent(xla_bridge, str(error))
        return
    guarded("hide JAX's warning about unknown platforms", mark_as_supported, xla_bridge)
    register(xla_bridge)
    guarded('answer to the name "gpu"', add_gpu_alias, xla_bridge)
    guarded("donate buffers", enable_donation)
    guarded("export for TensorFlow", export_for_tensorflows_devices)
    from dragoman import _jax_lowerings

    for name, enable in _jax_lowerings.FEATURES:
        guarded(name, enable, PLATFORM)


def register(xla_bridge):
    """JAX opens plugins' libraries itself, but on Windows. There it takes what the library exports, and does not ask it
    for a profiler: that is done here."""
    if JAX_OPENS_LIBRARIES:
        xla_bridge.register_plugin(PLATFORM, priority=PRIORITY, library_path=dragoman.library_path())
        return
    c_api = open_c_api()
    xla_bridge.register_plugin(PLATFORM, priority=PRIORITY, c_api=c_api)
    guarded("profile", register_profiler, c_api)


def open_c_api():
    """The library's table of functions, as JAX takes it."""
    import ctypes

    library = ctypes.CDLL(dragoman.library_path())
    library.GetPjrtApi.restype = ctypes.c_void_p
    new_capsule = ctypes.pythonapi.PyCapsule_New
    new_capsule.restype = ctypes.py_object
    new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return new_capsule(library.GetPjrtApi(), CAPSULE_NAME, None)


def register_profiler(c_api):
    from jax._src.lib import _profiler

    _profiler.register_plugin_profiler(c_api)


def require_device():
    """RuntimeError with cause and cure when no device is usable."""
    found = dragoman.devices()
    if any(device.is_usable for device in found):
        return
    if not found:
        raise RuntimeError(
            "Dragoman finds no Vulkan device. Install a Vulkan driver for the GPU (the newest of its maker; on Debian and "
            "Ubuntu also mesa-vulkan-drivers) and check it with `dragoman doctor`."
        )
    reasons = " ".join(f"{device.name}: {device.refusal}" for device in found)
    raise RuntimeError(f"Dragoman cannot use any Vulkan device of this machine. {reasons}")


def register_absent(xla_bridge, reason):
    """Whoever asks for "dragoman" learns why it is not there; everybody else is not bothered."""
    message = reason if "Vulkan" in reason else f"Dragoman has no Vulkan device to run on. {reason}"

    def explain():
        raise RuntimeError(message)

    xla_bridge.register_backend_factory(PLATFORM, explain, priority=-PRIORITY, fail_quietly=True)


def guarded(purpose, action, *arguments):
    """Does what touches private parts of JAX; a JAX that has changed them costs only this purpose."""
    try:
        action(*arguments)
    except Exception as error:
        logger.debug("Dragoman cannot %s with this JAX: %r", purpose, error)


def mark_as_supported(xla_bridge):
    xla_bridge._nonexperimental_plugins.add(PLATFORM)


def add_gpu_alias(xla_bridge):
    platforms = xla_bridge._alias_to_platforms["gpu"]
    xla_bridge._platform_aliases[PLATFORM] = "gpu"
    if PLATFORM not in platforms:
        platforms.append(PLATFORM)


def enable_donation():
    from jax._src.interpreters import mlir

    if PLATFORM not in mlir._platforms_with_donation:
        mlir._platforms_with_donation.append(PLATFORM)


def export_for_tensorflows_devices():
    """Programs that jax2tf writes (Keras's `model.export`) run in TensorFlow, on its CPU device, and not here.

    They are for the CPU where nobody names platforms, since TensorFlow runs no program that is for "dragoman" alone.
    """
    from jax._src.export import _export

    name = "_export_internal" if hasattr(_export, "_export_internal") else "export"  # JAX 0.10, JAX 0.11 and later
    export = getattr(_export, name)

    @functools.wraps(export)
    def export_for_caller(*arguments, platforms=None, **options):
        caller = sys._getframe(1).f_globals.get("__name__", "")
        is_for_tensorflow = caller.startswith("jax.experimental.jax2tf")
        if is_for_tensorflow and platforms is None and _export.default_export_platform() == PLATFORM:
            platforms = ("cpu",)
        return export(*arguments, platforms=platforms, **options)

    setattr(_export, name, export_for_caller)
