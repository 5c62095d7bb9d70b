# SPDX-License-Identifier: Apache-2.0
"""What goes wrong is one sentence, and TensorFlow goes on."""

import pathlib
import shutil

import pytest

ON_THE_CPU = """
import tensorflow as tf
print([device.device_type for device in tf.config.list_physical_devices()], tf.config.list_physical_devices("GPU"))
print(tf.constant([1.0, 2.0]) * 2)
"""


def assert_one_line(result, *words):
    assert result.out.startswith("['CPU'] []") and "[2. 4.]" in result.out
    (line,) = result.dragoman_lines()
    for word in words:
        assert word in line
    assert "Traceback" not in result.err


def test_no_vulkan_device(run):
    nothing = {"VK_ICD_FILENAMES": "/nowhere.json", "VK_DRIVER_FILES": "/nowhere.json"}
    assert_one_line(run(ON_THE_CPU, **nothing), "no DirectML device", "Vulkan")


def test_absent_engine(run):
    assert_one_line(run(ON_THE_CPU, DRAGOMAN_LIBRARY="/nowhere.so"), "/nowhere.so", "pip install")


def test_damaged_engine(run, tmp_path):
    damaged = tmp_path / "libdragoman.so"
    damaged.write_bytes(b"\x7fELF" + bytes(100))
    assert_one_line(run(ON_THE_CPU, DRAGOMAN_LIBRARY=str(damaged)), "pip install")


def test_a_library_that_is_no_engine(run):
    import dragoman_tensorflow

    other = str(pathlib.Path(dragoman_tensorflow.__file__).parent / "libdragoman_tensorflow_bridge.so")
    assert_one_line(run(ON_THE_CPU, DRAGOMAN_LIBRARY=other), "is not Dragoman's library")


def test_a_second_plugin_of_the_kind(run, tmp_path):
    import dragoman_tensorflow

    second = tmp_path / "libdragoman_tensorflow.so"
    shutil.copy(dragoman_tensorflow.library_path(), second)
    result = run(ON_THE_CPU, TF_PLUGGABLE_DEVICE_LIBRARY_PATH=str(second))
    assert "['CPU', 'DirectML']" in result.out and "[2. 4.]" in result.out
    (line,) = result.dragoman_lines()
    assert str(second) in line


def test_another_tensorflow(run, tmp_path):
    """What was built for one version says so beside another, here a plug-in whose version is written over."""
    import dragoman
    import dragoman_tensorflow

    before = pathlib.Path(dragoman_tensorflow.library_path()).read_bytes()
    after = before.replace(b"built for TensorFlow 2.21 and", b"built for TensorFlow 2.19 and").replace(
        b"2.21\0", b"2.19\0"
    )
    assert after != before
    other = tmp_path / "libdragoman_tensorflow.so"
    other.write_bytes(after)
    instead = f"""
import dragoman_tensorflow._one_plugin as loading
loading.libraries = lambda location: [{str(other)!r}]
"""
    result = run(instead + ON_THE_CPU, DRAGOMAN_LIBRARY=dragoman.library_path())
    assert_one_line(result, "2.19", "2.21", "install")


def test_errors_reach_python_and_leave_tensorflow_usable(run):
    program = """
import tensorflow as tf

@tf.function(jit_compile=True)
def unsupported(x):
    return tf.reduce_sum(tf.where(x > 1.0))

try:
    unsupported(tf.constant([1.0, 2.0]))
except tf.errors.OpError as error:
    print("REFUSED", type(error).__name__, "dynamic" in str(error))
try:
    tf.zeros([1 << 19, 1 << 19]) + 1.0
except tf.errors.OpError as error:
    print("EXHAUSTED", type(error).__name__)
print((tf.constant([1.0, 2.0]) * 2).device, tf.constant([1.0, 2.0]) * 2)
"""
    result = run(program)
    assert "REFUSED UnimplementedError True" in result.out
    assert "EXHAUSTED ResourceExhaustedError" in result.out
    assert "DirectML:0" in result.out and "[2. 4.]" in result.out
