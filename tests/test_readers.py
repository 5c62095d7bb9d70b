# SPDX-License-Identifier: Apache-2.0
"""One program in both forms, StableHLO as JAX sends it and HLO as TensorFlow does, reads as the same tensor IR."""

import re
import subprocess

import pytest

SUM = "({ ^bb0(%a: tensor<f32>, %b: tensor<f32>): %s = stablehlo.add %a, %b : tensor<f32>\n stablehlo.return %s : tensor<f32> })"
LESS = "({ ^bb0(%a: tensor<f32>, %b: tensor<f32>): %s = stablehlo.compare LT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>\n stablehlo.return %s : tensor<i1> })"
GROUPS = "channel_handle = #stablehlo.channel_handle<handle = 1, type = 1>, replica_groups = dense<0> : tensor<1x1xi64>"

# main's parameters, its body, its results.
PROGRAMS = {
    "elementwise": ("%x: tensor<3xf32>, %y: tensor<3xf32>", "%a = stablehlo.add %x, %y : tensor<3xf32>\n %r = stablehlo.tanh %a : tensor<3xf32>", "%r : tensor<3xf32>"),
    "two_results": ("%x: tensor<3xf32>", "%a = stablehlo.negate %x : tensor<3xf32>", "%a, %x : tensor<3xf32>, tensor<3xf32>"),
    "compare": ("%x: tensor<3xui8>, %y: tensor<3xui8>", "%r = stablehlo.compare LE, %x, %y : (tensor<3xui8>, tensor<3xui8>) -> tensor<3xi1>", "%r : tensor<3xi1>"),
    "select": ("%p: tensor<3xi1>, %x: tensor<3xf32>, %y: tensor<3xf32>", "%r = stablehlo.select %p, %x, %y : tensor<3xi1>, tensor<3xf32>", "%r : tensor<3xf32>"),
    "constant": ("", "%r = stablehlo.constant dense<[[1, -2], [3, 4]]> : tensor<2x2xi16>", "%r : tensor<2x2xi16>"),
    "booleans": ("", "%r = stablehlo.constant dense<[true, false, true]> : tensor<3xi1>", "%r : tensor<3xi1>"),
    "nibbles": ("", "%r = stablehlo.constant dense<[7, -8, 1]> : tensor<3xi4>", "%r : tensor<3xi4>"),
    "complex": ("%x: tensor<2xf32>", "%c = stablehlo.complex %x, %x : tensor<2xcomplex<f32>>\n %d = stablehlo.multiply %c, %c : tensor<2xcomplex<f32>>\n %r = stablehlo.real %d : (tensor<2xcomplex<f32>>) -> tensor<2xf32>", "%r : tensor<2xf32>"),
    "convert": ("%x: tensor<2xf32>", "%r = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xbf16>", "%r : tensor<2xbf16>"),
    "bitcast_convert": ("%x: tensor<2xf32>", "%r = stablehlo.bitcast_convert %x : (tensor<2xf32>) -> tensor<2xui32>", "%r : tensor<2xui32>"),
    "reduce_precision": ("%x: tensor<2xf32>", "%r = stablehlo.reduce_precision %x, format = e5m10 : tensor<2xf32>", "%r : tensor<2xf32>"),
    "iota": ("", "%r = stablehlo.iota dim = 0 : tensor<3xi32>", "%r : tensor<3xi32>"),
    "broadcast": ("%x: tensor<3xf32>", "%r = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>", "%r : tensor<2x3xf32>"),
    "reshape": ("%x: tensor<6xf32>", "%r = stablehlo.reshape %x : (tensor<6xf32>) -> tensor<2x3xf32>", "%r : tensor<2x3xf32>"),
    "transpose": ("%x: tensor<2x3xf32>", "%r = stablehlo.transpose %x, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>", "%r : tensor<3x2xf32>"),
    "reverse": ("%x: tensor<2x3xf32>", "%r = stablehlo.reverse %x, dims = [1] : tensor<2x3xf32>", "%r : tensor<2x3xf32>"),
    "concatenate": ("%x: tensor<2xf32>, %y: tensor<3xf32>", "%r = stablehlo.concatenate %x, %y, dim = 0 : (tensor<2xf32>, tensor<3xf32>) -> tensor<5xf32>", "%r : tensor<5xf32>"),
    "slice": ("%x: tensor<9xf32>", "%r = stablehlo.slice %x [1:8:3] : (tensor<9xf32>) -> tensor<3xf32>", "%r : tensor<3xf32>"),
    "pad": ("%x: tensor<3xf32>, %v: tensor<f32>", "%r = stablehlo.pad %x, %v, low = [1], high = [2], interior = [1] : (tensor<3xf32>, tensor<f32>) -> tensor<8xf32>", "%r : tensor<8xf32>"),
    "dynamic_slice": ("%x: tensor<9xf32>, %i: tensor<i32>", "%r = stablehlo.dynamic_slice %x, %i, sizes = [3] : (tensor<9xf32>, tensor<i32>) -> tensor<3xf32>", "%r : tensor<3xf32>"),
    "dynamic_update_slice": ("%x: tensor<9xf32>, %u: tensor<3xf32>, %i: tensor<i32>", "%r = stablehlo.dynamic_update_slice %x, %u, %i : (tensor<9xf32>, tensor<3xf32>, tensor<i32>) -> tensor<9xf32>", "%r : tensor<9xf32>"),
    "gather": ("%x: tensor<5x4xf32>, %i: tensor<3x1xi32>", '%r = "stablehlo.gather"(%x, %i) {dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, indices_are_sorted = true, slice_sizes = array<i64: 1, 4>} : (tensor<5x4xf32>, tensor<3x1xi32>) -> tensor<3x4xf32>', "%r : tensor<3x4xf32>"),
    "scatter": ("%x: tensor<5x4xf32>, %i: tensor<3x1xi32>, %u: tensor<3x4xf32>", f'%r = "stablehlo.scatter"(%x, %i, %u) {SUM} {{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, indices_are_sorted = false, unique_indices = true}} : (tensor<5x4xf32>, tensor<3x1xi32>, tensor<3x4xf32>) -> tensor<5x4xf32>', "%r : tensor<5x4xf32>"),
    "reduce": ("%x: tensor<5x4xf32>, %v: tensor<f32>", f'%r = "stablehlo.reduce"(%x, %v) {SUM} {{dimensions = array<i64: 1>}} : (tensor<5x4xf32>, tensor<f32>) -> tensor<5xf32>', "%r : tensor<5xf32>"),
    "reduce_window": ("%x: tensor<6x4xf32>, %v: tensor<f32>", f'%r = "stablehlo.reduce_window"(%x, %v) {SUM} {{window_dimensions = array<i64: 2, 1>, window_strides = array<i64: 2, 1>, padding = dense<[[1, 1], [0, 0]]> : tensor<2x2xi64>}} : (tensor<6x4xf32>, tensor<f32>) -> tensor<4x4xf32>', "%r : tensor<4x4xf32>"),
    "sort": ("%x: tensor<5xf32>", f'%r = "stablehlo.sort"(%x) {LESS} {{dimension = 0 : i64, is_stable = true}} : (tensor<5xf32>) -> tensor<5xf32>', "%r : tensor<5xf32>"),
    "dot_general": ("%x: tensor<2x3x4xf32>, %y: tensor<2x4x5xf32>", "%r = stablehlo.dot_general %x, %y, batching_dims = [0] x [0], contracting_dims = [2] x [1], precision = [HIGH, DEFAULT] : (tensor<2x3x4xf32>, tensor<2x4x5xf32>) -> tensor<2x3x5xf32>", "%r : tensor<2x3x5xf32>"),
    "dot_algorithm_exact": ("%x: tensor<3x4xf32>, %y: tensor<4x5xf32>", "%r = stablehlo.dot_general %x, %y, contracting_dims = [1] x [0], algorithm = <lhs_precision_type = f32, rhs_precision_type = f32, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = false> : (tensor<3x4xf32>, tensor<4x5xf32>) -> tensor<3x5xf32>", "%r : tensor<3x5xf32>"),
    "dot_algorithm_narrow": ("%x: tensor<3x4xf32>, %y: tensor<4x5xf32>", "%r = stablehlo.dot_general %x, %y, contracting_dims = [1] x [0], algorithm = <lhs_precision_type = bf16, rhs_precision_type = bf16, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = false> : (tensor<3x4xf32>, tensor<4x5xf32>) -> tensor<3x5xf32>", "%r : tensor<3x5xf32>"),
    "dot_algorithm_bf16_x3": ("%x: tensor<3x4xf32>, %y: tensor<4x5xf32>", "%r = stablehlo.dot_general %x, %y, contracting_dims = [1] x [0], algorithm = <lhs_precision_type = bf16, rhs_precision_type = bf16, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 3, allow_imprecise_accumulation = false> : (tensor<3x4xf32>, tensor<4x5xf32>) -> tensor<3x5xf32>", "%r : tensor<3x5xf32>"),
    "convolution": ("%x: tensor<1x8x8x4xf32>, %w: tensor<3x3x2x6xf32>", "%r = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window = {stride = [2, 1], pad = [[1, 1], [0, 2]], rhs_dilate = [1, 2]} {batch_group_count = 1 : i64, feature_group_count = 2 : i64} : (tensor<1x8x8x4xf32>, tensor<3x3x2x6xf32>) -> tensor<1x4x6x6xf32>", "%r : tensor<1x4x6x6xf32>"),
    "cholesky": ("%x: tensor<3x3xf32>", "%r = stablehlo.cholesky %x, lower = true : tensor<3x3xf32>", "%r : tensor<3x3xf32>"),
    "triangular_solve": ("%x: tensor<3x3xf32>, %y: tensor<3x2xf32>", '%r = "stablehlo.triangular_solve"(%x, %y) {left_side = true, lower = true, unit_diagonal = false, transpose_a = #stablehlo<transpose TRANSPOSE>} : (tensor<3x3xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>', "%r : tensor<3x2xf32>"),
    "fft": ("%x: tensor<8xf32>", "%r = stablehlo.fft %x, type = RFFT, length = [8] : (tensor<8xf32>) -> tensor<5xcomplex<f32>>", "%r : tensor<5xcomplex<f32>>"),
    "rng_bit_generator": ("%s: tensor<2xui64>", "%n, %r = stablehlo.rng_bit_generator %s, algorithm = THREE_FRY : (tensor<2xui64>) -> (tensor<2xui64>, tensor<4xui32>)", "%n, %r : tensor<2xui64>, tensor<4xui32>"),
    "batch_norm_inference": ("%x: tensor<2x3xf32>, %s: tensor<3xf32>", '%r = "stablehlo.batch_norm_inference"(%x, %s, %s, %s, %s) {epsilon = 0.001 : f32, feature_index = 1 : i64} : (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<2x3xf32>', "%r : tensor<2x3xf32>"),
    "while": ("%i: tensor<i32>, %n: tensor<i32>", "%r:2 = stablehlo.while(%a = %i, %b = %n) : tensor<i32>, tensor<i32> cond { %p = stablehlo.compare LT, %a, %b : (tensor<i32>, tensor<i32>) -> tensor<i1>\n stablehlo.return %p : tensor<i1> } do { %s = stablehlo.add %a, %a : tensor<i32>\n stablehlo.return %s, %b : tensor<i32>, tensor<i32> }", "%r#0 : tensor<i32>"),
    "all_reduce": ("%x: tensor<4xf32>", f'%r = "stablehlo.all_reduce"(%x) {SUM} {{{GROUPS}, use_global_device_ids}} : (tensor<4xf32>) -> tensor<4xf32>', "%r : tensor<4xf32>"),
    "all_gather": ("%x: tensor<4xf32>", f'%r = "stablehlo.all_gather"(%x) {{all_gather_dim = 0 : i64, {GROUPS}, use_global_device_ids}} : (tensor<4xf32>) -> tensor<4xf32>', "%r : tensor<4xf32>"),
    "reduce_scatter": ("%x: tensor<4xf32>", f'%r = "stablehlo.reduce_scatter"(%x) {SUM} {{scatter_dimension = 0 : i64, {GROUPS}, use_global_device_ids}} : (tensor<4xf32>) -> tensor<4xf32>', "%r : tensor<4xf32>"),
    "all_to_all": ("%x: tensor<4x2xf32>", f'%r = "stablehlo.all_to_all"(%x) {{split_dimension = 1 : i64, concat_dimension = 1 : i64, split_count = 1 : i64, {GROUPS}}} : (tensor<4x2xf32>) -> tensor<4x2xf32>', "%r : tensor<4x2xf32>"),
    "collective_permute": ("%x: tensor<4xf32>", '%r = "stablehlo.collective_permute"(%x) {source_target_pairs = dense<0> : tensor<1x2xi64>, channel_handle = #stablehlo.channel_handle<handle = 2, type = 1>} : (tensor<4xf32>) -> tensor<4xf32>', "%r : tensor<4xf32>"),
    "collective_broadcast": ("%x: tensor<4xf32>", f'%r = "stablehlo.collective_broadcast"(%x) {{{GROUPS}}} : (tensor<4xf32>) -> tensor<4xf32>', "%r : tensor<4xf32>"),
    "device_numbers": ("", "%p = stablehlo.partition_id : tensor<ui32>\n %q = stablehlo.replica_id : tensor<ui32>", "%p, %q : tensor<ui32>, tensor<ui32>"),
    "custom_call": ("%x: tensor<4xf32>", '%r = stablehlo.custom_call @somewhere(%x) {backend_config = "settings"} : (tensor<4xf32>) -> tensor<4xf32>', "%r : tensor<4xf32>"),
}

