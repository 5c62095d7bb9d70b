# SPDX-License-Identifier: Apache-2.0
"""Programs in HLO's text form for tests/test_hlo.py: opcodes and forms that TensorFlow's own operations do not send."""

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass
class Program:
    text: str
    inputs: list  # (dtype, shape) each
    expected: Callable | None = None  # None: XLA's CPU backend


F = np.float32
PROGRAMS = {}


def add(name, body, *inputs, computations="", expected=None):
    """`body`: the entry's instructions, whose parameters are p0, p1, ..."""
    codes = {"float32": "f32", "float64": "f64", "float16": "f16", "int32": "s32", "uint32": "u32", "bool": "pred"}
    lines = []
    for i, (dtype, shape) in enumerate(inputs):
        extents = ",".join(map(str, shape))
        lines.append(f"  p{i} = {codes[np.dtype(dtype).name]}[{extents}] parameter({i})")
    PROGRAMS[name] = Program(f"HloModule {name}\n{computations}\nENTRY main {{\n" + "\n".join(lines) + "\n" + body + "\n}\n", list(inputs), expected)


ADD = "adder {\n  x = f32[] parameter(0)\n  y = f32[] parameter(1)\n  ROOT s = f32[] add(x, y)\n}\n"
MAX = "larger {\n  x = f32[] parameter(0)\n  y = f32[] parameter(1)\n  ROOT s = f32[] maximum(x, y)\n}\n"

# numpy is the oracle where StableHLO, through which JAX runs these, has no such operation.
for opcode, function in {"asin": np.arcsin, "acos": np.arccos, "atanh": np.arctanh, "asinh": np.arcsinh, "sinh": np.sinh, "cosh": np.cosh}.items():
    for dtype, code in ((F, "f32"), (np.float16, "f16")):
        add(f"{opcode}_{code}", f"  ROOT r = {code}[6,7] {opcode}(p0)", (dtype, (6, 7)), expected=lambda x, f=function: [f(x.astype(np.float64)).astype(x.dtype)])
add("acosh", "  one = f32[] constant(1)\n  o = f32[9] broadcast(one), dimensions={}\n  x = f32[9] add(p0, o)\n  ROOT r = f32[9] acosh(x)", (F, (9,)), expected=lambda x: [np.arccosh((x + F(1)).astype(np.float64)).astype(F)])


EDGES = [0.0, 1e-20, -1e-20, 1.0, -1.0, 0.5, 1e-4, -1e-4, 88.5, -89.0, 20.0, 1e30, -1e30]
text = ", ".join(map(str, EDGES))
for opcode, function in {"asinh": np.arcsinh, "sinh": np.sinh, "cosh": np.cosh}.items():
    def with_edges(f=function):
        with np.errstate(over="ignore"):
            return [f(np.array(EDGES, np.float64)).astype(F)]
    add(f"{opcode}_edges", f"  x = f32[{len(EDGES)}] constant({{{text}}})\n  ROOT r = f32[{len(EDGES)}] {opcode}(x)", expected=with_edges)

for largest, name in (("true", "topk_largest"), ("false", "topk_smallest")):
    def first(x, sign=-1 if largest == "true" else 1):
        order = np.argsort(sign * x, axis=1, kind="stable")[:, :3]
        return [np.take_along_axis(x, order, 1), order.astype(np.int32)]
    add(name, f"  ROOT r = (f32[4,3], s32[4,3]) topk(p0), k=3, largest={largest}", (F, (4, 9)), expected=first)

