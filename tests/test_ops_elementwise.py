# SPDX-License-Identifier: Apache-2.0
"""Every elementwise operation against JAX's CPU backend: all types, NaN, infinities, both zeros, odd and empty sizes."""

import numpy as np
import pytest

pytest.importorskip("jax", reason="JAX is not installed.")

import jax
import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402
from op_compare import compare, dtype_of, random_array  # noqa: E402

FLOATS = ["float32", "float16", "bfloat16"]
SIGNED, UNSIGNED = ["int8", "int16", "int32"], ["uint8", "uint16", "uint32"]
INTEGERS = SIGNED + UNSIGNED
FIELD, REAL = [*FLOATS, "complex64"], [*FLOATS, *INTEGERS]
NUMBERS = [*FIELD, *INTEGERS]
BITS = ["bool", *INTEGERS]
SHAPES = [(), (0,), (1,), (7,), (3, 0, 5), (5, 33)]

pytestmark = pytest.mark.usefixtures("jax")


def special(dtype):
    """NaN, infinities, both zeros, one, halves, the largest and numbers that round."""
    dtype = dtype_of(dtype)
    if dtype.kind == "c":
        return random_array(dtype, (40,))
    if jnp.issubdtype(dtype, jnp.floating):
        top = float(jnp.finfo(dtype).max)
        values = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3, 1e-3, -1e-3, 10.25, top, -top]
        return np.array(values).astype(dtype)
    if dtype == jnp.bool_:
        return np.array([True, False])
    info = jnp.iinfo(dtype)
    return np.array([info.min, info.max, 0, 1, 2, info.max - 1, info.max // 2, info.min + 1], dtype)


# name: (function, types)
UNARY = {
    "abs": (jnp.abs, NUMBERS), "negate": (lax.neg, NUMBERS), "sign": (lax.sign, NUMBERS),
    "ceil": (lax.ceil, FLOATS), "floor": (lax.floor, FLOATS), "is_finite": (lax.is_finite, FLOATS),
    "round": (lambda x: lax.round(x, lax.RoundingMethod.AWAY_FROM_ZERO), FLOATS),
    "round_even": (lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN), FLOATS),
    "not": (lax.bitwise_not, BITS), "popcnt": (lax.population_count, INTEGERS), "clz": (lax.clz, INTEGERS),
    "real_imag": (lambda x: (lax.real(x), lax.imag(x), lax.conj(x)), ["complex64"]),
    "integer_pow": (lambda x: (lax.integer_pow(x, 2), lax.integer_pow(x, 3)), FIELD),
    "sqrt": (lax.sqrt, FIELD), "rsqrt": (lax.rsqrt, FIELD), "cbrt": (lax.cbrt, FLOATS),
    "exp": (lax.exp, FIELD), "exp2": (lax.exp2, FLOATS), "expm1": (lax.expm1, FIELD),
    "log": (lax.log, FIELD), "log1p": (lax.log1p, FIELD), "logistic": (lax.logistic, FIELD),
    "sin": (lax.sin, FIELD), "cos": (lax.cos, FIELD), "tan": (lax.tan, FIELD), "tanh": (lax.tanh, FIELD),
    "asin": (lax.asin, FLOATS), "acos": (lax.acos, FLOATS), "atan": (lax.atan, FLOATS),
    "sinh": (lax.sinh, FLOATS), "cosh": (lax.cosh, FLOATS), "asinh": (lax.asinh, FLOATS), "acosh": (lax.acosh, FLOATS),
    "atanh": (lax.atanh, FLOATS), "erf": (lax.erf, FLOATS), "erfc": (lax.erfc, FLOATS), "erf_inv": (lax.erf_inv, FLOATS),
    "lgamma": (lax.lgamma, ["float32"]), "digamma": (lax.digamma, ["float32"]),
    "reduce_precision": (lambda x: lax.reduce_precision(x, 5, 7), ["float32"]),
}  # fmt: skip
# How far from XLA's own approximations: these end with cancellation or a pole, where one rounding counts for many.
LOOSE = {"lgamma": 2e-4, "digamma": 2e-4, "tan": 2e-2, "erf_inv": 2e-2, "cosh": 2e-2, "sinh": 2e-2}
# Where the two sides are both right: results at infinity have no agreed sign or kind for complex numbers.
RANDOM_ONLY = {"tan", "digamma"}


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    function, dtypes = UNARY[name]
    arrays = {dtype: random_array(dtype, (101,), seed=1) for dtype in dtypes}
    compare(lambda x: {key: function(value) for key, value in x.items()}, arrays, tolerance=LOOSE.get(name))


@pytest.mark.parametrize("name", sorted(UNARY.keys() - RANDOM_ONLY))
def test_unary_of_special_values(name):
    function, dtypes = UNARY[name]
    arrays = {dtype: special(dtype) for dtype in dtypes}
    compare(lambda x: {key: function(value) for key, value in x.items()}, arrays, tolerance=LOOSE.get(name))


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape):
    x = random_array("float32", shape)
    compare(lambda x: (jnp.tanh(x) * 2 + x, x > 0, x.astype(jnp.bfloat16), x.astype(jnp.int32)), x)


