# SPDX-License-Identifier: Apache-2.0
"""Every pair of element types under x64: a value of one, converted to the other, then compared, bounded, chosen and
divided with a constant, an argument and an iota of the other, as numpy does it. A driver's compiler folds such chains by
rules of its own, which have been wrong.

One program a type. Each pair takes every operation with one kind of operand, in turn; DRAGOMAN_TEST_ALL=1 takes every kind
and every constant."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

TYPES = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 bfloat16 float32 float64".split()
)
COUNT = 24
IS_WHOLE = os.environ.get("DRAGOMAN_TEST_ALL") == "1"


@pytest.fixture(autouse=True)
def x64():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def kind(dtype):
    dtype = jnp.dtype(dtype)
    if dtype == bool:
        return "bool"
    return "float" if jnp.issubdtype(dtype, jnp.floating) else "unsigned" if dtype.kind == "u" else "signed"


def limits(dtype):
    return (jnp.iinfo if kind(dtype) != "float" else jnp.finfo)(dtype)


def values(dtype):
    """The ends of the type, of narrower ones, and small numbers."""
    if kind(dtype) == "bool":
        return np.arange(COUNT) % 3 == 0
    numbers = [0, 1, 2, 3, 4, 5, 7, 100, -1, -2, -3, -4, -5, -100]
    if kind(dtype) == "float":
        numbers += [0.5, -0.5, 2.5, -3.75, 127, 128, 255, -128, -129, 4096]
        return np.array(numbers, np.float64).astype(jnp.dtype(dtype))
    low, high = int(limits(dtype).min), int(limits(dtype).max)
    ends = [2**7 - 1, -(2**7), 2**15 - 1, -(2**15), 2**31 - 1, -(2**31), 2**31, 2**32 - 1, low, high]
    return np.array([n if low <= n <= high else (n & high) for n in numbers + ends], jnp.dtype(dtype))


def converted(x, dtype):
    """As StableHLO converts: a float beyond an integer type gives the type's nearest."""
    with np.errstate(all="ignore"):
        if kind(x.dtype) == "float" and kind(dtype) in ("signed", "unsigned"):
            wide = np.trunc(x.astype(np.float64))
            return np.array([min(max(int(v), int(limits(dtype).min)), int(limits(dtype).max)) for v in wide], dtype)
        if kind(dtype) == "bool":
            return x != 0
        return x.astype(jnp.dtype(dtype))


def iota(dtype):
    return converted(np.arange(COUNT, dtype=np.int32), dtype)


def constants(dtype):
    if kind(dtype) == "bool":
        return [True, False]
    if kind(dtype) == "float":
        return [2.0, 0.0, -3.0, 0.75]
    numbers = [2, 0, -4, 1, 127, -128, 2**31 - 1, -(2**31), 2**31, 2**32, -(2**31) - 1, 2**40, -(2**40)]
    low, high = int(limits(dtype).min), int(limits(dtype).max)
    return [n for n in numbers if low <= n <= high] + [low, high]


# Each on (module, x, y), for jax.numpy and numpy alike; y stands for a constant, an argument or an iota.
COMPARISONS = {
    "lt": lambda np_, x, y: x < y,
    "le": lambda np_, x, y: x <= y,
    "gt": lambda np_, x, y: x > y,
    "ge": lambda np_, x, y: x >= y,
    "eq": lambda np_, x, y: x == y,
    "ne": lambda np_, x, y: x != y,
    "reversed lt": lambda np_, x, y: y < x,
    "reversed ge": lambda np_, x, y: y >= x,
}
OTHERS = {
    "minimum": lambda np_, x, y: np_.minimum(x, y),
    "maximum": lambda np_, x, y: np_.maximum(x, y),
    "clamp": lambda np_, x, y: np_.minimum(np_.maximum(x, y), y + y.dtype.type(3)),
    "select": lambda np_, x, y: np_.where(x > y, x, y),
    "select of less": lambda np_, x, y: np_.where(np_.where(x < y, x, y) >= y, y, x),
}
ARITHMETIC = {
    "abs": lambda np_, x, y: np_.abs(x),
    "sign": lambda np_, x, y: np_.sign(x),
    "abs of difference": lambda np_, x, y: np_.abs(x - y),
    "sign of difference": lambda np_, x, y: np_.sign(x - y),
    "remainder": lambda np_, x, y: np_.remainder(x, np_.where(y == 0, y + y.dtype.type(1), y)),
    "fmod": lambda np_, x, y: np_.fmod(x, np_.where(y == 0, y + y.dtype.type(1), y)),
}


