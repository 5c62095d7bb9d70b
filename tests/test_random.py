# SPDX-License-Identifier: Apache-2.0
"""Numbers that a program draws without naming a state (`rng`)."""

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed.")
lax, jnp = jax.lax, jax.numpy


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int32", "uint8"])
def test_draws_in_the_interval_and_anew_at_each_execution(dtype):
    draw = jax.jit(lambda: lax.rng_uniform(jnp.asarray(2, dtype), jnp.asarray(6, dtype), (4096,)))
    first, second = (np.asarray(draw(), np.float64) for _ in range(2))
    for values in (first, second):
        assert values.min() >= 2 and values.max() < 6
        whole = np.issubdtype(dtype, np.integer) if dtype != "bfloat16" else False
        assert abs(values.mean() - (3.5 if whole else 4.0)) < 0.1
    assert np.count_nonzero(first == second) < 0.4 * first.size


def test_each_iteration_draws_anew():
    def step(count, _):
        return count + 1, lax.rng_uniform(0.0, 1.0, (8,))

    values = np.asarray(jax.jit(lambda: lax.scan(step, 0, None, length=5)[1])())
    assert np.unique(values).size >= 39
