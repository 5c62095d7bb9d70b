# SPDX-License-Identifier: Apache-2.0
"""Reductions, products, convolutions, windows, indexing, sorting, scans and movement against JAX's CPU backend."""

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed.")

import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402
from op_compare import compare, random_array  # noqa: E402

pytestmark = pytest.mark.usefixtures("jax")


def f32(*shape, seed=0, low=-2.0, high=2.0):
    return random_array("float32", shape, seed, low, high)


def i32(*shape, high=9, seed=0):
    return random_array("int32", shape, seed, 0, high)


REDUCE_SHAPES = [((7,), (0,)), ((3, 5, 9), (1,)), ((3, 5, 9), (0, 2)), ((70, 300), (1,)), ((300, 70), (0,)),
                 ((2, 3, 4, 5), (0, 1, 2, 3)), ((4, 0), (1,)), ((1, 1), (0,)), ((2049,), (0,))]  # fmt: skip


@pytest.mark.parametrize("shape,axes", REDUCE_SHAPES)
def test_reductions(shape, axes):
    x = f32(*shape)
    compare(
        lambda x, i: (
            jnp.sum(x, axes), jnp.prod(x / 2, axes), jnp.max(x, axes, initial=-9), jnp.min(x, axes, initial=9),
            jnp.sum(i, axes), jnp.any(x > 1, axes), jnp.all(x < 1, axes),
        ),
        x, i32(*shape), tolerance=1e-4,
    )  # fmt: skip
    # The CPU backend rounds some partial sums to bfloat16: hundreds of terms of up to 2 that cancel.
    compare(lambda x: jnp.sum(x.astype(jnp.bfloat16), axes), x, tolerance=0.1)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint32", "float16", "bfloat16", "complex64"])
def test_reductions_of_every_type(dtype):
    x = random_array(dtype, (6, 35))
    if dtype == "bool":
        compare(lambda x: (jnp.any(x, 1), jnp.all(x, 0), jnp.sum(x, 1)), x)
    elif dtype == "complex64":
        compare(lambda x: (jnp.sum(x, 0), jnp.sum(x), jnp.prod(x[:, :5], 1)), x, tolerance=1e-4)
    else:
        compare(lambda x: (jnp.sum(x, 1), jnp.max(x, 0), jnp.min(x), jnp.mean(x, 1)), x, tolerance=3e-2)


def test_reductions_of_nan_and_infinity():
    x = f32(5, 9)
    x[1, 2], x[2, 3], x[3, 4] = np.nan, np.inf, -np.inf
    compare(lambda x: (jnp.max(x, 1), jnp.min(x, 1), jnp.sum(x, 1), jnp.argmax(x, 1), jnp.argmin(x, 0)), x)


@pytest.mark.parametrize("shape,axis", [((9,), 0), ((4, 7), 1), ((4, 7), 0), ((3, 300, 2), 1)])
def test_argmax_takes_the_first_of_equals(shape, axis):
    compare(lambda x: (jnp.argmax(x, axis), jnp.argmin(x, axis)), i32(*shape, high=3))
    compare(lambda x: (jnp.argmax(x, axis), jnp.argmin(x, axis)), f32(*shape))


FUSED = {
    "softmax": lambda x: jax.nn.softmax(x), "log_softmax": lambda x: jax.nn.log_softmax(x, 0),
    "logsumexp": lambda x: jax.nn.logsumexp(x, axis=1), "variance": lambda x: jnp.var(x, 0),
    "layer_norm": lambda x: (x - x.mean(1, keepdims=True)) * lax.rsqrt(x.var(1, keepdims=True) + 1e-3),
    "gelu": lambda x: jax.nn.gelu(x), "norm": lambda x: jnp.linalg.norm(x, axis=1), "median": lambda x: jnp.median(x, 1),
    "std_of_gradient": jax.grad(lambda x: jnp.std(jnp.tanh(x), 0).sum()),
    "softmax_gradient": jax.grad(lambda x: (jax.nn.softmax(x) * jnp.arange(37.0)).sum()),
}  # fmt: skip


@pytest.mark.parametrize("name", FUSED)
def test_fused_reductions(name):
    compare(FUSED[name], f32(23, 37), tolerance=3e-5)


