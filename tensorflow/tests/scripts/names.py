# SPDX-License-Identifier: Apache-2.0
"""The name GPU wherever TensorFlow and Keras take a device."""

import keras
import tensorflow as tf

OURS = "/job:localhost/replica:0/task:0/device:DirectML:0"
config = tf.config
gpu = config.list_physical_devices("GPU")

assert gpu == config.list_physical_devices("DirectML") == config.get_visible_devices("GPU"), gpu
assert [device.name for device in gpu] == ["/physical_device:DirectML:0"]
assert config.experimental.get_device_details(gpu[0])["device_name"]
assert tf.test.is_gpu_available() and tf.test.gpu_device_name() == "/device:DirectML:0"
config.experimental.set_memory_growth(gpu[0], True)
config.set_logical_device_configuration(gpu[0], [config.LogicalDeviceConfiguration(memory_limit=1024)])
config.set_visible_devices([], "GPU")
assert config.get_visible_devices("GPU") == [] and tf.test.gpu_device_name() == ""
config.set_visible_devices(gpu[0], "GPU")
assert [device.name for device in config.list_logical_devices("GPU")] == ["/device:DirectML:0"]

for name in ("/GPU:0", "/gpu:0", "/device:GPU:0", "gpu:0", "GPU", "/job:localhost/device:GPU:0", "/DirectML:0",
             "/device:DirectML:0", tf.DeviceSpec(device_type="GPU", device_index=0)):  # fmt: skip
    with tf.device(name):
        assert tf.constant(1.0).device == OURS, name
        assert tf.function(lambda: tf.ones([2]) + 1)().device == OURS, name
with keras.device("gpu:0"):
    assert keras.ops.ones([2]).device == OURS
with tf.device("/CPU:0"):
    assert tf.constant(1.0).device.endswith("CPU:0")
assert tf.constant([3, 5]).numpy().tolist() == [3, 5]
assert (tf.constant([3, 5]) * 2).numpy().tolist() == [6, 10]
assert set(config.experimental.get_memory_info("GPU:0")) == {"current", "peak"}
# Keras must not take the device for one that has cuDNN.
assert keras.layers.LSTM(2)(tf.ones([1, 3, 2])).device == OURS

strategy = tf.distribute.MirroredStrategy()
assert strategy.num_replicas_in_sync == 1
with strategy.scope():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
losses = model.fit(tf.ones([32, 4]), tf.ones([32, 1]), epochs=2, verbose=0).history["loss"]
assert losses[1] < losses[0]
with strategy.scope():
    assert "DirectML" in tf.Variable(1.0).device
print("ALL", "fine")
