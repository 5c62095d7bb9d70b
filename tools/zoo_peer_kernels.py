# SPDX-License-Identifier: Apache-2.0
"""What tools/zoo_peers compares: the operations, and which of ggml's kernels computes each on each GPU."""
import math

GPUS = ("polaris10", "vega10", "navi21", "navi31", "gfx1201", "tgl", "dg2", "bmg")
AMD = GPUS[:5]
GCN = GPUS[:2]
INTEL = GPUS[5:]
# ggml multiplies on matrix units there.
MATRIX_UNITS = ("navi31", "gfx1201")
# IREE's compiler has no target for the others: they get what it makes for the nearest one.
IREE_TARGETS = {"polaris10": "rdna1", "vega10": "rdna1", "navi21": "rdna2", "navi31": "rdna3", "gfx1201": "rdna4",
                "tgl": "rdna1", "dg2": "rdna1", "bmg": "rdna1"}

# Bytes that a GPU's memory gives one SIMD (Intel: one execution unit) a cycle: its bandwidth over units and clock.
MEMORY_BYTES = {"polaris10": 256 / (144 * 1.34), "vega10": 484 / (256 * 1.55), "navi21": 512 / (120 * 2.1),
                "navi31": 960 / (192 * 2.5), "gfx1201": 640 / (128 * 2.97), "tgl": 68 / (96 * 1.35), "dg2": 512 / (512 * 2.05),
                "bmg": 456 / (160 * 2.67)}
# Operation: bytes a result that must come from memory or go there, at least; what is not here has none worth counting.
LEAST_BYTES = {"matmul_f32_skinny": 256, "matmul_f16_skinny": 128, "conv3x3_f32": 8, "depthwise_f32": 8, "softmax_f32": 8,
               "layernorm_f32": 8, "reduce_f32": 4096, "attention_f16": 8}

# Operation: (results, what the loops' trips follow from, how much of it).
OPERATIONS = {
    "matmul_f32": (4096**2, "multiply_adds", 4096**3),
    "matmul_f32_skinny": (64 * 4096, "multiply_adds", 64 * 4096**2),
    "matmul_f16": (4096**2, "multiply_adds", 4096**3),
    "matmul_f16_skinny": (64 * 4096, "multiply_adds", 64 * 4096**2),
    "conv3x3_f32": (32 * 56 * 56 * 256, "multiply_adds", 32 * 56 * 56 * 256 * 256 * 9),
    "depthwise_f32": (32 * 112 * 112 * 96, "multiply_adds", 32 * 112 * 112 * 96 * 9),
    "softmax_f32": (16384 * 4096, "bytes_read", 4 * 16384 * 4096),
    "layernorm_f32": (65536 * 1024, "bytes_read", 4 * 65536 * 1024),
    "reduce_f32": (65536, "bytes_read", 4 * 65536 * 1024),
    "attention_f16": (8 * 2048 * 16 * 64, "multiply_adds", 2 * 8 * 16 * 2048**2 * 64),
}


def functions():
    """Operation: (a function of JAX, shapes, type). Needs JAX."""
    import jax
    import jax.numpy as jnp

    def convolution(groups):
        return lambda x, w: jax.lax.conv_general_dilated(
            x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups)

    def layernorm(x):
        mean = x.mean(-1, keepdims=True)
        return (x - mean) / jnp.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5)

    def attention(q, k, v):
        scores = jnp.einsum("bhqd,bhkd->bhqk", q, k, preferred_element_type=jnp.float32) * 0.125
        weights = jax.nn.softmax(scores, -1).astype(q.dtype)
        return jnp.einsum("bhqk,bhkd->bhqd", weights, v, preferred_element_type=jnp.float32).astype(q.dtype)

    square, skinny = [(4096, 4096)] * 2, [(64, 4096), (4096, 4096)]
    return {
        "matmul_f32": (jnp.matmul, square, "float32"),
        "matmul_f32_skinny": (jnp.matmul, skinny, "float32"),
        "matmul_f16": (jnp.matmul, square, "float16"),
        "matmul_f16_skinny": (jnp.matmul, skinny, "float16"),
        "conv3x3_f32": (convolution(1), [(32, 56, 56, 256), (3, 3, 256, 256)], "float32"),
        "depthwise_f32": (convolution(96), [(32, 112, 112, 96), (3, 3, 1, 96)], "float32"),
        "softmax_f32": (jax.nn.softmax, [(16384, 4096)], "float32"),
        "layernorm_f32": (layernorm, [(65536, 1024)], "float32"),
        "reduce_f32": (lambda x: jnp.sum(x, -1), [(65536, 1024)], "float32"),
        "attention_f16": (attention, [(8, 16, 2048, 64)] * 3, "float16"),
    }


