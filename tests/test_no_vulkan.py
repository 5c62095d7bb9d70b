# SPDX-License-Identifier: Apache-2.0
"""On a machine without a Vulkan driver: JAX's CPU backend goes on, and who asks for Dragoman learns cause and cure."""

import json
import sys

import pytest
from processes import run_command, run_python, without_vulkan

pytest.importorskip("jax", reason="JAX is not installed.")


def test_jax_and_keras_go_on_with_the_cpu_backend(tmp_path):
    code = """
import keras, jax, numpy
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(numpy.ones((8, 4)), numpy.ones((8, 1)), verbose=0)
print("trained on", jax.default_backend())
"""
    pytest.importorskip("keras", reason="Keras is not installed.")
    done = run_python(code, JAX_PLATFORMS=None, KERAS_BACKEND="jax", **without_vulkan(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "trained on cpu" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("platforms", [None, "dragoman", "dragoman,cpu"])
def test_asking_for_dragoman_names_cause_and_cure(tmp_path, platforms):
    code = """
import jax
try:
    jax.devices("dragoman")
except RuntimeError as error:
    print("RuntimeError:", error)
"""
    done = run_python(code, JAX_PLATFORMS=platforms, **without_vulkan(tmp_path))
    assert "RuntimeError:" in done.stdout, done.stderr
    assert "Vulkan" in done.stdout and "nstall" in done.stdout


def test_listing_devices_names_cause_and_cure(tmp_path):
    code = """
import dragoman
try:
    dragoman.devices()
except RuntimeError as error:
    print("RuntimeError:", error)
"""
    done = run_python(code, **without_vulkan(tmp_path))
    assert "RuntimeError:" in done.stdout and "nstall" in done.stdout, done.stderr


def test_a_missing_loader_names_cause_and_cure(tmp_path):
    code = "import dragoman; dragoman.devices()"
    done = run_python(code, DRAGOMAN_VULKAN_LIBRARY=str(tmp_path / "libvulkan.so.1"))
    assert done.returncode == 1
    assert "RuntimeError" in done.stderr and "Vulkan" in done.stderr and "nstall" in done.stderr


def test_the_command_says_so_too(tmp_path):
    done = run_command("devices", **without_vulkan(tmp_path))
    assert done.returncode == 1
    assert "Vulkan" in done.stdout + done.stderr
    done = run_command("doctor", "--json", **without_vulkan(tmp_path))
    assert done.returncode == 1
    wrong = [check for check in json.loads(done.stdout)["checks"] if not check["ok"]]
    assert wrong[0]["check"] == "Vulkan" and "nstall" in wrong[0]["cure"]
    assert ("apt install" in wrong[0]["cure"]) == (sys.platform != "win32")
