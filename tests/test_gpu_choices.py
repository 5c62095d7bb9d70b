# SPDX-License-Identifier: Apache-2.0
"""The smallest programs that reach what a CPU is never given: tiles, lanes, sorting by digits, rows kept in registers.

What they show on lavapipe they show with a GPU's profile laid over it (`./test --stage choices`, docs/adr/0024).
"""

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed.")

import jax.numpy as jnp  # noqa: E402
from op_compare import compare, random_array  # noqa: E402

pytestmark = pytest.mark.usefixtures("jax")

ODD = (211, 173)


def normalised(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-3)


def whole(x):
    """Sums of these are exact in any order, and many are equal."""
    return np.round(x.astype("float32")).astype(x.dtype)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int8", "int32", "uint8"])
def test_transposes(dtype):
    compare(lambda x: (x.T, x.T + x.T), random_array(dtype, ODD))


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "bfloat16"])
def test_long_sorts_keep_the_order_of_equals(dtype):
    keys = random_array(dtype, (40009,), low=-50, high=50)
    compare(lambda x: jax.lax.sort([x, jnp.arange(x.size)], num_keys=1), whole(keys))


@pytest.mark.parametrize("columns", [128, 1000, 1003, 4099])
def test_rows(columns):
    compare(lambda x: (jax.nn.softmax(x), normalised(x), x.mean(-1)), random_array("float32", (37, columns)))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "float16", "float32"])
def test_products(dtype):
    lhs, rhs = random_array(dtype, (131, 190), low=-2, high=2), random_array(dtype, (190, 77), low=-2, high=2)
    lhs, rhs = whole(lhs), whole(rhs)
    result = jnp.int32 if dtype.endswith("int8") else jnp.float32
    compare(lambda x, y: jnp.einsum("mk,kn->mn", x, y, preferred_element_type=result), lhs, rhs)
    compare(lambda x, y: jnp.einsum("km,nk->mn", x, y, preferred_element_type=result), lhs.T.copy(), rhs.T.copy())


def test_updates_of_slices_and_rows():
    table, rows = random_array("float32", (300, 64)), random_array("float32", (40, 64), seed=1)
    where = np.random.default_rng(0).permutation(300)[:40].astype(np.int32)
    compare(lambda t, r, i: (t.at[i].set(r), t.at[i].add(r)), table, rows, where)
    compare(lambda t, r, i: jax.lax.dynamic_update_slice(t, r, (i[0], 0)), table, rows, where)


def test_running_sums():
    compare(lambda x: (jnp.cumsum(x), jnp.cumsum(x.reshape(71, -1), 1)), random_array("int32", (71 * 290,), high=9))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("rows", [1, 7, 8])
def test_products_of_few_rows(dtype, rows):
    x, w = random_array(dtype, (rows, 1024), low=-1, high=1), random_array(dtype, (1024, 1036), low=-1, high=1)
    x, w = whole(x * 3), whole(w * 3)
    compare(lambda x, w: (x.astype("float32") @ w.astype("float32"), jax.nn.relu(x @ w)), x, w)
    compare(lambda x, w: jnp.einsum("mk,nk->mn", x, w, preferred_element_type=jnp.float32), x, w.T.copy())


@pytest.mark.parametrize("length", [256, 100])
def test_attention_of_a_query_over_a_cache(length):
    """At 256 an update of the cache, its products and the softmax between are one dispatch on most GPUs."""

    def step(cache, query, new, at):
        cache = jax.lax.dynamic_update_slice(cache, new, (0, at, 0, 0))
        scores = jnp.einsum("bhd,blhd->bhl", query, cache)
        scores = jnp.where(jnp.arange(length) <= at, scores, -1e9)
        return jnp.einsum("bhl,blhd->bhd", jax.nn.softmax(scores), cache), cache

    cache = random_array("float32", (8, length, 16, 64))
    query, new = random_array("float32", (8, 16, 64), seed=1), random_array("float32", (8, 1, 16, 64), seed=2)
    compare(step, cache, query, new, np.int32(length // 2), tolerance=2e-4)