def _fast_division(name, divisor):
    """The factor and the shift by which ggml's kernels divide."""
    shift = max(0, math.ceil(math.log2(divisor)))
    return {name + "mp": ((1 << 32) * ((1 << shift) - divisor) // divisor + 1) & 0xffffffff, name + "L": shift}


FLOATS = {"FLOAT_TYPE": "float", "FLOAT_TYPEV2": "vec2", "FLOAT_TYPEV4": "vec4", "FLOAT_TYPEV8": "mat2x4"}
HALVES = {"FLOAT_TYPE": "float16_t", "FLOAT_TYPEV2": "f16vec2", "FLOAT_TYPEV4": "f16vec4", "FLOAT_TYPEV8": "f16mat2x4",
          "FLOAT16": "1"}
BASIC = {"A_TYPE": "float", "B_TYPE": "float", "D_TYPE": "float", "FLOAT_TYPE": "float"}


def subgroup(gpu):
    """What the driver says of itself, and ggml takes."""
    return 64 if gpu in AMD else 32


def _matmul(gpu, is_half, is_skinny, on_matrix_units):
    size = subgroup(gpu)
    rows, columns = 4096, 64 if is_skinny else 4096
    computes_in_halves = on_matrix_units or (is_half and gpu != "polaris10")
    vector = "8" if computes_in_halves else "4"
    b_type = {(False, "4"): "vec4", (False, "8"): "mat2x4", (True, "4"): "f16vec4", (True, "8"): "f16mat2x4"}[is_half, vector]
    defines = {**(HALVES if computes_in_halves else FLOATS), "ACC_TYPE": "float", "ACC_TYPEV2": "vec2", "D_TYPE": "float",
               "DATA_A_F16" if is_half else "DATA_A_F32": "1", "LOAD_VEC_A": vector, "LOAD_VEC_B": vector, "B_TYPE": b_type,
               "B_TYPE_SCALAR": "float16_t" if is_half else "float", "B_TYPEV4": "f16vec4" if is_half else "vec4"}
    tile = [128, 64, 64, 16, size, 32, 2, 4, 2, 1, size] if is_skinny else [128, 128, 128, 16, size * 2, 64, 2, 4, 4, 1, size]
    if on_matrix_units:
        defines["COOPMAT"] = "1"
        tile = [tile[0] if is_skinny else 256, *tile[1:4], size, *tile[5:7], 16, 16, 16, size]
    sizes = {"M": rows, "N": columns, "K": 4096, "stride_a": 4096, "stride_b": 4096, "stride_d": rows, "num_batches": 1,
             "batch_stride_a": rows * 4096, "batch_stride_b": columns * 4096, "batch_stride_d": rows * columns, "ne02": 1, "ne12": 1,
             "k_split": 4096, "broadcast2": 1, "broadcast3": 1, "padded_N": columns}
    return {"source": "mul_mm.comp", "defines": defines, "constants": dict(enumerate([*tile, 1])), "sizes": sizes,
            "workgroup": tile[0], "workgroups": (rows // tile[1]) * (columns // tile[2]),
            "subgroup": size if on_matrix_units else 0}


def _convolution(gpu, on_matrix_units):
    is_gcn = gpu in GCN
    k, pixels, crs, padding = 128, 128, 16, 0 if gpu in INTEL else 1 if is_gcn else 4
    if on_matrix_units:
        k, padding = 64, 8
    constants = [256, k, crs, pixels, 8, 1 if is_gcn else 0, padding, 1, 1, 1, 1, 1, 1, 3, 3, 1,
                 1 if on_matrix_units else 0, 32, 64 if on_matrix_units else 32]
    sizes = {"Cout": 256, "Cin": 256, "N": 32, "W": 56, "H": 56, "OW": 56, "OH": 56, "nb01": 3, "nb02": 9, "nb03": 9 * 256,
             "nb11": 56, "nb12": 56 * 56, "nb13": 56 * 56 * 256, "nb1": 56, "nb2": 56 * 56, "nb3": 56 * 56 * 256,
             **_fast_division("OW", 56), **_fast_division("OWOH", 56 * 56)}
    unrolls = on_matrix_units or is_gcn
    defines = {**BASIC, "USE_COLLECTIVES": "1", "UNROLL": "[[unroll]]" if unrolls else ""}
    if on_matrix_units:
        defines["COOPMAT"] = "1"
    return {"source": "conv2d_mm.comp", "defines": defines, "constants": dict(enumerate(constants)), "sizes": sizes,
            "workgroup": 256, "workgroups": (256 // k) * (32 * 56 * 56 // pixels),
            "subgroup": subgroup(gpu) if on_matrix_units else 0}


def _attention(gpu, on_matrix_units):
    size = subgroup(gpu)
    is_half = gpu != "polaris10"
    rows, columns, split, workgroup = 4 if gpu in INTEL else 8, 32, 1, size * (2 if size > 32 else 4)
    if on_matrix_units:
        rows, columns, split, workgroup = 16, 64, 4, size * 4
    limit = 26 * 64 if gpu in AMD and gpu not in GCN and not on_matrix_units else 0
    constants = [workgroup, rows, columns, 64, 64, 0, 8, split, size, 0, 0, limit, 1, 1, 2, 2]
    halves = {**HALVES, "FLOAT_TYPE_MAX": "float16_t(65504.0)"}
    defines = {**(halves if is_half else FLOATS), "ACC_TYPE": "float", "ACC_TYPEV2": "vec2", "ACC_TYPEV4": "vec4", "Q_TYPE": "float",
               "D_TYPE": "float", "D_TYPEV4": "vec4", "DATA_A_IQ4_NL": "1"}
    if on_matrix_units:
        defines["COOPMAT"] = "1"
    stride = 2048 * 64
    sizes = {"N": 2048, "KV": 2048, "ne1": 16, "ne2": 2048, "ne3": 8, "neq2": 16, "neq3": 8, "nek2": 16, "nek3": 8, "nev2": 16,
             "nev3": 8, "nem1": 0, "nem2": 1, "nem3": 1, "nb01": 64, "nb02": stride * 4, "nb03": 16 * stride * 4, "nb11": 64,
             "nb12": stride * 2, "nb13": 16 * stride * 2, "nb21": 64, "nb22": stride * 2, "nb23": 16 * stride * 2, "scale": 0.125,
             "gqa_ratio": 1, "split_kv": 2048, "k_num": 1}
    return {"source": "flash_attn_cm1.comp" if on_matrix_units else "flash_attn.comp", "defines": defines,
            "constants": dict(enumerate(constants)), "sizes": sizes, "workgroup": workgroup,
            "workgroups": (2048 // rows) * 16 * 8, "subgroup": 0 if gpu in INTEL + GCN else size}


def _rows(gpu, operation):
    """Softmax, normalisation and sums of rows."""
    if operation == "softmax_f32":
        sizes = {"KX": 4096, "KY": 0, "ne00": 4096, "ne01": 16384, "ne02": 1, "scale": 1.0, "nrows_x": 16384, "m0": 1.0, "m1": 1.0}
        return {"source": "soft_max.comp", "defines": BASIC, "constants": {0: 512}, "sizes": sizes, "workgroup": 512,
                "workgroups": 16384, "subgroup": 0}
    if operation == "layernorm_f32":
        strides = {f"nb{i}{j}": 1 if j == 0 else 1024 if j == 1 else 1024 * 65536 for i in (0, 1) for j in range(4)}
        sizes = {"ne": 1024 * 65536, "ne00": 1024, "ne01": 65536, "ne02": 1, "ne03": 1, "ne10": 1024, "ne11": 65536, "ne12": 1,
                 "ne13": 1, **strides, "param1": 1e-5}
        return {"source": "norm.comp", "defines": BASIC, "constants": {}, "sizes": sizes, "workgroup": 512, "workgroups": 65536,
                "subgroup": 0}
    sizes = {"n_cols": 1024, "ne01": 65536, "ne02": 1, "nb01": 1024, "nb02": 1024 * 65536, "nb03": 1024 * 65536, "nb11": 1,
             "nb12": 65536, "nb13": 65536, "weight": 1.0, **_fast_division("ne0_12", 65536), **_fast_division("ne0_1", 65536)}
    return {"source": "sum_rows.comp", "defines": BASIC, "constants": {0: subgroup(gpu)}, "sizes": sizes,
            "workgroup": subgroup(gpu), "workgroups": 65536, "subgroup": 0}


def ggml_kernels(gpu, operation):
    """The kernels that ggml would take, or might: source, macros, specialization constants, sizes, dispatch."""
    ways = (False, True) if gpu in MATRIX_UNITS else (False,)
    if operation.startswith("matmul"):
        return [_matmul(gpu, "f16" in operation, "skinny" in operation, way) for way in ways]
    if operation == "conv3x3_f32":
        return [_convolution(gpu, way) for way in ways]
    if operation == "attention_f16":
        return [_attention(gpu, way) for way in ways]
    if operation == "depthwise_f32":
        sizes = {"ne": 32 * 112 * 112 * 96, "batches": 32, "channels": 96, "dst_w": 112, "dst_h": 112, "src_w": 112, "src_h": 112,
                 "knl_w": 3, "knl_h": 3, "stride_x": 1, "stride_y": 1, "pad_x": 1, "pad_y": 1, "dilation_x": 1, "dilation_y": 1}
        return [{"source": "conv2d_dw.comp", "defines": {**BASIC, "CWHN": "1"}, "constants": {}, "sizes": sizes, "workgroup": 512,
                 "workgroups": 32 * 112 * 112 * 96 // 512, "subgroup": 0}]
    return [_rows(gpu, operation)]


# What ncnn's host code puts before each shader, for float32 throughout.
_NCNN_MACROS = {
    "sfp": "float", "sfpvec2": "vec2", "sfpvec4": "vec4", "sfpmat4": "mat4", "afp": "float", "afpvec2": "vec2", "afpvec4": "vec4",
    "afpmat4": "mat4", "lfp": "float", "lfpvec4": "vec4", "psc(x)": "(x==0?p.x:x)", "lfp2afp(v)": "v", "afp2lfp(v)": "v",
    "lfp2afpvec4(v)": "v", "afp2lfpvec4(v)": "v", "sfp2lfp(v)": "v", "sfp2lfpvec4(v)": "v", "sfp2afpmat4(v)": "v",
    "afp2sfpmat4(v)": "v", "buffer_ld1(buf,i)": "buf[i]", "buffer_ld4(buf,i)": "buf[i]", "buffer_st1(buf,i,v)": "{buf[i]=v;}",
    "buffer_st4(buf,i,v)": "{buf[i]=v;}", "buffer_sm1(buf,i)": "buf[i]", "buffer_sm4(buf,i)": "buf[i]", "NCNN_shader_local_memory": "1",
    "NCNN_fp16_storage": "0", "NCNN_fp16_packed": "0", "NCNN_fp16_arithmetic": "0", "NCNN_bf16_storage": "0", "NCNN_bf16_packed": "0",
    "NCNN_moltenvk": "0", "ncnn_glsl_version": "1"}


def _ncnn(source, constants, local, groups, **more):
    """groups: workgroups along each axis and for each image of a batch."""
    prelude = "".join(f"#define {name} {value}\n" for name, value in _NCNN_MACROS.items())
    prelude += "layout(local_size_x = {}, local_size_y = {}, local_size_z = {}) in;\n".format(*local)
    return {"source": source, "defines": {}, "constants": dict(enumerate(constants)), "sizes": {}, "prelude": prelude,
            "workgroup": math.prod(local), "workgroups": math.prod(groups), "subgroup": 0, **more}


def ncnn_kernels(operation):
    """The dispatches of an operation in ncnn, with four channels or columns packed; None for what is not compared."""
    if operation in ("matmul_f32", "matmul_f32_skinny"):
        rows = 64 if "skinny" in operation else 4096
        constants = [1, 0, 0, 0, 0, 0, 0, rows, 4096, 4096, 0, 0, 4, 0, 0]
        sizes = {"broadcast_type_C": -1, "A_dims": 2, "A_hstep": 4096, "B_dims": 2, "B_hstep": 4096, "outdims": 2, "outhstep": 4096,
                 "out_elempack": 4, "A_elempack": 4, "B_elempack": 4}
        return [_ncnn("gemm.comp", constants, (8, 8, 1), (4096 // 32, rows // 32), **{"sizes": sizes})]
    if operation == "depthwise_f32":
        shape = [3, 114, 114, 24, 114 * 114, 3, 112, 112, 24, 112 * 112]
        return [_ncnn("convolutiondepthwise_pack4.comp", [3, 3, 1, 1, 1, 1, 0, 96, 0, 0, 0, *shape], (8, 8, 4), (14, 14, 6, 32))]
    if operation == "conv3x3_f32":
        # Winograd's way: blocks of 4x4 results by 36 products; 14x14 blocks an image, seven workgroups of 8x4 each.
        name, blocks = "convolution_pack4_3x3s1d1_winograd", 196
        multiply_adds = 36 * 7 * 32 * 256 * 256 * 32
        return [_ncnn(name + "43_transform_input.comp", [64, 58, 58, 58 * 58, blocks, 14, 14], (4, 4, 1), (4, 4, 64, 32), work=None),
                _ncnn(name + "_gemm.comp", [36, 64, 64, blocks, blocks, blocks], (8, 8, 1), (7, 8, 36, 32),
                      work=("multiply_adds", multiply_adds)),
                _ncnn(name + "43_transform_output.comp", [0, 0, 0, 0, 64, blocks, 14, 14, 56, 56, 56 * 56], (4, 4, 1), (4, 4, 64, 32),
                      work=None)]
    return None
