#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs as TensorFlow hands them to an engine (serialized HloModuleProtos), with what XLA's CPU backend computes.

`tools/make_hlo.py NAME...` writes small ones among them into tests/data/hlo: NAME.hlo, NAME.in (the parameters' elements, one
tensor after the other) and NAME.out (the results'). tests/test_hlo.py compares all of them. Needs TensorFlow 2.21."""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests/data"
NOT_COMPARABLE = {"random_uniform"}  # not a function of its operands: it goes to tests/data/door
LARGEST = 9000  # bytes of a file in the repository


def floats(*shape, seed=0, dtype=np.float32, low=-2.0, high=2.0):
    return tf.constant(np.random.default_rng(seed).uniform(low, high, shape).astype(dtype))


def ints(*shape, seed=0, dtype=np.int32, low=0, high=9):
    return tf.constant(np.random.default_rng(seed).integers(low, high, shape).astype(dtype))


def complexes(*shape, seed=0, dtype=np.complex64):
    random = np.random.default_rng(seed)
    return tf.constant((random.normal(size=shape) + 1j * random.normal(size=shape)).astype(dtype))


def positive_definite(n):
    x = np.random.default_rng(n).normal(size=(2, n, n)).astype(np.float32)
    return tf.constant(x @ x.transpose(0, 2, 1) + n * np.eye(n, dtype=np.float32))


def gradient(function):
    """Of the sum of what the function gives, for all its arguments."""

    def of(*arguments):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            total = tf.reduce_sum(function(*arguments) * 0.5)
        return [tf.convert_to_tensor(part) for part in tape.gradient(total, arguments, unconnected_gradients="zero")]

    return of


X = floats(4, 8)
Y = floats(4, 8, seed=1)
P = floats(4, 8, seed=2, low=0.1, high=3.0)  # positive
U = floats(4, 8, seed=3, low=-0.95, high=0.95)  # where inverse trigonometric functions are defined
G = floats(4, 8, seed=4, low=1.1, high=4.0)
N = ints(4, 8)
M = ints(4, 8, seed=1, low=1)
B = tf.constant(np.random.default_rng(0).integers(0, 2, (4, 8)).astype(bool))
Z = complexes(3, 4)
IMAGE = floats(2, 8, 9, 3)
VOLUME = floats(1, 5, 6, 4, 2)

PROGRAMS = {}


def add(name, function, *arguments):
    assert name not in PROGRAMS, name
    PROGRAMS[name] = (function, arguments)


def add_elementwise():
    for name in "abs sign floor ceil round rint cos sin tan tanh exp expm1 sigmoid softplus softsign erf square negative cosh sinh atan asinh".split():
        function = getattr(tf.math, name)
        add(name, function, X)
        if name not in ("sign", "floor", "ceil", "round", "rint"):
            add(f"{name}_gradient", gradient(function), X)
    for name in "log log1p sqrt rsqrt reciprocal lgamma digamma erfc bessel_i0e bessel_i1e".split():
        add(name, getattr(tf.math, name), P)
    for name in "asin acos atanh erfinv ndtri".split():
        argument = tf.abs(U) if name == "ndtri" else U
        add(name, getattr(tf.math, name), argument)
        add(f"{name}_gradient", gradient(getattr(tf.math, name)), argument)
    add("acosh", tf.math.acosh, G)
    for name in "add subtract multiply divide_no_nan maximum minimum squared_difference atan2 xdivy xlogy xlog1py floormod".split():
        add(name, getattr(tf.math, name), X, P)
        add(f"{name}_gradient", gradient(getattr(tf.math, name)), X, P)
    for name in "pow igamma igammac zeta polygamma nextafter floordiv truediv".split():
        add(name, getattr(tf.math, name), tf.round(P) if name == "polygamma" else G, G if name in ("zeta", "polygamma") else P)
    add("betainc", tf.math.betainc, P, G, tf.abs(U))
    for name in "add subtract multiply floordiv floormod maximum minimum squared_difference".split():
        add(f"{name}_int", getattr(tf.math, name), N, M)
    add("truncatediv", tf.truncatediv, N - 4, M)
    add("truncatemod", tf.truncatemod, N - 4, M)
    for name in "bitwise_and bitwise_or bitwise_xor left_shift right_shift".split():
        add(name, getattr(tf.bitwise, name), N, M)
    add("invert", tf.bitwise.invert, N)
    add("population_count", lambda x: tf.raw_ops.PopulationCount(x=x), N)
    for name in "equal not_equal less less_equal greater greater_equal".split():
        add(name, getattr(tf.math, name), X, tf.where(B, X, Y))
    for name in "logical_and logical_or logical_xor".split():
        add(name, getattr(tf.math, name), B, X > 0)
    add("logical_not", tf.math.logical_not, B)
    add("is_finite", lambda x: (tf.math.is_finite(1 / x), tf.math.is_nan(x - 1 / x), tf.math.is_inf(1 / x)), tf.round(X))
    add("where", lambda b, x, y: tf.where(b, x, y), B, X, Y)
    add("clip", lambda x: tf.clip_by_value(x, -0.5, 0.5), X)
    for name in "relu relu6 elu selu gelu silu leaky_relu softmax log_softmax l2_loss".split():
        add(f"nn_{name}", getattr(tf.nn, name), X)
        add(f"nn_{name}_gradient", gradient(getattr(tf.nn, name)), X)


def add_types():
    for target in "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 bfloat16 float32 float64 complex64".split():
        add(f"cast_to_{target}", lambda x, target=target: tf.cast(x, target), tf.abs(X))
        add(f"cast_from_{target}", lambda x: tf.cast(tf.math.real(x) if x.dtype.is_complex else x, tf.float32), tf.cast(N, target))
        values = tf.cast(N, target).numpy()
        add(f"constant_{target}", lambda x, values=values: (tf.constant(values), x), X)
    for target in "float8_e5m2 float8_e4m3fn int4 uint4".split():
        dtype = getattr(tf.dtypes.experimental, target)
        add(f"cast_to_{target}", lambda x, dtype=dtype: tf.cast(tf.cast(x, dtype), tf.float32), tf.abs(X))
        add(f"constant_{target}", lambda x, dtype=dtype: x + tf.cast(tf.cast(tf.constant([0, 1, 2, 5, 7, 3, 4, 6]), dtype), tf.float32), X)
    for dtype in (np.float16, np.float64):
        x = floats(4, 8, dtype=dtype)
        add(f"arithmetic_{np.dtype(dtype).name}", lambda x: tf.tanh(x @ tf.transpose(x)) + tf.reduce_sum(x), x)
    add("arithmetic_bfloat16", lambda x: tf.tanh(x @ tf.transpose(x)) + tf.reduce_sum(x), tf.cast(X, tf.bfloat16))
    add("bitcast", lambda x: (tf.bitcast(x, tf.uint8), tf.bitcast(x, tf.int32), tf.bitcast(tf.reshape(x, (4, 4, 2)), tf.float64)), X)
    for name in "conj angle real imag abs exp log sqrt sin tanh square".split():
        add(f"complex_{name}", getattr(tf.math, name), Z)
    add("complex_product", lambda z: (z * z, z / (z + 1), tf.linalg.matmul(z, z, adjoint_b=True), tf.complex(tf.math.real(z), tf.math.imag(z))), Z)


def add_shapes():
    add("reshape", lambda x: tf.reshape(x, (2, 16)), X)
    add("transpose", lambda x: tf.transpose(x, (2, 0, 3, 1)), IMAGE)
    add("concat", lambda x, y: tf.concat([x, y, x], 1), X, Y)
    add("stack", lambda x, y: tf.stack([x, y], 1), X, Y)
    add("split", lambda x: tf.split(x, [3, 4, 1], 1), X)
    add("tile", lambda x: tf.tile(x, (2, 3)), X)
    add("pad", lambda x: (tf.pad(x, ((1, 2), (0, 3)), constant_values=7.0), tf.pad(x, ((1, 2), (2, 3)), "REFLECT"), tf.pad(x, ((1, 2), (2, 3)), "SYMMETRIC")), X)
    add("pad_gradient", gradient(lambda x: tf.pad(x, ((1, 2), (2, 3)), "REFLECT") ** 2), X)
    add("slices", lambda x: (x[1:3, ::-2], x[..., tf.newaxis, 2], x[:, 1:7:3], tf.slice(x, (0, 2), (3, -1))), X)
    add("slices_gradient", gradient(lambda x: x[1:3, ::-2] ** 2), X)
    add("reverse", lambda x: tf.reverse(x, [1]), X)
    add("reverse_sequence", lambda x: tf.reverse_sequence(x, [1, 3, 8, 5], seq_axis=1), X)
    add("roll", lambda x: tf.roll(x, [1, -2], [0, 1]), X)
    add("one_hot", lambda x: tf.one_hot(tf.argmax(x, 1), 8), X)
    add("range", lambda x: (tf.range(5), tf.linspace(0.0, 1.0, 7), tf.eye(3), x), X)
    add("meshgrid", lambda x: tf.meshgrid(x[0], x[1]), X)
    add("gather", lambda x, i: (tf.gather(x, i), tf.gather(x, i, axis=1)), X, tf.constant([2, 0, 1]))
    add("gather_gradient", lambda x, i: gradient(lambda x: tf.gather(x, i) ** 2)(x), X, tf.constant([2, 0, 2]))
    add("gather_batch", lambda x, i: tf.gather(x, i, batch_dims=1), X, ints(4, 3, high=8))
    add("gather_nd", lambda x, i: tf.gather_nd(x, i), X, tf.constant([[0, 7], [3, 1]]))
    add("scatter_nd", lambda x, i: tf.scatter_nd(i, x, (6, 8)), X, tf.constant([[1], [3], [1], [5]]))
    for kind in "add sub min max update".split():
        name = f"tensor_scatter_nd_{kind}"
        indices = [[1], [3]] if kind == "update" else [[1], [1]]
        add(name, lambda x, y, name=name, indices=indices: getattr(tf, name)(x, indices, y[:2]), X, Y)
    for kind in "sum mean max min prod".split():
        name = f"unsorted_segment_{kind}"
        add(name, lambda x, name=name: getattr(tf.math, name)(x, tf.constant([0, 2, 0, 1]), 4), X)
    add("segment_sum", lambda x: tf.math.unsorted_segment_sqrt_n(x, tf.constant([0, 0, 1, 3]), 4), X)
    add("space_to_depth", lambda x: tf.nn.space_to_depth(x[:, :, :8], 2), IMAGE)
    add("depth_to_space", lambda x: tf.nn.depth_to_space(tf.concat([x, x, x, x], 3), 2), IMAGE)
    add("space_to_batch", lambda x: tf.space_to_batch(x, (2, 2), ((0, 0), (0, 1))), IMAGE)
    add("batch_to_space", lambda x: tf.batch_to_space(tf.concat([x, x], 0), (2, 2), ((0, 0), (0, 1))), IMAGE)
    add("extract_patches", lambda x: tf.image.extract_patches(x, (1, 3, 3, 1), (1, 2, 2, 1), (1, 1, 1, 1), "SAME"), IMAGE)
    add("diagonals", lambda x: (tf.linalg.diag(x), tf.linalg.diag_part(x), tf.linalg.band_part(x, 1, 2), tf.linalg.set_diag(x, x[:, 0])), X)
    add("searchsorted", lambda x: tf.searchsorted(tf.sort(x), x), X)
    add("sparse_to_dense", lambda x: tf.sparse.to_dense(tf.sparse.SparseTensor([[0, 1], [2, 3]], [1.0, 2.0], (4, 8))) + x, X)
    add("boolean_mask_sum", lambda x, b: tf.reduce_sum(tf.where(b, x, 0)), X, B)


def add_reductions():
    for name in "sum mean prod max min std variance logsumexp".split():
        function = getattr(tf.math, f"reduce_{name}")
        add(f"reduce_{name}", lambda x, f=function: (f(x), f(x, 0), f(x, 1, keepdims=True)), P)
        add(f"reduce_{name}_gradient", gradient(lambda x, f=function: f(x, 1)), P)
    add("reduce_all", lambda b: (tf.reduce_all(b, 0), tf.reduce_any(b, 1)), B)
    add("argmax", lambda x: (tf.argmax(x, 1), tf.argmin(x, 0, output_type=tf.int32)), X)
    add("cumsum", lambda x: (tf.cumsum(x, 1), tf.cumsum(x, 0, exclusive=True, reverse=True)), X)
    add("cumprod", lambda x: tf.math.cumprod(x, 1), P)
    add("cumulative_logsumexp", lambda x: tf.math.cumulative_logsumexp(x, 1), X)
    add("cumsum_gradient", gradient(lambda x: tf.cumsum(x, 1) ** 2), X)
    add("sort", lambda x: (tf.sort(x), tf.sort(x, direction="DESCENDING"), tf.argsort(x)), X)
    add("top_k", lambda x: tf.math.top_k(x, 3), X)
    add("top_k_int", lambda x: tf.math.top_k(x, 3), N)
    add("top_k_gradient", gradient(lambda x: tf.math.top_k(x, 3)[0] ** 2), X)
    add("in_top_k", lambda x: tf.math.in_top_k([1, 0, 5, 7], x, 3), X)
    add("approx_max_k", lambda x: tf.math.approx_max_k(x, 2), X)
    add("confusion", lambda x, y: tf.math.confusion_matrix(x, y, 9), N[0], M[0])
    add("moments", lambda x: tf.nn.moments(x, 0), X)


def add_networks():
    kernel, volume_kernel = floats(3, 3, 3, 5), floats(2, 3, 2, 2, 4)
    for padding in ("SAME", "VALID"):
        add(f"conv2d_{padding.lower()}", lambda x, k, p=padding: tf.nn.conv2d(x, k, 2, p), IMAGE, kernel)
        add(f"conv2d_{padding.lower()}_gradient", gradient(lambda x, k, p=padding: tf.nn.conv2d(x, k, 2, p)), IMAGE, kernel)
        for name in ("max_pool2d", "avg_pool2d"):
            add(f"{name}_{padding.lower()}", lambda x, n=name, p=padding: getattr(tf.nn, n)(x, 3, 2, p), IMAGE)
            add(f"{name}_{padding.lower()}_gradient", gradient(lambda x, n=name, p=padding: getattr(tf.nn, n)(x, 3, 2, p) ** 2), IMAGE)
    add("conv2d_dilated", gradient(lambda x, k: tf.nn.conv2d(x, k, 1, "SAME", dilations=2)), IMAGE, kernel)
    add("conv2d_explicit", lambda x, k: tf.nn.conv2d(x, k, 1, ((0, 0), (1, 2), (0, 1), (0, 0))), IMAGE, kernel)
    add("conv2d_grouped", gradient(lambda x, k: tf.nn.conv2d(x, k, 1, "SAME")), tf.concat([IMAGE, IMAGE], 3), floats(3, 3, 3, 4))
    add("depthwise", gradient(lambda x, k: tf.nn.depthwise_conv2d(x, k, (1, 2, 2, 1), "SAME")), IMAGE, floats(3, 3, 3, 2))
    add("conv2d_transpose", gradient(lambda x, k: tf.nn.conv2d_transpose(x, k, (2, 16, 18, 5), 2)), IMAGE, floats(3, 3, 5, 3))
    add("conv3d", gradient(lambda x, k: tf.nn.conv3d(x, k, (1, 1, 1, 1, 1), "SAME")), VOLUME, volume_kernel)
    add("conv1d", gradient(lambda x, k: tf.nn.conv1d(x, k, 2, "SAME")), IMAGE[0], floats(3, 3, 5))
    add("max_pool3d", gradient(lambda x: tf.nn.max_pool3d(x, 2, 2, "SAME")), VOLUME)
    add("avg_pool3d", gradient(lambda x: tf.nn.avg_pool3d(x, 2, 2, "SAME")), VOLUME)
    add("local_response", gradient(tf.nn.local_response_normalization), IMAGE)
    norm = tf.compat.v1.nn.fused_batch_norm
    add("batch_norm_training", lambda x, s, o: norm(x, s, o), IMAGE, P[0, :3], X[0, :3])
    add("batch_norm_gradient", gradient(lambda x, s, o: norm(x, s, o)[0] ** 2), IMAGE, P[0, :3], X[0, :3])
    add("batch_norm_inference", lambda x, s, o: norm(x, s, o, mean=o, variance=s, is_training=False), IMAGE, P[0, :3], X[0, :3])
    add("batch_norm_nchw", lambda x, s, o: norm(x, s, o, data_format="NCHW"), IMAGE, P[0, :8], X[0, :8])
    add("batch_norm_half", lambda x, s, o: norm(tf.cast(x, tf.float16), s, o)[0], IMAGE, P[0, :3], X[0, :3])
    labels = tf.constant([0, 3, 7, 2])
    add("cross_entropy", gradient(lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(labels, x)), X)
    add("cross_entropy_dense", gradient(lambda x: tf.nn.softmax_cross_entropy_with_logits(tf.one_hot(labels, 8), x)), X)
    add("sigmoid_cross_entropy", gradient(lambda x: tf.nn.sigmoid_cross_entropy_with_logits(tf.one_hot(labels, 8), x)), X)
    add("embedding", lambda t, i: gradient(lambda t: tf.nn.embedding_lookup(t, i) ** 2)(t), X, tf.constant([[0, 1], [1, 3]]))
    add("dropout", lambda x: tf.nn.experimental.stateless_dropout(x, 0.5, [1, 2]), X)
    add("ctc_loss", lambda x: tf.nn.ctc_loss(tf.constant([[1, 2], [2, 1]]), tf.reshape(x, (4, 2, 4)), [2, 2], [4, 4], blank_index=0), X)
    add("normalize", lambda x: (tf.math.l2_normalize(x, 1), tf.nn.zero_fraction(tf.nn.relu(x))), X)
    add("attention", gradient(lambda q, k, v: tf.nn.softmax(tf.einsum("bqd,bkd->bqk", q, k)) @ v), floats(2, 4, 8), floats(2, 5, 8, seed=1), floats(2, 5, 8, seed=2))


def add_linear_algebra():
    matrix, square = positive_definite(4), floats(2, 4, 4)
    add("matmul", gradient(lambda a, b: tf.matmul(a, b, transpose_b=True) ** 2), X, Y)
    add("matmul_batch", lambda a, b: tf.matmul(a, b, transpose_a=True), square, floats(1, 4, 3))
    add("einsum", lambda a, b: tf.einsum("bij,bjk->kbi", a, b), square, matrix)
    add("tensordot", lambda a, b: tf.tensordot(a, b, [[1, 2], [2, 1]]), square, matrix)
    add("cholesky", lambda a: tf.linalg.cholesky(a), matrix)
    add("cholesky_gradient", gradient(tf.linalg.cholesky), matrix)
    add("triangular_solve", lambda a, b: (tf.linalg.triangular_solve(a, b), tf.linalg.triangular_solve(a, b, lower=False, adjoint=True)), matrix, square)
    add("cholesky_solve", lambda a, b: tf.linalg.cholesky_solve(tf.linalg.cholesky(a), b), matrix, square)
    add("qr", lambda a: [tf.abs(part) for part in tf.linalg.qr(a)], floats(2, 5, 3))
    add("qr_full", lambda a: [tf.abs(part) for part in tf.linalg.qr(a, full_matrices=True)], floats(2, 5, 3))
    add("inverse", lambda a: tf.linalg.inv(a), matrix)
    add("solve", lambda a, b: tf.linalg.solve(a, b), matrix, square)
    add("eigh", lambda a: tf.linalg.eigh(a)[0], matrix)
    add("svd", lambda a: tf.linalg.svd(a, compute_uv=False), square)
    add("least_squares", lambda a, b: tf.linalg.lstsq(a, b), floats(2, 5, 3), floats(2, 5, 1))
    add("matrix_exponential", lambda a: tf.linalg.expm(a), square)
    add("norm", lambda a: (tf.linalg.norm(a), tf.linalg.norm(a, axis=1), tf.linalg.trace(a), tf.linalg.cross(a[0, :, :3], a[1, :, :3])), square)
    add("expm_free", lambda a: tf.linalg.matvec(a, a[:, 0]), square)


def add_signals():
    z = complexes(4, 8)
    for name in ("fft", "ifft", "fft2d", "ifft2d"):
        add(name, getattr(tf.signal, name), z)
    add("fft3d", tf.signal.fft3d, tf.reshape(z, (4, 4, 2)))
    add("rfft", lambda x: (tf.signal.rfft(x), tf.signal.rfft(x, [12]), tf.signal.rfft2d(x)), X)
    add("irfft", lambda z: (tf.signal.irfft(z), tf.signal.irfft2d(z)), complexes(4, 5))
    add("rfft_gradient", gradient(lambda x: tf.abs(tf.signal.rfft(x))), X)
    add("stft", lambda x: tf.abs(tf.signal.stft(tf.reshape(x, (-1,)), 8, 4)), X)
    add("dct", lambda x: (tf.signal.dct(x), tf.signal.idct(x)), X)
    add("frame", lambda x: tf.signal.frame(x, 4, 2), X)
    add("overlap_and_add", lambda x: tf.signal.overlap_and_add(x, 3), X)
    add("fftshift", lambda x: tf.signal.fftshift(x), X)
    add("mel", lambda x: tf.signal.linear_to_mel_weight_matrix(4, 8) @ tf.transpose(x)[:4], X)


def add_images():
    for method in ("bilinear", "nearest"):
        add(f"resize_{method}", lambda x, m=method: tf.image.resize(x, (5, 13), method=m), IMAGE)
    add("resize_gradient", gradient(lambda x: tf.image.resize(x, (5, 13)) ** 2), IMAGE)
    small = tf.abs(IMAGE) / 2
    for name in "rgb_to_hsv hsv_to_rgb rgb_to_grayscale rgb_to_yuv yuv_to_rgb flip_left_right flip_up_down transpose image_gradients sobel_edges total_variation per_image_standardization".split():
        add(name if name != "transpose" else "image_transpose", getattr(tf.image, name), small)
    add("adjust", lambda x: (tf.image.adjust_brightness(x, 0.1), tf.image.adjust_contrast(x, 2.0), tf.image.adjust_gamma(x, 0.5), tf.image.adjust_hue(x, 0.1), tf.image.adjust_saturation(x, 1.5)), small)
    add("central_crop", lambda x: tf.image.central_crop(x, 0.5), IMAGE)
    add("ssim", lambda x, y: (tf.image.psnr(x, y, 1.0), tf.image.ssim(x, y, 1.0, filter_size=3)), small, tf.abs(IMAGE[::-1]) / 2)
    add("non_max_suppression", lambda x: tf.image.non_max_suppression_padded(tf.abs(x[:, :4]), x[:, 5], 3, pad_to_max_output_size=True), X)


def add_random():
    seed = tf.constant([1, 2])
    add("random_uniform", lambda: tf.random.uniform((4, 5)))
    for algorithm in ("threefry", "philox", "auto_select"):
        for name, options in {"uniform": {}, "normal": {}, "truncated_normal": {}}.items():
            function = getattr(tf.random, f"stateless_{name}")
            add(f"stateless_{name}_{algorithm}", lambda s, f=function, a=algorithm: f((5, 7), s, alg=a), seed)
    add("stateless_integers", lambda s: (tf.random.stateless_uniform((9,), s, 3, 11, tf.int32), tf.random.stateless_uniform((9,), s, None, None, tf.int64)), seed)
    add("stateless_half", lambda s: (tf.random.stateless_uniform((9,), s, dtype=tf.float16), tf.random.stateless_normal((9,), s, dtype=tf.float64)), seed)
    add("stateless_categorical", lambda x, s: tf.random.stateless_categorical(x, 5, s), X, seed)
    add("stateless_split", lambda s: tf.random.experimental.stateless_split(s, 3), seed)
    add("stateless_fold_in", lambda s: tf.random.experimental.stateless_fold_in(s, 3), seed)


def add_control_flow():
    add("while", lambda x: tf.while_loop(lambda i, a: i < 5, lambda i, a: (i + 1, a * 0.5 + 1), (0, x))[1], X)
    add("while_gradient", gradient(lambda x: tf.while_loop(lambda i, a: i < 5, lambda i, a: (i + 1, tf.sin(a)), (0, x), maximum_iterations=5)[1]), X)
    add("cond", lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2, lambda: x - 1), X)
    add("switch_case", lambda i, x: tf.switch_case(i, [lambda: x, lambda: -x, lambda: x * x]), tf.constant(2), X)
    add("map_fn", lambda x: tf.map_fn(lambda row: tf.reduce_sum(row) * row, x), X)
    add("scan", lambda x: tf.scan(lambda a, row: tf.tanh(a + row), x), X)
    add("foldl", lambda x: tf.foldl(lambda a, row: a * 0.5 + row, x), X)
    add("vectorized_map", lambda x: tf.vectorized_map(lambda row: tf.linalg.diag(row), x), X)
    add("custom_gradient", gradient(tf.custom_gradient(lambda x: (tf.exp(x), lambda g: g * 3))), X)
    add("tensor_array", lambda x: tf.TensorArray(tf.float32, 3).write(0, x).write(2, x * 2).write(1, x).stack(), X)
    add("stop_gradient", gradient(lambda x: tf.stop_gradient(x) * x), X)
    add("jacobian", lambda x: jacobian(x), X[0, :3])
    add("hessian", lambda x: tf.hessians(tf.reduce_sum(x**3), x), X[0, :3])
    variable = tf.Variable(X)
    add("assign", lambda y, v=variable: v.assign_add(y) * 2, Y)