def operations(dtype):
    rows = dict(COMPARISONS)
    if kind(dtype) == "bool":
        rows.update({name: OTHERS[name] for name in ("minimum", "maximum", "select", "select of less")})
    else:
        rows.update(OTHERS)
        rows.update(ARITHMETIC)
    return rows


def operands(dtype):
    """Name, and the operand as a number to build in, or None for an argument, or "iota"."""
    return [("argument", None), ("iota", "iota")] + [(f"constant {c}", c) for c in constants(dtype)]


def chosen(source, target):
    """(operation, name of operand, operand) of a pair; those of different pairs together take all."""
    every = operands(target)
    rows = list(operations(target).items())
    if IS_WHOLE:
        return [(name, op, *operand) for name, op in rows for operand in every]
    start = TYPES.index(source)
    return [(name, op, *every[(start + i * 5) % len(every)]) for i, (name, op) in enumerate(rows)]


def answers(np_, source, target, x, y, iota_of):
    dtype = jnp.dtype(target)
    for name, op, what, operand in chosen(source, target):
        value = y if operand is None else iota_of(dtype) if isinstance(operand, str) else np_.full(COUNT, operand, dtype)
        yield f"{name}, {what}", op(np_, x, value)


def word_of(np_, values):
    """What an answer is, in 32 bits: all zeros are one, all NaNs too."""
    if kind(values.dtype) == "float":
        wide = values if values.dtype == np.float64 else values.astype(np.float32)
        wide = np_.where(wide == 0, wide.dtype.type(0), np_.where(wide != wide, wide.dtype.type(12345), wide))
        values = wide.view(np.uint64 if wide.dtype == np.float64 else np.uint32)
    wide = values.astype(np.int64 if kind(values.dtype) == "signed" else np.uint64).astype(np.uint64)
    return (wide ^ (wide >> np.uint64(32))).astype(np.uint32)


def digest(np_, rows):
    """One number an element for all answers: as many results as there are answers would be as many kernels."""
    total = np_.zeros(COUNT, np.uint32)
    for _, answer in rows:
        total = (total * np.uint32(16777619)) ^ word_of(np_, answer)
    return total


def sources_of(target):
    """By name: the element type, and the values as numpy has them (None: an iota)."""
    rows = {source: (source, values(source)) for source in TYPES}
    rows.update({f"iota of {source}": (source, None) for source in TYPES})
    return rows


def on_device(rows, target, y, what):
    """`what` of the answers of every row."""

    def program(arguments, y):
        out = {}
        for name, (source, _) in rows.items():
            if name in arguments:
                x = arguments[name]
            else:
                x = lax.iota(jnp.dtype(source), COUNT) if source != "bool" else lax.iota(jnp.int32, COUNT) != 0
            out[name] = what(jnp, answers(jnp, source, target, x.astype(jnp.dtype(target)), y, counted))
        return out

    def counted(dtype):
        return lax.iota(jnp.int32, COUNT).astype(dtype) if dtype == bool else lax.iota(dtype, COUNT)

    arguments = {name: x for name, (_, x) in rows.items() if x is not None}
    return jax.device_get(jax.jit(program)(*jax.device_put((arguments, y), jax.devices("dragoman")[0])))


@pytest.mark.parametrize("target", TYPES)
def test_every_type_converted_to(target):
    rows = sources_of(target)
    y = np.roll(converted(values("bool" if target == "bool" else "int32"), target), 5)
    actual = on_device(rows, target, y, digest)
    wrong = []
    for name, (source, x) in rows.items():
        with np.errstate(all="ignore"):
            expected = list(answers(np, source, target, converted(iota(source) if x is None else x, target), y, iota))
            if np.array_equal(actual[name], digest(np, expected)):
                continue
        one_by_one = on_device({name: rows[name]}, target, y, lambda _, answers: dict(answers))[name]
        for what, answer in expected:
            if not np.array_equal(word_of(np, one_by_one[what]), word_of(np, answer)):
                wrong.append(f"{name} to {target}, {what}: {one_by_one[what]} is to be {answer}")
        wrong.append(f"{name} to {target}, all together")
    assert not wrong, f"{len(wrong)} wrong\n" + "\n".join(wrong[:20])