add("conv_reversed", "  ROOT r = f32[2,5,6] convolution(p0, p1), window={size=3 stride=1 pad=1_2 lhs_dilate=1 rhs_dilate=1 rhs_reversal=1}, dim_labels=bf0_io0->bf0", (F, (2, 3, 5)), (F, (3, 5, 3)))
add("conv_negative_padding", "  ROOT r = f32[2,5,3] convolution(p0, p1), window={size=3 pad=-1_-1}, dim_labels=bf0_io0->bf0", (F, (2, 3, 7)), (F, (3, 5, 3)))
add("conv_dilated", "  ROOT r = f32[2,5,7] convolution(p0, p1), window={size=3 pad=1_1 lhs_dilate=2 rhs_dilate=2}, dim_labels=bf0_io0->bf0", (F, (2, 3, 5)), (F, (3, 5, 3)))
add("conv_groups", "  ROOT r = f32[2,6,5] convolution(p0, p1), window={size=3 pad=1_1}, dim_labels=bf0_io0->bf0, feature_group_count=2", (F, (2, 4, 5)), (F, (2, 6, 3)))
add("conv_batch_groups", "  ROOT r = f32[2,6,5] convolution(p0, p1), window={size=3 pad=1_1}, dim_labels=bf0_io0->bf0, batch_group_count=2", (F, (4, 3, 5)), (F, (3, 6, 3)))
add("pad_negative", "  z = f32[] constant(7)\n  ROOT r = f32[5,9] pad(p0, z), padding=-1_2x-1_1_1", (F, (4, 5)))
add("reduce_window_dilated", "  z = f32[] constant(0)\n  ROOT r = f32[2,10] reduce-window(p0, z), window={size=3x2 pad=0_0x1_1 lhs_dilate=1x2 rhs_dilate=2x1}, to_apply=adder", (F, (6, 5)), computations=ADD)
add("reduce_two", "  z = f32[] constant(0)\n  m = f32[] constant(-inf)\n  ROOT r = (f32[4], f32[4]) reduce(p0, p0, z, m), dimensions={1}, to_apply=both", (F, (4, 6)),
    computations="both {\n  a = f32[] parameter(0)\n  b = f32[] parameter(1)\n  c = f32[] parameter(2)\n  d = f32[] parameter(3)\n  s = f32[] add(a, c)\n  m = f32[] maximum(b, d)\n  ROOT t = (f32[], f32[]) tuple(s, m)\n}\n")
X, Y = np.array([-0.0, 0.0, np.nan, 1, -np.inf, np.nan], F), np.array([0.0, -0.0, 1, np.nan, np.inf, np.nan], F)


def place_in_order(x):
    """Integers in the total order of floats: -NaN, ..., -0, 0, ..., NaN."""
    bits = x.view(np.int32)
    return np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)


COMPARISONS = {"EQ": np.equal, "NE": np.not_equal, "GE": np.greater_equal, "GT": np.greater, "LE": np.less_equal, "LT": np.less}
for direction, compare in COMPARISONS.items():
    x, y = (f"  {name} = f32[6] constant({{{', '.join(map(str, values))}}})\n" for name, values in (("x", X), ("y", Y)))
    add(f"compare_float_{direction.lower()}", f"{x}{y}  ROOT r = pred[6] compare(x, y), direction={direction}, type=FLOAT", expected=lambda f=compare: [f(X, Y)])
    add(f"compare_total_{direction.lower()}", f"{x}{y}  ROOT r = pred[6] compare(x, y), direction={direction}, type=TOTALORDER",
        expected=lambda f=compare: [f(place_in_order(X), place_in_order(Y))])
add("map", "  ROOT r = f32[4,5] map(p0, p1), dimensions={0,1}, to_apply=f", (F, (4, 5)), (F, (4, 5)),
    computations="f {\n  a = f32[] parameter(0)\n  b = f32[] parameter(1)\n  h = f32[] constant(0.5)\n  p = pred[] compare(a, b), direction=LT\n  m = f32[] multiply(a, h)\n  ROOT s = f32[] select(p, m, b)\n}\n", expected=lambda a, b: [np.where(a < b, a * F(0.5), b)])
