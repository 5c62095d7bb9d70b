# SPDX-License-Identifier: Apache-2.0
"""Lets the name 'GPU' reach Dragoman's device wherever TensorFlow and Keras take a device.

TensorFlow's own type name GPU is not open to a plug-in of this kind (its compiler asks such a device for a CUDA
stream), but nearly every script asks for 'GPU'. TensorFlow reads device names in one place, the class DeviceSpec, and
lists devices in another, the class Context; both are told here that 'GPU' means our type where the machine has our
device and no GPU of TensorFlow's own. $DRAGOMAN_TENSORFLOW_GPU_NAME=0 switches all of it off.

These are private parts of TensorFlow and Keras: where a version lacks one, that purpose is given up and the rest works.
"""

import contextlib
import ctypes
import functools
import logging
import threading

import dragoman_tensorflow

GPU = "GPU"

logger = logging.getLogger(__name__)


class _State(threading.local):
    untranslated = False


_state = _State()
_has_own_device = False
_is_gpu_ours = False  # TensorFlow has our device and no GPU of its own: 'GPU' means our type


class _Type(str):
    """A device type that is its own upper case: tf.distribute insists on upper case, DirectML is none."""

    def upper(self):
        return self


def guarded(action, *arguments):
    """Does what touches private parts of TensorFlow; a TensorFlow that has changed them costs only this purpose."""
    try:
        action(*arguments)
    except Exception as error:
        logger.debug("Dragoman's names are not complete with this TensorFlow (%s): %r", action.__name__, error)


def translated(device_type):
    """Our type where TensorFlow's GPU is asked for and ours stands in for it; otherwise what was asked for."""
    if not isinstance(device_type, str) or not _is_gpu_ours or _state.untranslated:
        return device_type
    ours = dragoman_tensorflow.device_type()
    return ours if device_type.upper() in (GPU, ours.upper()) else device_type


def translated_name(name):
    """'GPU:0' or '/device:GPU:0' with our type in it."""
    if not isinstance(name, str):
        return name
    return "/".join(":".join(translated(part) for part in piece.split(":")) for piece in name.split("/"))


def is_in_use():
    """Whether TensorFlow has our device and it was not hidden."""
    from tensorflow.python.eager import context

    ours = dragoman_tensorflow.device_type()
    return any(device.device_type == ours for device in context.context().get_visible_devices())


@contextlib.contextmanager
def untranslated():
    _state.untranslated, before = True, _state.untranslated
    try:
        yield
    finally:
        _state.untranslated = before


def note_devices(devices):
    global _has_own_device, _is_gpu_ours
    types = {device.device_type for device in devices}
    _has_own_device = dragoman_tensorflow.device_type() in types
    _is_gpu_ours = _has_own_device and GPU not in types


@functools.cache
def plugin():
    library = ctypes.CDLL(dragoman_tensorflow.library_path())  # TensorFlow has loaded it
    library.dragoman_tensorflow_device_kind.restype = ctypes.c_char_p
    return library


def in_device_spec(module):
    """Every DeviceSpec, made of a string or of parts, passes its type through this function."""
    read_type = module._as_device_str_or_none

    def as_device_type(device_type):
        found = translated(read_type(device_type))
        return _Type(found) if found == dragoman_tensorflow.device_type() else found

    module._as_device_str_or_none = as_device_type
    valid_types = module.DeviceSpecV2._get_valid_device_types
    # The short form '/DirectML:0' is looked up in upper case.
    module.DeviceSpecV2._get_valid_device_types = staticmethod(lambda: {*valid_types(), *map(str.upper, valid_types())})


def in_context(module):
    context = module.Context
    for wrap in (_listing, _counting, _hiding, _configuring, _describing, _measuring):
        guarded(wrap, context)


def _wrap(context, name, make):
    method = getattr(context, name)
    setattr(context, name, functools.wraps(method)(make(method)))


def _listing(context):
    def by_type(method):
        return lambda self, device_type=None: method(self, translated(device_type))

    for name in ("list_physical_devices", "list_logical_devices", "get_visible_devices"):
        _wrap(context, name, by_type)
    _wrap(
        context,
        "set_visible_devices",
        lambda method: lambda self, devices, device_type=None: method(self, devices, translated(device_type)),
    )
    _wrap(context, "reset_memory_stats", lambda method: lambda self, dev: method(self, translated_name(dev)))


def _counting(context):
    def make(method):
        def initialize(self, reinitialize=False):
            before = self._physical_devices
            method(self, reinitialize)
            if self._physical_devices is not before:
                note_devices(self._physical_devices)

        return initialize

    _wrap(context, "_initialize_physical_devices", make)


def _hiding(context):
    """Called when a context is made: TensorFlow does not tell a plug-in of this kind which devices are to be visible."""

    def make(method):
        def compute(self, device_type=GPU):
            ours = dragoman_tensorflow.device_type()
            with untranslated():
                if _has_own_device:
                    is_visible = any(device.device_type == ours for device in self._visible_device_list)
                    plugin().dragoman_tensorflow_set_hidden(not is_visible)
                return method(self, device_type=device_type)

        return compute

    _wrap(context, "_compute_device_options", make)


def _configuring(context):
    """One logical device of a GPU, with a bound on its memory, is what our device is; the bound is not enforced."""

    def make(method):
        def configure(self, dev, virtual_devices):
            is_ours = _has_own_device and getattr(dev, "device_type", None) == dragoman_tensorflow.device_type()
            if is_ours and len(virtual_devices) == 1:
                logger.info("Dragoman does not enforce the memory limit of a logical device.")
                return
            method(self, dev, virtual_devices)

        return configure

    _wrap(context, "set_logical_device_configuration", make)


def _describing(context):
    def make(method):
        def details(self, device):
            found = method(self, device)
            if _has_own_device and device.device_type == dragoman_tensorflow.device_type():
                kind = plugin().dragoman_tensorflow_device_kind(int(device.name.rsplit(":", 1)[1]))
                if kind:
                    found = {"device_name": kind.decode(), **found}
            return found

        return details

    _wrap(context, "get_device_details", make)


def _measuring(context):
    def make(method):
        def memory(self, dev):
            name = translated_name(dev)
            if not isinstance(name, str) or dragoman_tensorflow.device_type() not in name.split("/")[-1].split(":"):
                return method(self, name)
            self.ensure_initialized()
            index = name.rsplit(":", 1)[1]
            current, peak = ctypes.c_int64(), ctypes.c_int64()
            is_known = plugin().dragoman_tensorflow_memory(
                int(index) if index.isdigit() else 0, ctypes.byref(current), ctypes.byref(peak)
            )
            return {"current": current.value, "peak": peak.value} if is_known else method(self, name)

        return memory

    _wrap(context, "get_memory_info", make)


def in_test_util(module):
    """tf.test's questions, answered by TensorFlow first."""

    def own_device():
        from tensorflow.python.eager import context

        visible = context.context().get_visible_devices(dragoman_tensorflow.device_type()) if _is_gpu_ours else []
        return f"/device:{visible[0].device_type}:0" if visible else ""

    name, is_available = module.gpu_device_name, module.is_gpu_available

    @functools.wraps(name)
    def gpu_device_name():
        return own_device() or name()

    @functools.wraps(is_available)
    def is_gpu_available(cuda_only=False, min_cuda_compute_capability=None):
        if not cuda_only and min_cuda_compute_capability is None and own_device():
            return True
        return is_available(cuda_only, min_cuda_compute_capability)

    module.gpu_device_name, module.is_gpu_available = gpu_device_name, is_gpu_available
