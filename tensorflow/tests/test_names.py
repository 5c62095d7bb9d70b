# SPDX-License-Identifier: Apache-2.0


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