def test_the_sign_of_zero_is_kept(device):
    import jax

    zeros = np.array([0.0, -0.0], np.float32)
    functions = [lax.neg, lax.abs, lax.ceil, lax.floor, lax.sqrt, lax.sign, jnp.sin, jnp.tanh, jnp.expm1, jnp.log1p]
    results = jax.jit(lambda x: [function(x) for function in functions])(jax.device_put(zeros, device))
    for function, result in zip(functions, results):
        expected = [True, False] if function is lax.neg else [False, function is not lax.abs]
        assert np.signbit(np.asarray(result)).tolist() == expected, function


BINARY = {
    "add": (lax.add, NUMBERS), "subtract": (lax.sub, NUMBERS), "multiply": (lax.mul, NUMBERS),
    "maximum": (lax.max, REAL), "minimum": (lax.min, REAL),
    "atan2": (lax.atan2, FLOATS), "nextafter": (lax.nextafter, ["float32"]),
    "and": (lax.bitwise_and, BITS), "or": (lax.bitwise_or, BITS), "xor": (lax.bitwise_xor, BITS),
    "eq": (lax.eq, [*NUMBERS, "bool"]), "ne": (lax.ne, [*NUMBERS, "bool"]),
    "ge": (lax.ge, REAL), "gt": (lax.gt, REAL), "le": (lax.le, REAL), "lt": (lax.lt, REAL),
}  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
def test_binary(name):
    function, dtypes = BINARY[name]
    pairs = {dtype: (random_array(dtype, (101,), 2), random_array(dtype, (101,), 3)) for dtype in dtypes}
    crossed = {}
    for dtype in dtypes:
        values = special(dtype)
        crossed[dtype] = (np.repeat(values, len(values)), np.tile(values, len(values)))
    if "complex64" in crossed:
        del crossed["complex64"]

    def run(random, special):
        return [{key: function(*value) for key, value in pairs.items()} for pairs in (random, special)]

    compare(run, pairs, crossed)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_divide_and_remainder(dtype):
    x, y = random_array(dtype, (101,), 2, -100, 100), random_array(dtype, (101,), 3, 1, 9)
    functions = [lax.div] if dtype == "complex64" else [lax.div, lax.rem, jnp.floor_divide, jnp.mod]
    # A quotient near a whole number may round to either side in half precision.
    if dtype in ("float16", "bfloat16"):
        functions = functions[:2]
    compare(lambda x, y: [function(x, y) for function in functions], x, y)


def test_division_by_zero_and_of_the_smallest():
    for dtype in INTEGERS:
        info = jnp.iinfo(dtype)
        x = np.array([5, 0, info.min, info.max, info.min], dtype)
        y = np.array([0, 0, 0 if info.min == 0 else -1, 1, 1]).astype(dtype)
        compare(lambda x, y: (lax.div(x, y), lax.rem(x, y)), x, y)
    x = np.array([1, -1, 0, np.inf, np.nan, 5], np.float32)
    compare(lambda x, y: (x / y, lax.rem(x, y)), x, np.array([0, 0, 0, np.inf, 1, np.inf], np.float32))


