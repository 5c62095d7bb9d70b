# SPDX-License-Identifier: Apache-2.0
"""What goes wrong is said by name, and the process stays usable."""

import numpy as np
import pytest
from processes import ROOT, run_python

jax = pytest.importorskip("jax", reason="JAX is not installed.")


def assert_usable(device):
    x = jax.device_put(np.arange(5, dtype=np.float32), device)
    assert float(jax.jit(lambda x: (x * 2).sum())(x)) == 20


@pytest.mark.usefixtures("jax")
def test_an_unsupported_operation_is_named_with_its_line(device):
    def unsupported(x):
        return jax.ffi.ffi_call("no_such_operation", jax.ShapeDtypeStruct((3,), np.float32))(x)

    with pytest.raises(Exception) as raised:
        jax.jit(unsupported)(jax.device_put(np.ones(3, np.float32), device))
    message = str(raised.value)
    assert "no_such_operation" in message and "is not supported" in message
    assert "f32" in message
    assert f"test_errors.py:{unsupported.__code__.co_firstlineno + 1}" in message
    assert_usable(device)


@pytest.mark.usefixtures("jax")
@pytest.mark.parametrize("gibibytes", [256, 1 << 20])
def test_too_large_an_allocation_says_how_much(device, gibibytes):
    count = gibibytes << 28
    with pytest.raises(Exception, match="(?i)memory|bytes"):
        jax.jit(lambda x: jax.lax.broadcast(x, (count >> 20, 1 << 20)))(
            jax.device_put(np.float32(1), device)
        ).block_until_ready()
    assert_usable(device)


ADD = """
import jax
print(float(jax.jit(lambda a: (a * 3).sum())(jax.numpy.arange(5.0))))
"""


@pytest.mark.usefixtures("jax")
@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "text"])
def test_damaged_cache_files_are_ignored(tmp_path, damage):
    def run():
        done = run_python(ADD, JAX_PLATFORMS="dragoman", DRAGOMAN_CACHE_DIR=str(tmp_path))
        assert done.returncode == 0 and done.stdout.split() == ["30.0"], done.stderr

    run()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        noise = np.random.default_rng(len(data)).integers(0, 256, len(data), np.uint8).tobytes()
        path.write_bytes({"empty": b"", "cut": data[: len(data) // 2], "noise": noise, "text": b"not a program"}[damage])
    run()


@pytest.mark.usefixtures("jax")
@pytest.mark.parametrize("directory", ["off", "/proc/nowhere", "/dev/null/nowhere"])
def test_a_cache_that_cannot_be_written_costs_only_time(directory):
    done = run_python(ADD, JAX_PLATFORMS="dragoman", DRAGOMAN_CACHE_DIR=directory)
    assert done.returncode == 0 and done.stdout.split() == ["30.0"], done.stderr


@pytest.mark.usefixtures("jax")
@pytest.mark.parametrize("choice", ["17", "no such card", "-1"])
def test_a_wrong_choice_of_devices_is_an_error(choice):
    done = run_python(ADD, JAX_PLATFORMS="dragoman", DRAGOMAN_VISIBLE_DEVICES=choice)
    assert done.returncode == 1
    assert "RuntimeError" in done.stderr and choice in done.stderr and "DRAGOMAN_VISIBLE_DEVICES" in done.stderr


@pytest.mark.usefixtures("jax")
def test_an_unknown_precision_is_an_error():
    done = run_python(ADD, JAX_PLATFORMS="dragoman", DRAGOMAN_MATMUL_PRECISION="tf32")
    assert done.returncode == 1
    assert "DRAGOMAN_MATMUL_PRECISION is 'tf32'; set it to default or highest." in done.stderr


@pytest.mark.usefixtures("jax")
@pytest.mark.parametrize("precision,is_exact", [("default", False), ("highest", True)])
def test_jax_caches_programs_of_each_precision_apart(precision, is_exact):
    code = "import jax; print(jax.devices()[0].client.platform_version)"
    done = run_python(code, JAX_PLATFORMS="dragoman", DRAGOMAN_MATMUL_PRECISION=precision)
    assert done.returncode == 0 and ("exact float32 products" in done.stdout) == is_exact, done.stderr


@pytest.mark.usefixtures("jax")
@pytest.mark.parametrize("variable,value", [("DRAGOMAN_LOG", "nonsense"), ("DRAGOMAN_VISIBLE_DEVICES", "")])
def test_a_meaningless_value_is_no_obstacle(variable, value):
    done = run_python(ADD, JAX_PLATFORMS="dragoman", **{variable: value})
    assert done.returncode == 0 and done.stdout.split() == ["30.0"], done.stderr


def test_a_missing_library_is_named(tmp_path):
    missing = str(tmp_path / "libdragoman.so")
    code = "import dragoman; dragoman.devices()"
    done = run_python(f"import os; os.environ['DRAGOMAN_LIBRARY'] = {missing!r}; {code}", DRAGOMAN_LIBRARY=None,
                      PYTHONPATH=str(ROOT / "python"))  # fmt: skip
    assert done.returncode == 1 and missing in done.stderr
