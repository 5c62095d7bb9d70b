# SPDX-License-Identifier: Apache-2.0
"""The reader of XLA's programs (HloModuleProto), through `dragoman evaluate`, against XLA's CPU backend: of TensorFlow for what
TensorFlow emits (where it is installed), of JAX for opcodes and forms beyond that."""

import importlib.util
import pathlib
import subprocess

import ml_dtypes
import numpy as np
import pytest

from hlo_text import PROGRAMS as TEXTS
from test_reference import tolerance

ROOT = pathlib.Path(__file__).resolve().parent.parent
try:
    import tensorflow  # noqa: F401

    HAS_TENSORFLOW = True
except ImportError:
    HAS_TENSORFLOW = False
if HAS_TENSORFLOW:
    spec = importlib.util.spec_from_file_location("make_hlo", ROOT / "tools/make_hlo.py")
    make_hlo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_hlo)
    NAMES = sorted(make_hlo.PROGRAMS.keys() - make_hlo.NOT_COMPARABLE)
else:
    NAMES = []


def evaluate(command, folder, program, inputs):
    """The results' elements, one after the other."""
    (folder / "program.hlo").write_bytes(program)
    (folder / "inputs").write_bytes(b"".join(np.ascontiguousarray(array).tobytes() for array in inputs))
    arguments = [command, "evaluate", folder / "program.hlo", "--data", folder / "inputs", "-o", folder / "outputs"]
    run = subprocess.run(arguments, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return (folder / "outputs").read_bytes()


def check(data, expected):
    for i, array in enumerate(expected):
        got = np.frombuffer(data[: array.nbytes], array.dtype).reshape(array.shape)
        data = data[array.nbytes :]
        wide = np.complex128 if array.dtype.kind == "c" else np.float64
        error = tolerance(array.dtype)
        if error == 0 or array.dtype.kind == "b":
            np.testing.assert_array_equal(got, array, err_msg=f"result {i}")
            continue
        got, want = got.astype(wide), array.astype(wide)
        largest = np.max(np.abs(want[np.isfinite(want)]), initial=1)
        np.testing.assert_allclose(got, want, rtol=error, atol=error * largest, err_msg=f"result {i}")
    assert not data


@pytest.mark.skipif(not NAMES, reason='TensorFlow, whose programs and numbers these are, is not installed; pip install "tensorflow-cpu==2.21.*" brings it.')
@pytest.mark.parametrize("name", NAMES)
def test_programs_of_tensorflow(command, tmp_path, name):
    program, inputs, expected = make_hlo.build(name)
    check(evaluate(command, tmp_path, program, inputs), expected)


def arrays_of(types, random):
    for dtype, shape in types:
        if dtype == np.bool_:
            yield random.integers(0, 2, shape).astype(bool)
        elif np.issubdtype(dtype, np.integer):
            yield random.integers(0, 5, shape).astype(dtype)
        else:
            yield random.uniform(0.1, 0.9, shape).astype(dtype)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_programs_of_text(command, tmp_path, name):
    jax = pytest.importorskip("jax", reason="JAX is not installed.")
    hlo = pytest.importorskip("jaxlib._hlo", reason="This JAX has no parser of HLO.")
    program = hlo.hlo_module_from_text(TEXTS[name].text).as_serialized_hlo_module_proto()
    inputs = list(arrays_of(TEXTS[name].inputs, np.random.default_rng(len(name))))
    expected = TEXTS[name].expected(*inputs) if TEXTS[name].expected else run_on_cpu(jax, program, inputs)
    check(evaluate(command, tmp_path, program, inputs), expected)


def run_on_cpu(jax, program, inputs):
    from jaxlib import _jax

    device = jax.devices("cpu")[0]
    module = _jax.mlir.hlo_to_stablehlo(program)
    executable = device.client.compile_and_load(module, _jax.DeviceList((device,)), _jax.CompileOptions())
    results = executable.execute_sharded([jax.device_put(array, device) for array in inputs])
    return [np.asarray(parts[0]) for parts in results.disassemble_into_single_device_arrays()]


assert ml_dtypes  # numpy knows bfloat16 and its like by it