# What neither reader takes, and the sentence of both.
REFUSED = {
    "infeed": (
        ("", '%t = stablehlo.create_token : !stablehlo.token\n %x:2 = "stablehlo.infeed"(%t) {layout = [[0]]} : (!stablehlo.token) -> (tensor<3xf32>, !stablehlo.token)', "%x#0 : tensor<3xf32>"),
        "The operation infeed (token) -> (tensor<3xf32>, token) is not supported. While reading infeed.",
    ),
}


def forms(program):
    """The program's artifact and its HloModuleProto."""
    mlir = pytest.importorskip("jax._src.interpreters.mlir", reason="JAX is not installed.")
    from jaxlib import _jax
    from jaxlib.mlir import ir

    parameters, body, results = program
    types = results.split(" : ")[1]
    text = f"module @m {{ func.func public @main({parameters}) -> ({types}) {{ {body}\n return {results} }} }}"
    with mlir.make_ir_context():
        artifact = _jax.mlir.serialize_portable_artifact(ir.Module.parse(text), "1.10.0", True)
    hlo = _jax.mlir.mlir_module_to_xla_computation(text, use_tuple_args=False, return_tuple=False)
    return artifact, hlo.as_serialized_hlo_module_proto()


def read(command, path, program):
    """The tensor IR as the compiler gets it, without the module's name; an error where that is what comes."""
    path.write_bytes(program)
    profile = "tests/profiles/navi31.json"
    run = subprocess.run([command, "compile", path, "--profile", profile, "--dump", "input"], capture_output=True, text=True, timeout=300)
    found = re.search(r"==== input\nmodule @\S+\n(.*?)\n\n", run.stdout + "\n\n", re.S)
    return found.group(1) if found else run.stderr


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_both_forms_read_as_the_same(command, tmp_path, name):
    artifact, hlo = forms(PROGRAMS[name])
    stablehlo = read(command, tmp_path / "program.bc", artifact)
    assert "func public @main" in stablehlo
    assert read(command, tmp_path / "program.hlo", hlo) == stablehlo


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_both_forms_are_refused_alike(command, tmp_path, name):
    program, sentence = REFUSED[name]
    artifact, hlo = forms(program)
    assert sentence in read(command, tmp_path / "program.bc", artifact)
    assert sentence in read(command, tmp_path / "program.hlo", hlo)


def test_both_forms_of_several_devices_are_refused_alike(command, tmp_path):
    parameters, body, results = PROGRAMS["all_gather"]
    wide = (parameters, body.replace("dense<0> : tensor<1x1xi64>", "dense<[[0, 1]]> : tensor<1x2xi64>").replace("-> tensor<4xf32>", "-> tensor<8xf32>"), "%r : tensor<8xf32>")
    for extension, program in zip(("bc", "hlo"), forms(wide)):
        path = tmp_path / f"program.{extension}"
        path.write_bytes(program)
        run = subprocess.run([command, "compile", path, "--profile", "tests/profiles/navi31.json"], capture_output=True, text=True, timeout=300)
        assert "The operation all_gather (tensor<4xf32>) -> (tensor<8xf32>) is not supported: it needs other devices, and a program runs on one." in run.stderr
