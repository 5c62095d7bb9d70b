# SPDX-License-Identifier: Apache-2.0
"""What goes wrong is one sentence, and TensorFlow goes on."""

import importlib.metadata
import json
import pathlib
import shutil
import subprocess

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

    (package,) = {*importlib.metadata.packages_distributions()["tensorflow"]} - {"keras"}
    running = ".".join(importlib.metadata.version(package).split(".")[:2])
    before = pathlib.Path(dragoman_tensorflow.library_path()).read_bytes()
    after = before.replace(f"built for TensorFlow {running} and".encode(), b"built for TensorFlow 2.19 and").replace(
        f"{running}\0".encode(), b"2.19\0"
    )
    assert after != before
    other = tmp_path / "libdragoman_tensorflow.so"
    other.write_bytes(after)
    instead = f"""
import dragoman_tensorflow._one_plugin as loading
loading.libraries = lambda location: [{str(other)!r}]
"""
    result = run(instead + ON_THE_CPU, DRAGOMAN_LIBRARY=dragoman.library_path())
    assert_one_line(result, "2.19", running, "install")


def test_an_operation_that_a_compiled_function_cannot_have(run):
    program = """
import tensorflow as tf

@tf.function(jit_compile=True)
def unsupported(x):
    return tf.reduce_sum(tf.where(x > 1.0))

try:
    unsupported(tf.constant([1.0, 2.0]))
except tf.errors.OpError as error:
    print("REFUSED", type(error).__name__, "dynamic" in str(error))
print((tf.constant([1.0, 2.0]) * 2).device, tf.constant([1.0, 2.0]) * 2)
"""
    result = run(program)
    assert "REFUSED UnimplementedError True" in result.out
    assert "DirectML:0" in result.out and "[2. 4.]" in result.out


@pytest.fixture(scope="module")
def layer(tmp_path_factory):
    """A Vulkan layer that spoils the device, see scripts/layer.c: its library, and what switches it on."""
    if shutil.which("cc") is None or not pathlib.Path("/usr/include/vulkan/vk_layer.h").exists():
        pytest.skip("There is no `cc`, or no Vulkan header (libvulkan-dev), to make a layer with.")
    folder = tmp_path_factory.mktemp("layer")
    library = folder / "liblayer.so"
    source = pathlib.Path(__file__).parent / "scripts/layer.c"
    subprocess.run(["cc", "-O1", "-fPIC", "-shared", "-o", library, source, "-lpthread"], check=True)
    about = {"name": "VK_LAYER_DRAGOMAN_faults", "type": "GLOBAL", "library_path": str(library), "api_version": "1.3.0",
             "implementation_version": "1", "description": "Spoils the device"}  # fmt: skip
    (folder / "layer.json").write_text(json.dumps({"file_format_version": "1.0.0", "layer": about}))
    return str(library), {"VK_LAYER_PATH": str(folder), "VK_INSTANCE_LAYERS": about["name"]}


def test_memory_exhausted(run, layer):
    library, variables = layer
    lines = run("exhausted.py", arguments=[library], **variables).out.splitlines()
    names = ["eager", "result", "intermediates", "steadily"]
    assert [line for line in lines if line.startswith("EXHAUSTED")] == [f"EXHAUSTED {name} True" for name in names]
    trained = [f"TRAINED on device:{device}:0" for device in [*["DirectML"] * len(names), "CPU"]]
    assert [line for line in lines if line.startswith("TRAINED")] == trained


def test_a_lost_device(run, layer):
    library, variables = layer
    lines = run("losing.py", arguments=[library], **variables).out.splitlines()
    names = ["fit", "predict", "multiply", "read", "upload"]
    assert lines == [*(f"LOST {name} UnavailableError True" for name in names), "TRAINED on device:CPU:0"]


def test_assertions_are_allowed_in_compiled_functions_and_checked_elsewhere(run):
    """As with TensorFlow's own devices, whose compiler leaves assertions out."""
    program = """
import tensorflow as tf

def checked(x):
    tf.debugging.assert_less(x, 10.0, message="large")
    tf.debugging.Assert(tf.reduce_all(x < 10.0), [x, "large"])
    return tf.debugging.check_numerics(x, "not finite") * 2

def bare(x):
    tf.debugging.Assert(tf.reduce_all(x < 10.0), [x])

def is_refused(function, *arguments):
    try:
        function(*arguments)
    except tf.errors.InvalidArgumentError:
        return True
    return False

good, large, infinite = tf.constant([1.0, 2.0]), tf.constant([1.0, 20.0]), tf.constant([1.0, float("-inf")])
print(tf.function(checked, jit_compile=True)(good).numpy(), checked(good).device)
print("REFUSED", [is_refused(f, x) for f in (checked, tf.function(checked)) for x in (large, infinite)])
print("BARE", is_refused(bare, large), is_refused(tf.function(bare), large))
"""
    result = run(program)
    assert "[2. 4.]" in result.out and "DirectML:0" in result.out
    assert "REFUSED [True, True, True, True]" in result.out and "BARE True True" in result.out


def test_functions_that_are_called_run_operation_by_operation(run):
    """A call that is not inlined (as Keras 2 makes them for its recurrent layers) may hold lists, which are not compiled."""
    program = """
import tensorflow as tf

@tf.function(experimental_attributes={"_noinline": True})
def inner(x):
    return tf.map_fn(lambda row: row * 2, x)

@tf.function
def outer(x):
    return inner(x) + 1

print(outer(tf.constant([[1.0], [2.0]])).numpy().tolist())
"""
    assert "[[3.0], [5.0]]" in run(program).out


def test_numbers_are_hashed_as_text(run):
    """What TensorFlow's optimizer makes of it belongs to the device that the numbers are on."""
    program = """
import tensorflow as tf

def bucket(x):
    return tf.strings.to_hash_bucket_fast(tf.as_string(x + 1), 10)

x = tf.constant([1, 2, 300])
with tf.device("CPU:0"):
    expected = bucket(x)
print("SAME", (tf.function(bucket)(x).numpy() == expected.numpy()).all())
"""
    assert "SAME True" in run(program).out
