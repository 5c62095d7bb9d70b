# SPDX-License-Identifier: Apache-2.0
"""Runs one function on Dragoman and on JAX's CPU backend and compares what comes back."""

import jax
import jax.numpy as jnp
import numpy as np

# Relative and absolute, by how many bits a number has. Both sides round every operation; sums are in other orders.
TOLERANCES = {"float64": 1e-11, "float32": 1e-5, "float16": 2e-3, "bfloat16": 1.6e-2, "complex64": 1e-5}


def dtype_of(name):
    return jnp.dtype(name)


def is_exact(dtype):
    return not (jnp.issubdtype(dtype, jnp.floating) or jnp.issubdtype(dtype, jnp.complexfloating))


def random_array(dtype, shape, seed=0, low=-4.0, high=4.0):
    """Uniform numbers; of integers all that the range holds."""
    random = np.random.default_rng([seed, *shape])
    dtype = dtype_of(dtype)
    if dtype == jnp.bool_:
        return random.integers(0, 2, shape).astype(bool)
    if jnp.issubdtype(dtype, jnp.unsignedinteger):
        return random.integers(0, max(int(high), 1) + 1, shape).astype(dtype)
    if jnp.issubdtype(dtype, jnp.integer):
        return random.integers(int(low), int(high) + 1, shape).astype(dtype)
    values = random.uniform(low, high, shape)
    if jnp.issubdtype(dtype, jnp.complexfloating):
        values = values + 1j * random.uniform(low, high, shape)
    return values.astype(dtype)


def on(device, function, arguments):
    placed = jax.tree.map(lambda leaf: jax.device_put(leaf, device), arguments)
    with jax.default_device(device):
        results = jax.jit(function)(*placed)
    for leaf in jax.tree.leaves(results):
        assert leaf.devices() == {device}
    return jax.tree.map(np.asarray, results)


def compare(function, *arguments, tolerance=None):
    """Asserts that both backends agree; `tolerance` replaces that of every inexact type."""
    there = on(jax.devices("dragoman")[0], function, arguments)
    here = on(jax.devices("cpu")[0], function, arguments)
    assert jax.tree.structure(there) == jax.tree.structure(here)
    named = jax.tree_util.tree_leaves_with_path(here)
    for (path, expected), actual in zip(named, jax.tree.leaves(there)):
        assert actual.dtype == expected.dtype and actual.shape == expected.shape
        same(actual, expected, tolerance, f"result {jax.tree_util.keystr(path)}")


def same(actual, expected, tolerance, message):
    if is_exact(expected.dtype):
        np.testing.assert_array_equal(actual, expected, err_msg=message)
        return
    limit = TOLERANCES.get(expected.dtype.name, 0.1) if tolerance is None else tolerance
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    np.testing.assert_allclose(
        actual.astype(wide), expected.astype(wide), rtol=limit, atol=limit, equal_nan=True, err_msg=message
    )