add("fusion", "  ROOT r = f32[4] fusion(p0), kind=kLoop, calls=f", (F, (4,)), computations="f {\n  a = f32[4] parameter(0)\n  ROOT s = f32[4] add(a, a)\n}\n", expected=lambda a: [a + a])
add("call", "  c = f32[4] call(p0), to_apply=f\n  ROOT r = f32[4] call(c), to_apply=f", (F, (4,)), computations="f {\n  a = f32[4] parameter(0)\n  ROOT s = f32[4] add(a, a)\n}\n")
add("nested_tuples", "  u = (f32[3], f32[4]) tuple(p1, p0)\n  t = (f32[4], (f32[3], f32[4])) tuple(p0, u)\n  i = (f32[3], f32[4]) get-tuple-element(t), index=1\n  a = f32[3] get-tuple-element(i), index=0\n  v = (f32[3]) tuple(a)\n  ROOT r = ((f32[3]), f32[4]) tuple(v, p0)", (F, (4,)), (F, (3,)), expected=lambda x, y: [y, x])
add("while_of_tuples", "  z = s32[] constant(0)\n  q = (f32[3], f32[3]) tuple(p0, p1)\n  i = (s32[], (f32[3], f32[3])) tuple(z, q)\n  ROOT r = (s32[], (f32[3], f32[3])) while(i), condition=c, body=b", (F, (3,)), (F, (3,)),
    computations="c {\n  s = (s32[], (f32[3], f32[3])) parameter(0)\n  i = s32[] get-tuple-element(s), index=0\n  n = s32[] constant(5)\n  ROOT l = pred[] compare(i, n), direction=LT\n}\nb {\n  s = (s32[], (f32[3], f32[3])) parameter(0)\n  i = s32[] get-tuple-element(s), index=0\n  o = s32[] constant(1)\n  j = s32[] add(i, o)\n  p = (f32[3], f32[3]) get-tuple-element(s), index=1\n  x = f32[3] get-tuple-element(p), index=0\n  y = f32[3] get-tuple-element(p), index=1\n  w = f32[3] add(x, y)\n  q = (f32[3], f32[3]) tuple(y, w)\n  ROOT r = (s32[], (f32[3], f32[3])) tuple(j, q)\n}\n")
for index in ("-1", "0", "2", "7"):
    add(f"conditional_{index.replace('-', 'minus')}", f"  i = s32[] constant({index})\n  ROOT r = f32[3] conditional(i, p0, p0, p0), branch_computations={{a, b, c}}", (F, (3,)),
        computations="a {\n  ROOT x = f32[3] parameter(0)\n}\nb {\n  x = f32[3] parameter(0)\n  ROOT n = f32[3] negate(x)\n}\nc {\n  x = f32[3] parameter(0)\n  ROOT n = f32[3] multiply(x, x)\n}\n")
for which in ("true", "false"):
    add(f"conditional_{which}", f"  i = pred[] constant({which})\n  ROOT r = f32[3] conditional(i, p0, p1), true_computation=a, false_computation=b", (F, (3,)), (F, (3,)),
        computations="a {\n  ROOT x = f32[3] parameter(0)\n}\nb {\n  x = f32[3] parameter(0)\n  ROOT n = f32[3] negate(x)\n}\n")
add("collectives", "  a = f32[4] all-reduce(p0), replica_groups={}, to_apply=adder\n  b = f32[4] all-gather(a), dimensions={0}, replica_groups={{0}}\n  c = f32[4] reduce-scatter(b), dimensions={0}, replica_groups={{0}}, to_apply=adder\n  d = f32[4] collective-permute(c), source_target_pairs={{0,0}}\n  i = u32[] replica-id()\n  k = u32[] partition-id()\n  ROOT r = (f32[4], u32[], u32[]) tuple(d, i, k)",
    (F, (4,)), computations=ADD, expected=lambda x: [x, np.uint32(0), np.uint32(0)])
