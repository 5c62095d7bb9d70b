# SPDX-License-Identifier: Apache-2.0
"""Every kind of kernel at the sizes that models have, at batches of 128 to 512 and contractions of up to 2^20 steps.

Small shapes do not show what drivers do to long loops, nor index arithmetic beyond 16 bits. A choice of the cases runs
always; DRAGOMAN_ALL_SIZES=1 (./test --all) runs them all. Numbers are small integers in every type, so that sums are
exact in any order and both backends must agree to the last bit wherever `tolerance` is not given.
"""

import functools
import os

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed.")

import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402
from op_compare import compare, random_array  # noqa: E402

pytestmark = pytest.mark.usefixtures("jax")

RUNS_ALL = os.environ.get("DRAGOMAN_ALL_SIZES") == "1"
LONG = 1 << 20


def whole(*shape, dtype="float32", low=-1, high=2, seed=0):
    """Integers of [low, high] as numbers of any type."""
    random = np.random.default_rng([seed, *shape])
    return random.integers(low, high + 1, shape, dtype=np.int8).astype(jnp.dtype(dtype))


def case(name, function, *shapes, always=False, tolerance=0.0, **numbers):
    """`shapes`: of the arguments; or arguments themselves where they are no tuples."""
    return pytest.param(function, shapes, numbers, tolerance, id=name, marks=[] if always or RUNS_ALL else SKIPPED)


SKIPPED = pytest.mark.skip(reason="It takes long; ./test --all runs it (DRAGOMAN_ALL_SIZES=1).")


def run(function, shapes, numbers, tolerance):
    arguments = [
        whole(*shape, seed=seed, **numbers) if isinstance(shape, tuple) else shape for seed, shape in enumerate(shapes)
    ]
    compare(function, *arguments, tolerance=tolerance)


def cases(*rows):
    return pytest.mark.parametrize("function,shapes,numbers,tolerance", rows)


def contract(spec, result=None):
    return lambda x, y: jnp.einsum(spec, x, y, preferred_element_type=result)


PRODUCT = contract("km,kn->mn")
INTEGER = contract("km,kn->mn", jnp.int32)
WIDE = contract("km,kn->mn", jnp.float32)


@cases(
    case("ones", lambda x, y: x.T @ y, np.ones((65536, 576), np.float32), np.ones((65536, 64), np.float32), always=True),
    case("least that was cut off", PRODUCT, (65535, 9), (65535, 10), always=True),
    case("dot", jnp.dot, (LONG,), (LONG,), always=True),
    case("few columns", PRODUCT, (LONG, 3), (LONG, 5)),
    case("many columns", PRODUCT, (LONG, 2), (LONG, 200)),
    case("matrix times vector", contract("mk,k->m"), (20, LONG), (LONG,)),
    case("vector times matrix", contract("k,kn->n"), (LONG,), (LONG, 40)),
    case("contiguous along K", contract("mk,nk->mn"), (24, 262144), (40, 262144)),
    case("K in the middle", contract("mkp,kn->mpn"), (6, 131072, 4), (131072, 8)),
    case("two contracted", contract("bsm,bsn->mn"), (512, 400, 48), (512, 400, 32)),
    case("two contracted in other order", contract("bsm,nsb->mn"), (256, 300, 16), (24, 300, 256)),
    case("batched", contract("bkm,bkn->bmn"), (4, 70000, 16), (4, 70000, 8), always=True),
    case("many batched", contract("bkm,bkn->bmn"), (64, 66000, 2), (64, 66000, 3)),
    case("dense gradient", contract("bm,bn->mn"), (131072, 128), (131072, 10)),
    case("s8", INTEGER, (70000, 32), (70000, 24), dtype="int8", always=True),
    case("u8", INTEGER, (262144, 8), (262144, 9), dtype="uint8", low=0),
    case("s32", PRODUCT, (131072, 20), (131072, 12), dtype="int32", low=-100, high=100),
    case("bf16", WIDE, (70000, 32), (70000, 24), dtype="bfloat16", always=True),
    case("f16", WIDE, (131072, 16), (131072, 24), dtype="float16"),
    case("c64", PRODUCT, (131072, 8), (131072, 9), dtype="complex64"),
)  # fmt: skip
def test_products(function, shapes, numbers, tolerance):
    run(function, shapes, numbers, tolerance)


