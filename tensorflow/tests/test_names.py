# SPDX-License-Identifier: Apache-2.0
"""By which names TensorFlow's users reach the device."""

import types


def test_gpu_means_the_device(run):
    assert "ALL fine" in run("names.py").out


def test_a_variable_switches_the_name_off(run):
    program = """
import tensorflow as tf
print(tf.config.list_physical_devices("GPU"), tf.config.list_physical_devices("VULKAN"))
with tf.device("/VULKAN:0"):
    print(tf.constant([1.0, 2.0]) * 2)
"""
    result = run(program, DRAGOMAN_TENSORFLOW_GPU_NAME="0", DRAGOMAN_TENSORFLOW_DEVICE_TYPE="VULKAN")
    assert result.out.startswith("[] [PhysicalDevice(name='/physical_device:VULKAN:0', device_type='VULKAN')]")
    assert "[2. 4.]" in result.out


def test_hidden_devices_leave_the_cpu(run):
    program = """
import tensorflow as tf
tf.config.set_visible_devices([], "GPU")
print(tf.config.list_logical_devices("GPU"), [device.name for device in tf.config.list_logical_devices()])
with tf.device("/GPU:0"):
    print(tf.constant([1.0, 2.0]).device)
"""
    assert run(program).out.split("\n")[:2] == ["[] ['/device:CPU:0']", "/job:localhost/replica:0/task:0/device:CPU:0"]


WITH_A_GPU = """
import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import context

devices = pywrap_tfe.TF_ListPhysicalDevices
pywrap_tfe.TF_ListPhysicalDevices = lambda: [*devices(), b"/physical_device:GPU:0"]
context.context().reinitialize_physical_devices()
config = tf.config
(gpu,), (own,) = config.list_physical_devices("GPU"), config.list_physical_devices("DirectML")
assert (gpu.device_type, own.device_type) == ("GPU", "DirectML")
assert config.get_visible_devices("GPU") == [gpu] and config.get_visible_devices("DirectML") == [own]
assert config.experimental.get_device_details(own)["device_name"]
assert tf.DeviceSpec(device_type="GPU", device_index=0).to_string() == "/device:GPU:0"
assert tf.DeviceSpec.from_string("/gpu:0").device_type == "GPU"
"""


def test_a_gpu_of_tensorflows_own_keeps_its_name(run):
    """TensorFlow is made to believe that it has one: there is no card, so it is hidden before anything runs."""
    program = """
config.set_visible_devices([], "GPU")
print([device.name for device in config.list_logical_devices()])
with tf.device("/DirectML:0"):
    print((tf.constant([1.0, 2.0]) * 2).device)
assert not tf.test.is_gpu_available() and tf.test.gpu_device_name() == ""
assert set(config.experimental.get_memory_info("DirectML:0")) == {"current", "peak"}
"""
    expected = ["['/device:CPU:0', '/device:DirectML:0']", "/job:localhost/replica:0/task:0/device:DirectML:0"]
    assert run(WITH_A_GPU + program).out.splitlines() == expected


def test_beside_a_gpu_the_device_is_hidden_by_its_own_name(run):
    program = """
config.set_visible_devices([], "DirectML")
print([device.name for device in config.list_logical_devices()])
"""
    assert run(WITH_A_GPU + program).out == "['/device:CPU:0']\n"


def test_another_tensorflow_costs_names_only():
    """One whose private parts have other names."""
    from dragoman_tensorflow import _names, _on_import

    _names.in_context(types.SimpleNamespace(Context=type("Context", (), {})))
    for own_module, function in _on_import.NAMES.values():
        loader = types.SimpleNamespace(exec_module=lambda module: None)
        _on_import.tell_when_done(loader, own_module, function)
        loader.exec_module(types.ModuleType("changed"))