def test_powers():
    base = np.array([0, -0.0, 1, -1, 2, -2, 0.5, np.inf, -np.inf, np.nan, 3.7, 10], np.float32)
    exponent = np.array([0, 1, -1, 2, 3, 0.5, -2, np.inf, -np.inf, np.nan, 10, 7.5], np.float32)
    x, y = np.repeat(base, len(exponent)), np.tile(exponent, len(base))
    compare(lax.pow, x, y, tolerance=2e-5)
    compare(lambda x: [lax.integer_pow(x, n) for n in (0, 1, 2, 3, 7)], np.arange(-5, 6, dtype=np.int32))


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_divisions_of_long_integers(dtype):
    """Two in an invocation, with a constant added: NVIDIA's 580 gave one of them the other's result."""
    random, count = np.random.default_rng(0), 30000
    with jax.enable_x64(True):
        x, y = (random.integers(1, 2**63, count) >> random.integers(0, 63, count) for _ in range(2))
        x, y = (numbers.astype(dtype) * random.choice(np.array([1, -1]).astype(dtype), count) for numbers in (x, y))
        x[:4], y[:4], y[y == 0] = np.iinfo(dtype).min, np.iinfo(dtype).max, 1
        constants = np.array([3, 7, 10**12 + 39, np.iinfo(dtype).max], dtype)

        def quotients(x, y):
            for divisor in [y, *constants, *-constants]:
                quotient = lax.div(x, jnp.broadcast_to(divisor, x.shape))
                yield quotient, quotient + 1, x - quotient * divisor + 5, lax.rem(x, jnp.broadcast_to(divisor, x.shape))

        compare(lambda x, y: list(quotients(x, y)), x, y)
        compare(lambda x, y: list(quotients(x, y)), x[1:], y[1:])


def test_functions_that_leave_the_least_numbers_as_they_are(device):
    """Devices take subnormal numbers for 0: no step on the way may be one."""
    least = np.finfo(np.float32).tiny * np.array([1, -1, 1.25, 1.75, 2, -3, 2**10, 2**30], np.float32)
    functions = [lax.expm1, lax.log1p, lax.sinh, lax.tanh, lax.asinh, lax.atanh, lax.sin, lax.tan, lax.atan]
    for function, numbers in zip(functions, jax.jit(lambda x: [f(x) for f in functions])(jax.device_put(least, device))):
        np.testing.assert_allclose(numbers, least, rtol=1e-6, err_msg=function.__name__)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_shifts_by_any_distance(dtype):
    bits = jnp.iinfo(dtype).bits
    x = np.tile(special(dtype), 6)
    by = np.repeat(np.array([0, 1, bits - 1, bits, bits + 1, 100]), len(special(dtype))).astype(dtype)
    shifts = (lax.shift_left, lax.shift_right_logical, lax.shift_right_arithmetic)
    compare(lambda x, y: [shift(x, y) for shift in shifts], x, by)


def test_select_and_clamp():
    x, y = random_array("float32", (6, 7), 4), random_array("float32", (6, 7), 5)
    compare(lambda x, y: (jnp.where(x > y, x, y), lax.clamp(np.float32(-1), x, np.float32(1))), x, y)
    nan = np.array([np.nan, 1, -5, 5, np.inf], np.float32)
    compare(lambda x: (jnp.clip(x, -1, 1), jnp.nan_to_num(x), lax.clamp(np.float32(0), x, np.float32(2))), nan)
    compare(lambda p, x, y: lax.select(p, x, y), x > 0, x.astype(np.int8), y.astype(np.int8))
    compare(lambda k, *x: lax.select_n(k, *x), np.arange(6, dtype=np.int32) % 3, *(x[0:1, :6].repeat(6, 0)[i] for i in range(3)))


CONVERTED = ["bool", *INTEGERS, *FLOATS]


@pytest.mark.parametrize("source", CONVERTED)
def test_conversions(source):
    values = special(source)
    if jnp.issubdtype(dtype_of(source), jnp.floating):  # what does not fit an integer is not defined the same everywhere
        values = np.array([0, -0.0, 1, 1.5, 2.5, -1.5, 100.7, 7, 3.25]).astype(dtype_of(source))
        unsigned = np.abs(values)
        compare(lambda x: [x.astype(to) for to in UNSIGNED], unsigned)
        compare(lambda x: [x.astype(to) for to in [*SIGNED, *FLOATS, "bool", "complex64"]], values)
        compare(lambda x: [x.astype(to) for to in FLOATS], special(source))
    else:
        compare(lambda x: [x.astype(to) for to in [*CONVERTED, "complex64"]], values)


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu"])
def test_conversions_of_small_floats(dtype):
    x = np.array([0, -0.0, 1, -1.5, 0.07, 300, 1e-3, np.nan, 17, 208, 57000], np.float32)
    compare(lambda x: x.astype(dtype).astype(jnp.float32), x)