@cases(
    case("f64", PRODUCT, (70000, 20), (70000, 12), dtype="float64", always=True),
    case("s64", PRODUCT, (131072, 9), (131072, 8), dtype="int64"),
    case("c128", PRODUCT, (131072, 3), (131072, 5), dtype="complex128"),
    case("sum of f64", lambda x: x.sum(0), (LONG, 16), dtype="float64"),
    case("cumulative s64", lambda x: jnp.cumsum(x), (LONG,), dtype="int64"),
)  # fmt: skip
def test_wide_numbers(function, shapes, numbers, tolerance):
    with jax.enable_x64(True):
        run(function, shapes, numbers, tolerance)


@pytest.mark.parametrize("method,size", [("bilinear", 513), ("cubic", 700), ("lanczos3", 250)])
def test_images_are_resized(method, size):
    """Products by matrices that are known while compiling and are almost all zeros."""
    image = random_array("float32", (3, 420, 7, 64))
    image[1, 100, 3, 5] = np.inf
    image[2, 30, 2, 7] = np.nan
    resize = functools.partial(jax.image.resize, shape=(3, size, 7, 64), method=method)
    compare(resize, image, tolerance=2e-4)  # a position has 24 bits, 420 has nine before its point
    compare(jax.grad(lambda x: jnp.sum(resize(x)[0] ** 2)), image[:1], tolerance=1e-3)


def test_products_are_no_less_accurate():
    """Positive numbers that are not exact: long sums in parts round less than one long sum."""
    random = np.random.default_rng(3)
    x, y = random.uniform(0.5, 1.5, (2, 131072, 8)).astype(np.float32)
    exact = x.astype(np.float64).T @ y.astype(np.float64)
    with jax.default_device(jax.devices("dragoman")[0]):
        result = np.asarray(jax.jit(lambda x, y: x.T @ y)(x, y))
    np.testing.assert_allclose(result, exact, rtol=2e-5)


