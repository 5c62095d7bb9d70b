# SPDX-License-Identifier: Apache-2.0
"""Regenerates tests/data/artifacts/*.bc: what JAX sends a plugin that declares StableHLO 1.10.0.

Usage: python tools/make_artifacts.py [directory]
Needs jax and jaxlib only. The bytes change with their versions; what the tests say of the programs must not.
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
from jax import lax
from jax._src.interpreters import mlir as jax_mlir
from jax._src.lib import _jax
from jaxlib.mlir import ir

VERSION = "1.10.0"
# JAX lowers by its default rules for a platform that it does not know.
PLATFORM = "dragoman"

f32 = jnp.float32


def shape(*dims, dtype=f32):
    return jax.ShapeDtypeStruct(dims, dtype)


def mlp_step(weights, bias, x, labels):
    def loss(weights, bias):
        logits = jax.nn.relu(x @ weights[0] + bias[0]) @ weights[1] + bias[1]
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(logits) * jax.nn.one_hot(labels, 10), axis=-1)), logits

    (value, logits), gradients = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(weights, bias)
    accuracy = jnp.mean(jnp.argmax(logits, axis=-1) == labels)
    step = lambda p, g: p - f32(0.01) * g
    return jax.tree.map(step, (weights, bias), gradients), value, accuracy


def conv_step(kernel, x):
    def loss(kernel):
        y = lax.conv_general_dilated(x, kernel, (2, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        y = lax.reduce_window(jax.nn.relu(y), -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "SAME")
        return jnp.sum(y * y)

    return jax.value_and_grad(loss)(kernel)


def random_normal(key):
    return jax.random.normal(key, (3, 5)), jax.random.permutation(key, 8)


def scan_rnn(weights, xs):
    def cell(carry, x):
        carry = jnp.tanh(carry @ weights + x)
        return carry, carry.sum()

    return lax.scan(cell, jnp.zeros((4,)), xs)


def branches(index, x):
    def inner(y):
        return lax.cond(y[0] > 0, lambda v: v + x, lambda v: lax.while_loop(lambda w: w[0] < 3, lambda w: w + 1, v), y)

    return lax.switch(index, [inner, lambda y: y * x, lambda y: -y], x * 2)


def indexing(x, indices, updates):
    taken = jnp.take_along_axis(x, indices, axis=1)
    added = x.at[:, indices[0]].add(updates)
    static = added.at[1:3].set(0.0)
    return taken, static, lax.dynamic_slice(x, (indices[0, 0], 1), (2, 2)), x[indices[:, 0]], x.at[0].multiply(2.0)


def sorting(x, k):
    values, indices = lax.top_k(x, 3)
    return values, indices, jnp.argsort(x, axis=0), lax.sort((k, x), num_keys=2), lax.approx_max_k(x, 2)


def linear_algebra(a, b):
    q, r = jnp.linalg.qr(a)
    lower = jnp.linalg.cholesky(a.T @ a + jnp.eye(4))
    return q, r, lax.linalg.triangular_solve(lower, b, left_side=True, lower=True, transpose_a=True)


def spectrum(x):
    y = jnp.fft.rfft(x)
    z = jnp.exp(y) * (2 - 3j) + jnp.fft.fft(y)
    return jnp.fft.irfft(z, 8), jnp.abs(z), jnp.real(z), z == y


def composites(x):
    return jax.scipy.special.erf(x), jax.scipy.special.erfc(x), jnp.arcsinh(x), jnp.sinh(x), jnp.arctanh(x)


def small_types(x, n):
    floats = [
        jnp.float8_e4m3fn, jnp.float8_e5m2, jnp.float8_e4m3b11fnuz, jnp.float8_e4m3fnuz, jnp.float8_e5m2fnuz,
        jnp.float8_e4m3, jnp.float8_e3m4, jnp.float8_e8m0fnu, jnp.float4_e2m1fn, jnp.bfloat16, jnp.float16,
    ]
    mask = jnp.array([True, False, False, True, True, False, True, False, True, True, False])
    nibbles = jnp.array([-2, 1, 7, -8], dtype=jnp.int4)
    narrow = jnp.where(mask, n, 0).astype(jnp.uint4), n.astype(jnp.int2), n.astype(jnp.uint2), n.astype(jnp.int8)
    constants = jnp.array([1 + 2j, 3 - 4j], dtype=jnp.complex64), jnp.array([0.5, -2], dtype=jnp.bfloat16)
    return [x.astype(t) for t in floats], narrow, nibbles + jnp.int4(1), constants, jnp.packbits(mask)


def random_bits(key):
    return lax.rng_bit_generator(key, (7,), dtype=jnp.uint32), lax.rng_uniform(0.0, 1.0, (3,))


def attention(q, k, v):
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k, preferred_element_type=f32, precision="highest")
    weights = jax.nn.softmax(scores).astype(jnp.bfloat16)
    return jnp.einsum("bhqk,bkhd->bqhd", weights, v)


def dot_algorithms(x, y):
    algorithms = ["TF32_TF32_F32", "BF16_BF16_F32", "BF16_BF16_F32_X3", "F32_F32_F32"]
    return [lax.dot_general(x, y, (((1,), (0,)), ((), ())), precision=algorithm) for algorithm in algorithms]


def cumulative(x):
    return jnp.cumsum(x, axis=1), lax.cummax(x, reverse=True), lax.cumlogsumexp(x, axis=0), jnp.cumprod(x)


# Jitted as JAX programs, with donated argument numbers.
FUNCTIONS = {
    "mlp_step": (mlp_step, ([shape(6, 8), shape(8, 10)], [shape(8), shape(10)], shape(5, 6),
                            shape(5, dtype=jnp.int32)), (0, 1)),
    "conv_step": (conv_step, (shape(3, 3, 2, 4), shape(2, 7, 6, 2)), ()),
    "random_normal": (random_normal, (shape(2, dtype=jnp.uint32),), ()),
    "scan_rnn": (scan_rnn, (shape(4, 4), shape(6, 4)), ()),
    "branches": (branches, (shape(dtype=jnp.int32), shape(3)), ()),
    "indexing": (indexing, (shape(4, 5), shape(4, 2, dtype=jnp.int32), shape(4, 2)), ()),
    "sorting": (sorting, (shape(4, 6), shape(4, 6, dtype=jnp.int32)), ()),
    "linear_algebra": (linear_algebra, (shape(6, 4), shape(4, 2)), ()),
    "spectrum": (spectrum, (shape(3, 8),), ()),
    "composites": (composites, (shape(7),), ()),
    "small_types": (small_types, (shape(11), shape(11, dtype=jnp.int32)), ()),
    "random_bits": (random_bits, (shape(4, dtype=jnp.uint32),), ()),
    "attention": (attention, tuple(shape(2, 5, 3, 4, dtype=jnp.bfloat16) for _ in range(3)), ()),
    "dot_algorithms": (dot_algorithms, (shape(3, 4), shape(4, 5)), ()),
    "cumulative": (cumulative, (shape(4, 5),), ()),
}

# What JAX does not emit without a plugin's help, or at all.
TEXTS = {
    "host_transfer": """
      func.func public @main(%x: tensor<2xf32>) -> (tensor<3xf32>, !stablehlo.token) {
        %0 = stablehlo.create_token : !stablehlo.token
        %1 = "stablehlo.send"(%x, %0) {channel_handle = #stablehlo.channel_handle<handle = 1, type = 2>,
          is_host_transfer = true} : (tensor<2xf32>, !stablehlo.token) -> !stablehlo.token
        %2:2 = "stablehlo.recv"(%1) {channel_handle = #stablehlo.channel_handle<handle = 2, type = 3>,
          is_host_transfer = true} : (!stablehlo.token) -> (tensor<3xf32>, !stablehlo.token)
        %3 = stablehlo.after_all %2#1, %0 : !stablehlo.token
        return %2#0, %3 : tensor<3xf32>, !stablehlo.token
      }""",
    "refused_op": """
      func.func public @main(%x: tensor<2x3xf32>, %shape: tensor<1xi32>) -> tensor<6xf32> {
        %0 = stablehlo.dynamic_reshape %x, %shape : (tensor<2x3xf32>, tensor<1xi32>) -> tensor<6xf32>
        return %0 : tensor<6xf32>
      }""",
    "refused_type": """
      func.func public @main(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
        %0 = stablehlo.negate %x : tensor<?x3xf32>
        return %0 : tensor<?x3xf32>
      }""",
    "one_device_collectives": """
      func.func public @main(%x: tensor<4x3xf32>) -> (tensor<4x3xf32>, tensor<ui32>) {
        %0 = "stablehlo.all_reduce"(%x) ({
          ^bb0(%a: tensor<f32>, %b: tensor<f32>):
            %sum = stablehlo.add %a, %b : tensor<f32>
            stablehlo.return %sum : tensor<f32>
        }) {replica_groups = dense<0> : tensor<1x1xi64>} : (tensor<4x3xf32>) -> tensor<4x3xf32>
        %1 = "stablehlo.collective_permute"(%0) {source_target_pairs = dense<0> : tensor<1x2xi64>}
          : (tensor<4x3xf32>) -> tensor<4x3xf32>
        %2 = stablehlo.custom_call @Sharding(%1) {mhlo.sharding = "{replicated}"} : (tensor<4x3xf32>) -> tensor<4x3xf32>
        %3 = stablehlo.negate %2 : tensor<4x3xf32>
        %4 = stablehlo.partition_id : tensor<ui32>
        return %3, %4 : tensor<4x3xf32>, tensor<ui32>
      }""",
}


def artifact_of_function(function, arguments, donated):
    traced = jax.jit(function, donate_argnums=donated).trace(*arguments)
    lowered = traced.lower(lowering_platforms=(PLATFORM,))
    return _jax.mlir.serialize_portable_artifact(lowered.compiler_ir("stablehlo"), VERSION, True)


def artifact_of_text(text):
    with jax_mlir.make_ir_context():
        return _jax.mlir.serialize_portable_artifact(ir.Module.parse(text), VERSION, True)


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    directory = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "tests/data/artifacts"
    directory.mkdir(parents=True, exist_ok=True)
    # Locations must not depend on where this repository lies.
    jax.config.update("jax_hlo_source_file_canonicalization_regex", ".*/")
    jax_mlir._platforms_with_donation.append(PLATFORM)
    for name, program in FUNCTIONS.items():
        (directory / f"{name}.bc").write_bytes(artifact_of_function(*program))
    for name, text in TEXTS.items():
        (directory / f"{name}.bc").write_bytes(artifact_of_text(text))


if __name__ == "__main__":
    main()