def test_bitcasts():
    x = random_array("float32", (4, 6))
    compare(lambda x: lax.bitcast_convert_type(x, jnp.int32), x)
    compare(lambda x: lax.bitcast_convert_type(x, jnp.uint8), x)
    compare(lambda x: lax.bitcast_convert_type(x, jnp.uint32), random_array("uint16", (4, 2), high=60000))
    compare(lambda x: lax.bitcast_convert_type(x, jnp.int16), random_array("bfloat16", (5,)))


def test_broadcasting_and_long_chains():
    x, y = random_array("float32", (5, 1, 7)), random_array("float32", (3, 1))
    compare(lambda x, y: jnp.exp(-jnp.abs(x * y - x / (1 + y * y))) + jnp.maximum(x, y) - y, x, y)


def test_64_bit_types():
    import jax

    with jax.enable_x64(True):
        x, y = random_array("float64", (33,)), random_array("float64", (33,), 1, 0.5, 3)
        compare(lambda x, y: (x + y, x * y, x / y, jnp.sqrt(y), x > y, jnp.floor(x)), x, y)
        i = random_array("int64", (33,), 0, -(2**62), 2**62)
        compare(lambda i: (i + i, i * 3, i >> 5, i ^ 77, i // 7, i.astype(jnp.int32), i.astype(jnp.float64)), i)


# Drivers like to take x * 0 for 0 when the zero is in the program.
ZEROS = {
    "x * 0": lambda x: x * 0, "0 * x": lambda x: 0 * x, "x * -0": lambda x: x * jnp.asarray(-0.0, x.dtype),
    "0 / x": lambda x: 0 / x, "x / 0": lambda x: x / 0, "x * 0 + x": lambda x: x * 0 + x, "x - x": lambda x: x - x,
    "1 + x * 0": lambda x: 1 + x * 0, "x / x": lambda x: x / x, "x * zeros": lambda x: x * jnp.zeros_like(x),
}  # fmt: skip


@pytest.mark.parametrize("name", ZEROS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_constant_zeros_keep_nan_and_infinity(name, dtype):
    compare(ZEROS[name], special(dtype))


@pytest.mark.parametrize("dtype", [*FLOATS, "int16", "bool"])
def test_constants_without_elements(dtype):
    compare(lambda x: (lax.full((3, 0), 1, x.dtype), jnp.concatenate([jnp.ones((2, 0), x.dtype), x], 1)),
            random_array(dtype, (2, 3)))


def test_complex_exponentials_reach_to_where_their_parts_overflow():
    points = np.complex64([89 + 1e-3j, 89.5 - 3.14j, 88.9 + 0.5j, -20 + 1j])
    here = np.asarray(jax.jit(jnp.exp)(jax.device_put(points, jax.devices("dragoman")[0])))
    np.testing.assert_allclose(here.imag, np.exp(points.astype(np.complex128)).imag, rtol=2e-5)


def test_bf16_rounds_where_it_shows():
    """Chains of bf16 pass float32 on between their operations, but what cancels or is compared is what memory holds."""
    x = random_array(jnp.bfloat16, (64, 333))
    products = jax.jit(lambda x: x * x * jnp.bfloat16(1.3))(x)
    below_maximum = jax.jit(lambda x: (y := x * x * jnp.bfloat16(1.3)) - y.max(axis=1, keepdims=True))(x)
    assert np.all(np.asarray(below_maximum.max(axis=1)) == 0)
    assert np.all(np.asarray(jax.jit(lambda x, y: (x * x * jnp.bfloat16(1.3) == y))(x, products)))
    assert np.all(np.asarray(jax.jit(lambda x, y: x * x * jnp.bfloat16(1.3) - y)(x, products)) == 0)
    assert np.all(np.asarray(jax.jit(lambda x, y: -y + x * x * jnp.bfloat16(1.3))(x, products)) == 0)
    gelu = jax.jit(lambda x: jax.nn.gelu(x, approximate=False))
    exact = np.asarray(gelu(jax.device_put(np.asarray(x, np.float32), jax.devices("cpu")[0])))
    np.testing.assert_allclose(np.asarray(gelu(x), np.float32), exact, rtol=2**-7, atol=1e-6)


def test_erf_and_erfc_stay_one_operation():
    """JAX would expand them before the compiler sees them."""
    for function in (lax.erf, lax.erfc):
        text = jax.jit(function).lower(jnp.ones(3)).as_text()
        assert f'stablehlo.composite "chlo.{function.__name__}"' in text