def filter_gradient(spatial, padding="VALID", strides=None, dilation=None, groups=1, kernel=3):
    """Of a convolution from images and an output's gradient, as training has it."""
    letters = "DHW"[-spatial:]
    names = ("N" + letters + "C", letters + "IO", "N" + letters + "C")

    def gradient(images, channels_out):
        shape = (kernel,) * spatial + (images.shape[-1] // groups, channels_out.shape[-1])

        def convolve(weights):
            return lax.conv_general_dilated(
                images, weights, strides or (1,) * spatial, padding, dimension_numbers=names,
                rhs_dilation=dilation, feature_group_count=groups,
            )  # fmt: skip

        zeros = jnp.zeros(shape, images.dtype)
        result = jax.eval_shape(convolve, zeros)
        outer = jnp.broadcast_to(channels_out, result.shape).astype(images.dtype)
        # Not all the same along the images, so that a part that is left out shows.
        outer = outer * (1 + jnp.arange(result.shape[1], dtype=images.dtype) % 3).reshape(-1, *(1,) * spatial)
        return jax.vjp(convolve, zeros)[1](outer)[0]

    return gradient


@cases(
    case("3x3 of 107", filter_gradient(2), (107, 26, 26, 64), (64,)),
    case("3x3 of 128", filter_gradient(2), (128, 26, 26, 64), (64,), always=True),
    case("5x5 of 512", filter_gradient(2, "SAME", kernel=5), (512, 28, 28, 3), (16,)),
    case("strided", filter_gradient(2, "SAME", (2, 2)), (256, 64, 64, 3), (32,)),
    case("dilated", filter_gradient(2, "SAME", dilation=(2, 2)), (128, 32, 32, 16), (16,)),
    case("1x1", filter_gradient(2, kernel=1), (128, 28, 28, 64), (64,)),
    case("grouped", filter_gradient(2, "SAME", groups=4), (128, 28, 28, 16), (32,)),
    case("depthwise", filter_gradient(2, "SAME", groups=8), (128, 28, 28, 8), (8,), always=True),
    case("depthwise strided", filter_gradient(2, "SAME", (2, 2), groups=32), (128, 56, 56, 32), (32,)),
    case("one dimension", filter_gradient(1, "SAME", kernel=5), (256, 512, 16), (24,), always=True),
    case("one dimension, causal and dilated", filter_gradient(1, [(8, 0)], dilation=(4,)), (128, 1024, 16), (16,)),
    case("one dimension, depthwise", filter_gradient(1, "SAME", groups=16), (512, 256, 16), (16,)),
    case("three dimensions", filter_gradient(3), (16, 18, 26, 26, 4), (8,)),
    case("three dimensions, strided", filter_gradient(3, "SAME", (2, 2, 2)), (128, 16, 32, 32, 3), (8,)),
    case("three dimensions, depthwise", filter_gradient(3, "SAME", groups=4), (16, 16, 24, 24, 4), (4,)),
    case("3x3 in bf16", filter_gradient(2), (128, 26, 26, 8), (8,), dtype="bfloat16", tolerance=1.6e-2),
    case("f16 in one dimension", filter_gradient(1), (128, 600, 8), (8,), dtype="float16", low=0, high=1, tolerance=2e-3),
)  # fmt: skip
def test_filter_gradients(function, shapes, numbers, tolerance):
    run(function, shapes, numbers, tolerance)


def convolve(images, weights):
    return lax.conv_general_dilated(images, weights, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


@cases(
    case("forward", convolve, (128, 28, 28, 32), (3, 3, 32, 32)),
    case("forward of many channels", convolve, (2, 4, 4, 8192), (3, 3, 8192, 4), always=True),
    case("data's gradient", lambda g, w: jax.vjp(lambda x: convolve(x, w), jnp.zeros((128, 26, 26, 32)))[1](g)[0],
         (128, 26, 26, 64), (3, 3, 32, 64)),
    case("data's gradient of many channels",
         lambda g, w: jax.vjp(lambda x: convolve(x, w), jnp.zeros((2, 4, 4, 3)))[1](g)[0],
         (2, 4, 4, 8192), (3, 3, 3, 8192)),
    case("a kernel as large as the image",
         lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")),
         (4, 300, 300, 1), (280, 280, 1, 2)),
)  # fmt: skip
def test_convolutions(function, shapes, numbers, tolerance):
    run(function, shapes, numbers, tolerance)


def window(reducer, start, size, strides=None, padding="VALID", dilation=None):
    return lambda x: lax.reduce_window(
        x, np.asarray(start, x.dtype), reducer, size, strides or (1,) * len(size), padding, None, dilation
    )


def pooled_gradient(size, strides, padding="VALID"):
    """Of a maximum over windows: select_and_scatter."""
    pool = window(lax.max, -np.inf, size, strides, padding)
    return lambda x: jax.vjp(pool, x)[1](1 + jnp.round(jnp.abs(pool(x))))[0]


@cases(
    case("sum of a long one", window(lax.add, 0, (70000,), (1000,)), (300000,), always=True),
    case("sums of a long one, padded", window(lax.add, 0, (131072,), (4096,), [(131071, 0)]), (131072,)),
    case("global average", window(lax.add, 0, (1, 256, 256, 1)), (4, 256, 256, 3), always=True),
    case("maxima of 300x300", window(lax.max, -9, (300, 300), (64, 64)), (600, 600)),
    case("dilated", window(lax.add, 0, (70000,), (5000,), "VALID", (3,)), (300000,)),
    case("integers", window(lax.add, 0, (70000,), (5000,)), (LONG,), dtype="int32", high=100),
    case("pooling of 512", window(lax.max, -np.inf, (1, 3, 3, 1), (1, 2, 2, 1), "SAME"), (512, 56, 56, 16)),
    case("gradient of pooling", pooled_gradient((1, 2, 2, 1), (1, 2, 2, 1)), (128, 26, 26, 32), always=True),
    case("gradient of pooling, overlapping", pooled_gradient((1, 3, 3, 1), (1, 2, 2, 1), "SAME"), (256, 56, 56, 16)),
    case("gradient of a large window", pooled_gradient((300, 300), (30, 30)), (360, 360)),
    case("gradient of large windows that overlap", pooled_gradient((260, 260), (1, 1)), (262, 262)),
)  # fmt: skip
def test_windows(function, shapes, numbers, tolerance):
    run(function, shapes, numbers, tolerance)


@cases(
    case("everything", lambda x: (x.sum(), x.max(), jnp.argmax(x), (x > 0).all()), (1 << 22,), always=True),
    case("tall columns", lambda x: (x.sum(0), x.min(0)), (LONG, 8), always=True),
    case("many tall columns", lambda x: (x.sum(0), jnp.argmin(x, 0)), (70000, 512)),
    case("the middle", lambda x: x.sum(1), (3, 262144, 20)),
    case("long rows", lambda x: (x.sum(1), x.max(1)), (20, LONG)),
    case("integers", lambda x: (x.sum(0), x.prod(0)), (LONG, 6), dtype="int32", low=-3, high=3),
    case("batch statistics", lambda x: (x.mean((0, 1, 2)), x.var((0, 1, 2))), (128, 56, 56, 32), tolerance=1e-5),
    case("softmax", lambda x: jax.nn.softmax(x), (20, LONG // 4), tolerance=1e-5, always=True),
    case("softmax of very long rows", lambda x: jax.nn.softmax(x), (8, 6 * LONG), tolerance=1e-5),
    case("normalisation of very long rows", lambda x: (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True),
         (8, 8 * LONG), tolerance=1e-4),
    case("powers of integers", lambda x: jnp.sum(x ** jnp.abs(x), 0), (LONG, 4), dtype="int32", low=-3, high=3),
    case("remainders", lambda x: jnp.sum(jnp.fmod(x * 1e30, x + 5.25) > 1, 0), (LONG, 4)),
)  # fmt: skip
def test_reductions(function, shapes, numbers, tolerance):
    run(function, shapes, numbers, tolerance)


def running(function):
    """A loop that carries one row."""
    return lambda x: lax.scan(lambda carry, row: (function(carry, row), carry[0]), jnp.zeros(x.shape[1:], x.dtype), x)


@cases(
    case("sums", lambda x: jnp.cumsum(x), (LONG,), always=True),
    case("sums of rows", lambda x: jnp.cumsum(x, 1), (200, 131072)),
    case("sums of columns", lambda x: jnp.cumsum(x, 0), (131072, 40)),
    case("sums of many columns", lambda x: jnp.cumsum(x, 0), (70000, 300)),
    case("sums backwards", lambda x: lax.cumsum(x, 0, reverse=True), (LONG,)),
    case("maxima of integers", lambda x: lax.cummax(x, 0), (LONG,), dtype="int32", low=-100, high=100),
    case("products", lambda x: lax.cumprod(x, 0), (LONG,), dtype="int32", low=-3, high=3),
    case("associative", lambda x: lax.associative_scan(jnp.maximum, x), (LONG,)),
    case("a loop", running(lambda carry, row: carry + row), (131072, 2)),
    case("a loop that takes maxima", running(lambda carry, row: jnp.maximum(carry - 1, row)), (70000, 3)),
    case("a counted loop", lambda x: lax.fori_loop(0, 200000, lambda i, c: c * 3 + x[i % 7], x[0]), (8,), dtype="int32"),
)  # fmt: skip
def test_scans(function, shapes, numbers, tolerance):
    run(function, shapes, numbers, tolerance)


@cases(
    case("numbers", lambda x: jnp.sort(x), (LONG,), dtype="int32", low=-100, high=100),
    case("order", lambda x: jnp.argsort(x), (131072,), dtype="int32", low=-100, high=100, always=True),
    case("floats backwards", lambda x: jnp.sort(x * 1.5, descending=True), (LONG,)),
    case("rows", lambda x: jnp.sort(x, 1), (40, 70000)),
    case("columns with values", lambda x: lax.sort((x, -x), 0, num_keys=1), (70000, 8)),
    case("largest", lambda x: lax.top_k(x, 10), (4, 131072), dtype="int32", low=-100, high=100),
    case("found", lambda x, y: jnp.searchsorted(jnp.sort(x), y), (LONG,), (5000,), dtype="int32"),
)  # fmt: skip
def test_sorts(function, shapes, numbers, tolerance):
    run(function, shapes, numbers, tolerance)


def scattered(update, size, shape=()):
    """Updates at the places (x + y) mod size: many meet when size is small."""
    return lambda x, y: update(jnp.zeros((size, *shape), y.dtype).at[(jnp.arange(len(x)) // 5 + x) % size], y)


@cases(
    case("sums of a few", scattered(lambda at, y: at.add(y), 3), np.zeros(131072, np.int32), (131072,), always=True),
    case("more sums of a few", scattered(lambda at, y: at.add(y), 3), np.zeros(LONG, np.int32), (LONG,)),
    case("sums into one", scattered(lambda at, y: at.add(y), 1), np.zeros(4 * LONG, np.int32), (4 * LONG,)),
    case("gradient of an embedding", scattered(lambda at, y: at.add(y), 5000, (16,)),
         np.zeros(65536, np.int32), (65536, 16), always=True),
    case("rows into a few", scattered(lambda at, y: at.add(y), 4, (8,)), np.zeros(262144, np.int32), (262144, 8)),
    case("integers", scattered(lambda at, y: at.add(y), 7), np.zeros(LONG, np.int32), (LONG,), dtype="int32"),
    case("maxima", scattered(lambda at, y: at.max(y), 5), np.zeros(LONG, np.int32), (LONG,)),
    case("the last one stays", scattered(lambda at, y: at.set(y), 200000), np.zeros(LONG, np.int32), (LONG,)),
    case("complex numbers", scattered(lambda at, y: at.add(y), 2), np.zeros(131072, np.int32), (131072,),
         dtype="complex64"),
    case("in order", lambda x, y: scatter_apply(x, y), np.zeros(200000, np.int32), (200000,)),
    case("windows that overlap", lambda x, y: overlapping(x, y), (70000,), (70000, 3)),
    case("counts", lambda x: jnp.bincount(x, length=9), (LONG,), dtype="int32", low=0, high=8),
    case("segments", lambda x: jax.ops.segment_sum(x, jnp.arange(LONG) // 100000, 11), (LONG,)),
)  # fmt: skip
def test_scatters(function, shapes, numbers, tolerance):
    run(function, shapes, numbers, tolerance)


def scatter_apply(places, updates):
    """The old value less the update, combined in order: neither one operation nor associative in general."""
    numbers = lax.ScatterDimensionNumbers((), (0,), (0,))
    return lax.scatter_sub(jnp.zeros(2, updates.dtype), (places % 2)[:, None], updates, numbers)


def overlapping(places, updates):
    numbers = lax.ScatterDimensionNumbers((1,), (), (0,))
    starts = (jnp.abs(places).astype(jnp.int32) + jnp.arange(len(places)) % 100)[:, None]
    return lax.scatter_add(jnp.zeros(200, updates.dtype), starts, updates, numbers)


def test_keras_introductory_network_at_batch_128():
    """Loss and gradients of the convolutional network that Keras's introduction for engineers trains."""
    keras = pytest.importorskip("keras", reason="Keras is not installed.")
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(64, 3, activation="relu"), layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(128, 3, activation="relu"), layers.Conv2D(128, 3, activation="relu"),
        layers.GlobalAveragePooling2D(), layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    weights = [np.asarray(value) for value in model.trainable_variables]
    random = np.random.default_rng(5)
    images = random.uniform(0, 1, (128, 28, 28, 1)).astype(np.float32)
    labels = keras.utils.to_categorical(random.integers(0, 10, 128), 10)
    loss = keras.losses.CategoricalCrossentropy()

    def value_of(weights):
        outputs, _ = model.stateless_call(weights, [], images, training=True)
        return loss(labels, outputs)

    # A place where a maximum or a rectifier decides otherwise moves a gradient by some 1e-5.
    compare(jax.value_and_grad(value_of), weights, tolerance=1e-4)


@pytest.mark.skipif(not RUNS_ALL, reason="It takes gigabytes of memory; ./test --all runs it (DRAGOMAN_ALL_SIZES=1).")
@pytest.mark.parametrize("rows,columns", [(1, 2**31 - 1), (4, 2**29 + 3)])
def test_more_than_two_gigabytes(rows, columns):
    """Bytes of an array of about 2^31 elements, at the ends of its rows: a wrong index lands anywhere."""
    device = jax.devices("dragoman")[0]
    limit = (device.memory_stats() or {}).get("bytes_limit", 0)
    if limit < 3 * rows * columns:
        pytest.skip(f"Three arrays of {rows * columns} bytes are needed, and the device has {limit} bytes.")
    with jax.default_device(device):
        ends = jax.jit(lambda x: (x[:, :5], x[:, -5:]))
        expected = np.array([[0, 1, 2, 3, 4], np.arange(columns - 5, columns)])
        try:
            x = jax.jit(lambda: lax.broadcasted_iota(jnp.uint8, (rows, columns), 1))()
        except jax.errors.JaxRuntimeError as error:
            if "allows at once" not in str(error):
                raise
            pytest.skip(f"The device allows no array of {rows * columns} bytes: {error}")
        y = jax.jit(lambda x: x * 3)(x)
        for factor, values in ((1, ends(x)), (3, ends(y))):
            for numbers, wanted in zip(values, expected):
                np.testing.assert_array_equal(np.asarray(numbers), np.tile(wanted * factor % 256, (rows, 1)))