DOTS = {
    "vector_vector": ("i,i->", (33,), (33,)), "matrix_vector": ("ij,j->i", (7, 33), (33,)),
    "matrix_matrix": ("ij,jk->ik", (65, 33), (33, 17)), "transposed_lhs": ("ji,jk->ik", (33, 65), (33, 17)),
    "transposed_rhs": ("ij,kj->ik", (65, 33), (17, 33)), "batched": ("bij,bjk->bik", (3, 5, 9), (3, 9, 4)),
    "two_batches": ("abij,abkj->abik", (2, 3, 4, 5), (2, 3, 6, 5)), "heads": ("bthd,bshd->bhts", (2, 5, 3, 4), (2, 7, 3, 4)),
    "two_contracted": ("iab,abj->ij", (6, 3, 5), (3, 5, 8)), "outer": ("i,j->ij", (5,), (6,)),
    "large": ("ij,jk->ik", (130, 257), (257, 129)), "empty": ("ij,jk->ik", (4, 0), (0, 3)), "one_row": ("ij,jk->ik", (1, 300), (300, 70)),
}  # fmt: skip


@pytest.mark.parametrize("name", DOTS)
def test_products(name):
    text, lhs, rhs = DOTS[name]

    def run(x, y, i, j):
        highest = jnp.einsum(text, x, y, precision=lax.Precision.HIGHEST)
        return highest, jnp.einsum(text, i, j)

    compare(run, f32(*lhs), f32(*rhs, seed=1), i32(*lhs), i32(*rhs, seed=1), tolerance=3e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8", "uint8", "complex64"])
def test_products_of_other_types(dtype):
    x, y = random_array(dtype, (17, 40), 0, -2, 2), random_array(dtype, (40, 19), 1, -2, 2)
    wide = {"int8": jnp.int32, "uint8": jnp.int32, "complex64": jnp.complex64}.get(dtype, jnp.float32)
    compare(lambda x, y: jnp.matmul(x, y, preferred_element_type=wide), x, y, tolerance=1e-4)
    compare(lambda x, y: jax.nn.relu(x @ y + 1) if dtype in ("float16", "bfloat16") else x @ y, x, y, tolerance=3e-2)


def convolution(x, kernel, **options):
    options = {"window_strides": (1, 1), "padding": "SAME", "dimension_numbers": ("NHWC", "HWIO", "NHWC"), **options}
    return lax.conv_general_dilated(x, kernel, **options, precision=lax.Precision.HIGHEST)


CONVOLUTIONS = {
    "same": ((2, 9, 8, 3), (3, 3, 3, 5), {}), "valid": ((2, 9, 8, 3), (3, 2, 3, 5), {"padding": "VALID"}),
    "strided": ((2, 9, 8, 3), (3, 3, 3, 5), {"window_strides": (2, 3)}), "one_by_one": ((2, 5, 5, 6), (1, 1, 6, 4), {}),
    "dilated": ((1, 12, 11, 2), (3, 3, 2, 3), {"rhs_dilation": (2, 3)}),
    "transposed": ((1, 5, 6, 4), (3, 3, 4, 2), {"lhs_dilation": (2, 2), "padding": [(1, 2), (2, 1)]}),
    "grouped": ((2, 7, 7, 6), (3, 3, 2, 9), {"feature_group_count": 3}),
    "depthwise": ((2, 7, 7, 6), (3, 3, 1, 12), {"feature_group_count": 6}),
    "large_kernel": ((1, 12, 12, 1), (7, 7, 1, 3), {"window_strides": (2, 2)}), "channels_first": ((2, 3, 9, 8), (5, 3, 3, 2), {
        "dimension_numbers": ("NCHW", "OIHW", "NCHW")}), "asymmetric": ((1, 8, 8, 2), (4, 3, 2, 2), {"padding": [(0, 3), (2, 0)]}),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_and_their_gradients(name):
    shape, kernel, options = CONVOLUTIONS[name]

    def run(x, kernel):
        y, backward = jax.vjp(lambda x, kernel: convolution(x, kernel, **options), x, kernel)
        return y, backward(jnp.cos(y))

    compare(run, f32(*shape), f32(*kernel, seed=1), tolerance=1e-4)


def test_convolutions_in_one_and_three_dimensions():
    compare(lambda x, k: lax.conv_general_dilated(x, k, (2,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")),
            f32(2, 17, 3), f32(4, 3, 5), tolerance=1e-4)  # fmt: skip
    compare(lambda x, k: lax.conv_general_dilated(x, k, (1, 2, 1), "VALID", dimension_numbers=("NDHWC", "DHWIO", "NDHWC")),
            f32(1, 5, 6, 7, 2), f32(2, 3, 3, 2, 4), tolerance=1e-4)  # fmt: skip


def max_pool(x, window, strides, padding):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, *window, 1), (1, *strides, 1), padding)


def mean_pool(x, window, strides, padding):
    count = lax.reduce_window(jnp.ones_like(x), 0.0, lax.add, (1, *window, 1), (1, *strides, 1), padding)
    return lax.reduce_window(x, 0.0, lax.add, (1, *window, 1), (1, *strides, 1), padding) / count


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("window,strides", [((2, 2), (2, 2)), ((3, 3), (2, 2)), ((3, 2), (1, 1))])
def test_pooling_and_its_gradients(window, strides, padding):
    for pool in (max_pool, mean_pool):
        compare(jax.value_and_grad(lambda x: jnp.sum(jnp.sin(pool(x, window, strides, padding)))), f32(2, 9, 7, 3))


@pytest.mark.parametrize("channels", [16, 3])
def test_gradient_of_max_pooling_over_many_images(channels):
    compare(jax.grad(lambda x: jnp.sum(jnp.sin(max_pool(x, (2, 2), (2, 2), "VALID")))), f32(100, 14, 14, channels))


def test_pooling_of_equal_values_gives_one_gradient():
    compare(jax.grad(lambda x: (max_pool(x, (3, 3), (2, 2), "SAME") * 1.5).sum()), np.zeros((1, 6, 6, 2), np.float32))


INDEXING = {
    "rows": (lambda x, i: x[i], (9, 4), (6,)), "rows_of_matrix": (lambda x, i: x[i], (9, 4), (2, 3)),
    "columns": (lambda x, i: x[:, i], (4, 9), (6,)), "pairs": (lambda x, i: x[i, i], (9, 9), (5,)),
    "take_along_axis": (lambda x, i: jnp.take_along_axis(x, i, 0), (9, 4), (3, 4)),
    "clipped": (lambda x, i: jnp.take(x, i * 3 - 5, axis=0, mode="clip"), (9, 4), (6,)),
    "filled": (lambda x, i: jnp.take(x, i * 3 - 5, axis=0, mode="fill"), (9, 4), (6,)),
    "dynamic_slice": (lambda x, i: lax.dynamic_slice(x, (i[0], i[1]), (3, 2)), (9, 9), (2,)),
    "dynamic_update": (lambda x, i: lax.dynamic_update_slice(x, x[:2, :3] * 2, (i[0], i[1])), (9, 9), (2,)),
    "set": (lambda x, i: x.at[i].set(7.0), (9, 4), (3,)), "add": (lambda x, i: x.at[i].add(1.5), (9, 4), (20,)),
    "multiply": (lambda x, i: x.at[i].multiply(0.5), (9, 4), (20,)), "max": (lambda x, i: x.at[i].max(0.25), (9, 4), (20,)),
    "min": (lambda x, i: x.at[i, 1].min(0.25), (9, 4), (20,)), "add_pairs": (lambda x, i: x.at[i, i].add(2.0), (9, 9), (20,)),
    "dropped": (lambda x, i: x.at[i * 4].add(1.0, mode="drop"), (9, 4), (8,)),
    "one_hot": (lambda x, i: jax.nn.one_hot(i, 9) @ x, (9, 4), (6,)), "window": (lambda x, i: jax.vmap(lambda j: lax.dynamic_slice(x, (j, 0), (2, 4)))(i), (9, 4), (5,)),
    "embedding_gradient": (lambda x, i: jax.grad(lambda x: jnp.sin(x[i]).sum())(x), (9, 4), (30,)),
    "segment_sum": (lambda x, i: jax.ops.segment_sum(x, i, 9), (20, 3), (20,)), "bincount": (lambda x, i: jnp.bincount(i, length=9), (1,), (40,)),
}  # fmt: skip


@pytest.mark.parametrize("name", INDEXING)
def test_indexing(name):
    function, shape, indices = INDEXING[name]
    compare(function, f32(*shape), i32(*indices, high=8))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8", "uint8", "bool", "complex64", "int32"])
def test_indexing_of_every_type(dtype):
    x, i = random_array(dtype, (9, 5)), i32(7, high=8)
    compare(lambda x, i: (x[i], x[:, ::-1], x.at[i].set(x[0]), x.T, jnp.pad(x, 1), jnp.concatenate([x, x[:2]])), x, i)
    if dtype != "bool":
        compare(lambda x, i: x.at[i].add(x[1]), x, i, tolerance=5e-2 if dtype in ("float16", "bfloat16") else None)


MOVEMENT = {
    "transpose": lambda x: jnp.transpose(x, (2, 0, 1)), "reshape": lambda x: x.reshape(7, -1), "reverse": lambda x: x[::-1, :, ::-1],
    "slice": lambda x: x[1:, 1:4:2, ::3], "pad": lambda x: jnp.pad(x, ((1, 2), (0, 0), (3, 1)), constant_values=2),
    "negative_pad": lambda x: lax.pad(x, 1.0, [(-1, 2, 0), (0, -1, 1), (0, 0, 2)]), "roll": lambda x: jnp.roll(x, 3, 2),
    "reflect": lambda x: jnp.pad(x, ((0, 0), (2, 2), (1, 1)), mode="reflect"), "tile": lambda x: jnp.tile(x, (2, 1, 3)),
    "concatenate": lambda x: jnp.concatenate([x, x * 2, x[:, :1]], 1), "stack": lambda x: jnp.stack([x, -x], 1),
    "repeat": lambda x: jnp.repeat(x, 2, 1), "broadcast": lambda x: jnp.broadcast_to(x, (3, *x.shape)), "iota": lambda x: x + jnp.arange(7.0),
    "triangle": lambda x: (jnp.tril(x), jnp.triu(x, 1)), "split": lambda x: jnp.split(x, [2, 4], 1), "eye": lambda x: jnp.eye(5, 7, 1) + x,
    "flip_and_transpose": lambda x: jnp.flip(x.transpose(1, 2, 0), 0) @ jnp.ones((4, 2)), "diagonal": lambda x: jnp.diagonal(x, 1, 1, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVEMENT)
def test_movement(name):
    compare(MOVEMENT[name], f32(4, 5, 7))


@pytest.mark.parametrize("shape,axis", [((9,), 0), ((5, 33), 1), ((33, 5), 0), ((3, 1), 1), ((2, 700), 1), ((0,), 0)])
def test_sorting(shape, axis):
    keys = i32(*shape, high=5)
    compare(lambda k, x: lax.sort((k, x), dimension=axis, num_keys=1, is_stable=True), keys, f32(*shape))
    compare(lambda x: (jnp.sort(x, axis), jnp.sort(x, axis, descending=True), jnp.argsort(x, axis)), f32(*shape))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint32", "float16", "bfloat16", "float32"])
def test_sorting_of_every_type(dtype):
    x = random_array(dtype, (3, 50))
    if dtype in ("float16", "bfloat16", "float32"):
        x[0, :4] = [np.nan, np.inf, -np.inf, -0.0]
    compare(lambda x: jnp.sort(x), x)


def test_top_k():
    compare(lambda x: lax.top_k(x, 5), f32(4, 50))
    compare(lambda x: lax.top_k(x, 3), i32(4, 50, high=4))
    compare(lambda x: lax.top_k(x, 40), i32(3, 6000, high=50))
    compare(lambda x: (jnp.sort(x, 0)[:7], jnp.argsort(x, 0)[:5, 1:]), f32(1500, 4))
    rows = f32(2, 700)
    rows[:, 100:400:50] = [np.nan, np.inf, -np.inf, -0.0, 0.0, np.nan]
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        compare(lambda x: lax.top_k(x.astype(dtype), 100), rows)


SCANS = {"cumsum": lax.cumsum, "cumprod": lax.cumprod, "cummax": lax.cummax, "cummin": lax.cummin, "cumlogsumexp": lax.cumlogsumexp}


@pytest.mark.parametrize("name", SCANS)
@pytest.mark.parametrize("shape,axis", [((9,), 0), ((3, 300), 1), ((300, 3), 0), ((2, 5, 7), 1)])
def test_cumulative(name, shape, axis):
    x = f32(*shape, low=0.5, high=1.4)
    compare(lambda x: [SCANS[name](x, axis=axis, reverse=reverse) for reverse in (False, True)], x, tolerance=1e-4)
