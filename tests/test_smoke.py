# SPDX-License-Identifier: Apache-2.0
"""A few minutes' worth of everything: what runs with every JAX version."""

import json
import os
import pathlib
import shutil
import time

import numpy as np
import pytest
from processes import run_python

jax = pytest.importorskip("jax", reason="JAX is not installed.")

import jax.numpy as jnp  # noqa: E402
from op_compare import compare, random_array  # noqa: E402


def test_import_is_quick():
    done = run_python("import time; start = time.perf_counter(); import dragoman; print(time.perf_counter() - start)",
                      DRAGOMAN_LIBRARY=None, PYTHONPATH=import_folder())  # fmt: skip
    assert done.returncode == 0, done.stderr
    print(f"import dragoman takes {1000 * float(done.stdout):.1f} ms")
    assert float(done.stdout) < 0.5


def import_folder():
    import dragoman

    return os.path.dirname(dragoman.__path__[0])


@pytest.mark.usefixtures("jax")
def test_a_step_of_training():
    def loss(parameters, x, y):
        w1, b1, w2 = parameters
        return jnp.mean((jax.nn.relu(x @ w1 + b1) @ w2 - y) ** 2)

    def step(parameters, x, y):
        value, gradients = jax.value_and_grad(loss)(parameters, x, y)
        return jax.tree.map(lambda p, g: p - 0.01 * g, parameters, gradients), value

    parameters = [random_array("float32", shape, low=-0.5, high=0.5) for shape in [(12, 20), (20,), (20, 3)]]
    compare(step, parameters, random_array("float32", (31, 12)), random_array("float32", (31, 3)))


@pytest.mark.usefixtures("jax")
def test_one_of_each_kind():
    def everything(x, i):
        scanned, _ = jax.lax.scan(lambda c, row: (jnp.tanh(c + row), None), jnp.zeros(x.shape[1]), x)
        image = x[None, :, :, None]
        convolved = jax.lax.conv_general_dilated(image, jnp.ones((3, 3, 1, 2)), (1, 1), "SAME",
                                                 dimension_numbers=("NHWC", "HWIO", "NHWC"))  # fmt: skip
        return {
            "softmax": jax.nn.softmax(x), "sort": jnp.sort(x, 1), "argmax": jnp.argmax(x, 0), "take": x[i], "scan": scanned,
            "scatter": x.at[i].add(1.0), "random": jax.random.normal(jax.random.key(3), (9,)), "conv": convolved,
            "cumsum": jnp.cumsum(x, 1), "top_k": jax.lax.top_k(x, 3), "branch": jax.lax.cond(i[0] > 2, jnp.sin, jnp.cos, x),
            "half": (x.astype(jnp.bfloat16) * 2).sum(), "fft": jnp.abs(jnp.fft.fft(x)),
        }  # fmt: skip

    compare(everything, random_array("float32", (10, 8)), random_array("int32", (6,), 0, 0, 9), tolerance=1e-4)


@pytest.mark.usefixtures("jax")
def test_keras_trains(device):
    pytest.importorskip("keras", reason="Keras is not installed.")
    code = """
import json, os
os.environ["KERAS_BACKEND"] = "jax"
import keras, numpy
keras.utils.set_random_seed(0)
x = numpy.random.default_rng(0).standard_normal((128, 8, 8, 1)).astype("float32")
y = (x.mean((1, 2, 3)) > 0).astype("int32")
layers = keras.layers
model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(),
                          layers.BatchNormalization(), layers.Flatten(), layers.Dropout(0.2), layers.Dense(2)])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
print(json.dumps(model.fit(x, y, batch_size=32, epochs=3, verbose=0).history["loss"]))
"""
    losses = {}
    for platform in ("cpu", "dragoman"):
        start = time.perf_counter()
        done = run_python(code, JAX_PLATFORMS=platform)
        assert done.returncode == 0, done.stderr
        losses[platform] = json.loads(done.stdout.splitlines()[-1])
        print(f"{platform}: {time.perf_counter() - start:.1f} s from start to end")
    np.testing.assert_allclose(losses["dragoman"], losses["cpu"], rtol=1e-3)


ELSEWHERE = """
import sys
sys.path.insert(0, sys.argv[1])
import dragoman
from dragoman import _command
print(ascii(dragoman.library_path()))
print(dragoman.devices()[0].is_usable)
sys.argv[1:] = ["devices"]
sys.exit(_command.main())
"""


def test_the_package_works_in_a_folder_of_any_name(tmp_path):
    folder = tmp_path / "J\u00f6rg M\u00fcller \u65e5\u672c"
    package = pathlib.Path(import_folder()) / "dragoman"
    if not (package / "bin").exists():
        pytest.skip("The package is not installed.")
    shutil.copytree(package, folder / "dragoman")
    done = run_python(ELSEWHERE, str(folder), DRAGOMAN_LIBRARY=None, DRAGOMAN_CACHE_DIR=str(folder / "cache"))
    assert done.returncode == 0, done.stderr
    path, is_usable, *devices = done.stdout.splitlines()
    assert path.startswith(ascii(str(folder))[:-1]) and is_usable == "True" and devices


# As on Windows, where JAX opens no plugin's library itself and asks none for a profiler.
OPEN_LIBRARY = """
from dragoman import _jax_plugin
from jax._src import xla_bridge
from jax._src.lib import _profiler
_jax_plugin.JAX_OPENS_LIBRARIES = False
xla_bridge._backend_factories.pop("dragoman", None)
registered = []
register = _profiler.register_plugin_profiler
_profiler.register_plugin_profiler = lambda c_api: (registered.append(c_api), register(c_api))
_jax_plugin.PLATFORM = "dragoman_open"
_jax_plugin.register(xla_bridge)
import jax, jax.numpy as jnp
print(len(registered), jax.devices("dragoman_open")[0].device_kind != "", jax.jit(lambda x: x * 2 + 1)(jnp.arange(3.0)))
"""


def test_jax_takes_a_library_that_is_open():
    done = run_python(OPEN_LIBRARY, JAX_PLATFORMS="dragoman_open")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1 True [1. 3. 5.]"