add("constants", "  a = s4[5] constant({1, -2, 3, 7, -8})\n  b = u4[3] constant({1, 15, 3})\n  c = f8e5m2[3] constant({1, 2, -3})\n  d = c64[2] constant({(1,2), (3,4)})\n  e = pred[2,2]{0,1} constant({{true, false}, {false, false}})\n  f = bf16[2] constant({1, 3})\n  g = s4[0] constant({})\n  x = s32[5] convert(a)\n  y = s32[3] convert(b)\n  z = f32[3] convert(c)\n  w = f32[2] convert(f)\n  ROOT r = (s32[5], s32[3], f32[3], c64[2], pred[2,2]{1,0}, f32[2]) tuple(x, y, z, d, e, w)",
    expected=lambda: [np.array([1, -2, 3, 7, -8], np.int32), np.array([1, 15, 3], np.int32), np.array([1, 2, -3], F), np.array([1 + 2j, 3 + 4j], np.complex64), np.array([[True, False], [False, False]]), np.array([1, 3], F)])
add("tuple_constant", "  t = (f32[2], s32[]) constant(({1, 2}, 3))\n  ROOT r = (f32[2], s32[]) copy(t)", expected=lambda: [np.array([1, 2], F), np.int32(3)])
add("layouts", "  t = f32[3,4]{0,1} transpose(p0), dimensions={1,0}\n  c = f32[3,4]{1,0} copy(t)\n  b = f32[3,4]{0,1} bitcast(p0)\n  ROOT r = (f32[3,4]{1,0}, f32[3,4]{0,1}) tuple(c, b)", (F, (4, 3)), expected=lambda x: [x.T, x.T])
add("sort_two", "  ROOT r = (f32[3,5], s32[3,5]) sort(p0, p1), dimensions={1}, is_stable=true, to_apply=c", (F, (3, 5)), (np.int32, (3, 5)),
    computations="c {\n  a = f32[] parameter(0)\n  b = f32[] parameter(1)\n  i = s32[] parameter(2)\n  j = s32[] parameter(3)\n  ROOT l = pred[] compare(i, j), direction=LT\n}\n")
add("scatter_window", "  ROOT r = f32[5,4] scatter(p0, p1, p2), update_window_dims={1}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, index_vector_dim=1, to_apply=larger", (F, (5, 4)), (np.int32, (3, 1)), (F, (3, 4)), computations=MAX)
add("dimension_sizes", "  n = s32[] get-dimension-size(p0), dimensions={1}\n  ROOT r = (s32[], f32[2,7]) tuple(n, p0)", (F, (2, 7)), expected=lambda x: [np.int32(7), x])
add("barriers", "  t = (f32[3], f32[4]) tuple(p0, p1)\n  b = (f32[3], f32[4]) opt-barrier(t)\n  x = f32[3] get-tuple-element(b), index=0\n  k = token[] after-all()\n  ROOT r = f32[3] add-dependency(x, k)", (F, (3,)), (F, (4,)), expected=lambda x, y: [x])
add("reduce_precision", "  ROOT r = f32[9] reduce-precision(p0), exponent_bits=5, mantissa_bits=3", (F, (9,)))
add("clamp_scalars", "  a = f32[] constant(0.3)\n  b = f32[] constant(0.6)\n  ROOT r = f32[9] clamp(a, p0, b)", (F, (9,)))
add("dot_batched", "  ROOT r = f32[2,4,5] dot(p0, p1), lhs_batch_dims={1}, rhs_batch_dims={0}, lhs_contracting_dims={2}, rhs_contracting_dims={2}", (F, (4, 2, 3)), (F, (2, 5, 3)))
add("select_and_scatter", "  z = f32[] constant(0)\n  ROOT r = f32[4,6] select-and-scatter(p0, p1, z), window={size=2x3 stride=2x3}, select=larger_of, scatter=adder", (F, (4, 6)), (F, (2, 2)), computations=ADD + "larger_of {\n  x = f32[] parameter(0)\n  y = f32[] parameter(1)\n  ROOT s = pred[] compare(x, y), direction=GE\n}\n")