def jacobian(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.sin(x) * x[0]
    return tape.jacobian(y, x)


for add_group in (add_elementwise, add_types, add_shapes, add_reductions, add_networks, add_linear_algebra, add_signals, add_images,
                  add_random, add_control_flow):
    add_group()


def arrays(tensors):
    """As numpy arrays; those that numpy lacks keep ml_dtypes' types."""
    return [np.asarray(tensor.numpy()) for tensor in tf.nest.flatten(tensors)]


def build(name):
    """(program's bytes, its inputs, what XLA's CPU backend computes)."""
    function, arguments = PROGRAMS[name]
    compiled = tf.function(lambda *tensors: function(*tensors), jit_compile=True, autograph=False)
    concrete = compiled.get_concrete_function(*arguments)
    program = compiled.experimental_get_compiler_ir(*arguments)(stage="hlo_serialized")
    captured = [capture for capture in concrete.captured_inputs]
    resources = {id(variable.handle): variable for variable in concrete.variables}
    inputs = arrays(arguments) + [np.asarray((resources[id(c)] if id(c) in resources else c).numpy()) for c in captured]
    outputs = arrays(compiled(*arguments))
    outputs += [np.asarray(variable.numpy()) for variable in concrete.variables]
    return program, inputs, outputs


def without_places(program):
    """Without the names and paths of the machine that makes it."""
    from tensorflow.compiler.xla.service import hlo_pb2

    module = hlo_pb2.HloModuleProto.FromString(program)
    module.ClearField("stack_frame_index")
    for computation in module.computations:
        for instruction in computation.instructions:
            instruction.ClearField("metadata")
    return module.SerializeToString()


def main():
    for name in sys.argv[1:]:
        program, inputs, outputs = build(name)
        program = without_places(program)
        if len(program) > LARGEST:
            sys.exit(f"{name} has {len(program)} bytes, more than {LARGEST}.")
        path = DATA / ("door" if name in NOT_COMPARABLE else "hlo") / name
        path.with_suffix(".hlo").write_bytes(program)
        if name not in NOT_COMPARABLE:
            path.with_suffix(".in").write_bytes(b"".join(array.tobytes() for array in inputs))
            path.with_suffix(".out").write_bytes(b"".join(array.tobytes() for array in outputs))


if __name__ == "__main__":
    main()
