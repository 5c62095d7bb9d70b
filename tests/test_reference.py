# SPDX-License-Identifier: Apache-2.0
"""The artifact reader and the reference evaluator (`dragoman evaluate`) against JAX's CPU backend."""

import importlib.util
import pathlib
import subprocess

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed.")
ROOT = pathlib.Path(__file__).resolve().parent.parent


def load_programs():
    spec = importlib.util.spec_from_file_location("make_artifacts", ROOT / "tools/make_artifacts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


programs = load_programs()


def inputs_for(name, arguments):
    random = np.random.default_rng(sum(map(ord, name)))
    leaves, tree = jax.tree.flatten(arguments)
    values = []
    for leaf in leaves:
        if np.issubdtype(leaf.dtype, np.integer):
            values.append(random.integers(0, 4, leaf.shape).astype(leaf.dtype))
        else:
            values.append((random.uniform(-0.9, 0.9, leaf.shape)).astype(leaf.dtype))
    return leaves, tree, values


def tolerance(dtype):
    if dtype.kind in "biu" or "int" in dtype.name:
        return 0
    return {2: 2e-2, 1: 2e-1}.get(dtype.itemsize, 2e-5)


# rng_uniform is not a function of its operands; JAX's CPU backend has few dot algorithms.
NOT_COMPARABLE = {"random_bits", "dot_algorithms"}


@pytest.mark.parametrize("name", sorted(programs.FUNCTIONS.keys() - NOT_COMPARABLE))
def test_evaluates_as_jax_does(name, command, tmp_path):
    function, arguments, donated = programs.FUNCTIONS[name]
    _, tree, values = inputs_for(name, arguments)
    (tmp_path / "program.bc").write_bytes(programs.artifact_of_function(function, arguments, donated))
    (tmp_path / "inputs").write_bytes(b"".join(np.ascontiguousarray(value).tobytes() for value in values))
    subprocess.run(
        [command, "evaluate", tmp_path / "program.bc", "--data", tmp_path / "inputs", "-o", tmp_path / "results"],
        check=True,
    )
    with jax.default_device(jax.devices("cpu")[0]):
        expected = jax.tree.leaves(jax.jit(function)(*jax.tree.unflatten(tree, values)))
    data = (tmp_path / "results").read_bytes()
    offset = 0
    for index, array in enumerate(map(np.asarray, expected)):
        actual = np.frombuffer(data, array.dtype, array.size, offset).reshape(array.shape)
        offset += actual.nbytes
        wide = np.complex128 if array.dtype.kind == "c" else np.float64
        limit = tolerance(array.dtype)
        np.testing.assert_allclose(
            actual.astype(wide), array.astype(wide), rtol=limit, atol=limit, err_msg=f"result {index}"
        )
    assert offset == len(data)


def test_says_what_it_cannot_read(command, tmp_path):
    (tmp_path / "program.bc").write_bytes(programs.artifact_of_text(programs.TEXTS["refused_op"]))
    run = subprocess.run(
        [command, "evaluate", tmp_path / "program.bc", "-o", tmp_path / "results"], capture_output=True, text=True
    )
    assert run.returncode == 1
    assert "dynamic_reshape" in run.stderr
