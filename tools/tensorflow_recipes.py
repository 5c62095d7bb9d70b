# SPDX-License-Identifier: Apache-2.0
"""Valid inputs of TensorFlow's raw operations, for tools/tensorflow-sweep.

An operation whose inputs are all of its own type and of any shape needs no recipe. A recipe is a function of a maker
of arrays, and gives the operation's arguments: arrays are tensors, `Variable` a resource, everything else (lists,
numbers) a constant or an attribute."""

import numpy as np


class Variable:
    """A resource that holds this array."""

    def __init__(self, array):
        self.array = array


class Maker:
    """Makes arrays of one element type, the same ones at each call of the same order."""

    def __init__(self, dtype):
        self.dtype = np.dtype(dtype)
        self.random = np.random.default_rng(7)
        is_wide = self.dtype.name in ("float64", "complex128")
        self.real, self.complex = (np.float64, np.complex128) if is_wide else (np.float32, np.complex64)

    def __call__(self, *shape, low=-2.0, high=2.0):
        name = self.dtype.name
        if self.dtype.kind == "b":
            return self.random.integers(0, 2, shape).astype(bool)
        if self.dtype.kind == "c":
            return (self.random.normal(size=shape) + 1j * self.random.normal(size=shape)).astype(self.dtype)
        if "int" in name:
            smallest = 1 if name.startswith("u") or low >= 0 else -7
            values = self.random.integers(smallest, 8, shape)
            return np.where(values == 0, 3, values).astype(self.dtype)
        return self.random.uniform(low, high, shape).astype(self.dtype)

    def matrix(self, n=4, symmetric=False):
        """Two well-conditioned matrices."""
        x = self(2, n, n).astype(np.complex128 if self.dtype.kind == "c" else np.float64)
        x = x @ np.conj(x.transpose(0, 2, 1)) if symmetric else x
        return (x + 2 * n * np.eye(n)).astype(self.dtype)


def ints(*values, dtype=np.int32):
    return np.array(values, dtype)


SEED = ints(5, 9)
KEY, COUNTER = np.array([11], np.uint64), np.array([3, 4], np.uint64)
GENERATOR = np.array([1, 2, 3], np.int64)
POOL = {"strides": [1, 2, 2, 1], "padding": "SAME"}
WINDOW = {"ksize": [1, 3, 3, 1], **POOL}
WINDOW3D = {"ksize": [1, 2, 2, 2, 1], "strides": [1, 2, 2, 2, 1], "padding": "SAME"}
STRIDES3D = {"strides": [1, 1, 1, 1, 1], "padding": "SAME"}
SLICE = {"begin": [1, 0], "end": [4, 8], "strides": [2, 3]}
# What inputs of one type an operation is defined on.
DOMAINS = {
    (0.1, 3.0): "Log Log1p Sqrt Rsqrt Lgamma Digamma Inv Reciprocal SqrtGrad RsqrtGrad Xlogy Xlog1py Igamma Igammac IgammaGradA "
    "RandomGammaGrad Pow ReciprocalGrad DivNoNan Erfc CumulativeLogsumexp ResourceApplyAdagrad",
    (-0.9, 0.9): "Asin Acos Atanh Erfinv",
    (0.05, 0.95): "Ndtri Betainc RGBToHSV HSVToRGB AdjustSaturation AdjustHue SigmoidGrad",
    (1.1, 4.0): "Acosh Zeta Polygamma",
}  # fmt: skip
LOW_HIGH = {op: bounds for bounds, ops in DOMAINS.items() for op in ops.split()}
SIGNS = {"Qr", "Svd", "SelfAdjointEigV2", "XlaSelfAdjointEig", "XlaSvd"}  # of vectors: only magnitudes are compared
# Computed in float32 whatever the type, or up to an epsilon that the recipe gives.
IN_FLOAT32 = {"ResizeBilinear", "ResizeBilinearGrad", "XlaSelfAdjointEig"}
COMPARED_RESULTS = {"FusedBatchNormV3": 5}  # of this one the sixth is the kernel's own
# What is not a function of the inputs, or tells of the device: only shapes and types are compared.
NOT_COMPARABLE = set(
    "DeviceIndex FakeParam Multinomial ParameterizedTruncatedNormal RandomShuffle RandomStandardNormal RandomUniform "
    "RandomUniformInt RngReadAndSkip StatefulStandardNormalV2 StatefulTruncatedNormal StatefulUniform StatefulUniformFullInt "
    "StatefulUniformInt StatelessMultinomial StatelessParameterizedTruncatedNormal StatelessRandomGetAlg "
    "StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomNormal StatelessRandomNormalV2 "
    "StatelessRandomUniform StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2 StatelessRandomUniformInt "
    "StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessTruncatedNormal StatelessTruncatedNormalV2 "
    "TruncatedNormal XlaRngBitGenerator".split()
)


def segments(t):
    return {"data": t(4, 8), "segment_ids": ints(0, 1, 1, 3), "num_segments": 5}


def resource_scatter(t):
    return {"resource": Variable(t(4, 8)), "indices": ints(0, 3), "updates": t(2, 8)}


def resource_scatter_nd(t):
    return {"ref": Variable(t(4, 8)), "indices": np.array([[0], [3]], np.int32), "updates": t(2, 8)}


def tensor_scatter(t):
    return {"tensor": t(4, 8), "indices": np.array([[0], [3]], np.int32), "updates": t(2, 8)}


def reduction(t):
    return {"input": t(4, 8, low=0.3), "axis": [1]}


def scan(t):
    return {"x": t(4, 6, low=0.3), "axis": 1}


def image(t):
    return {"images": t(2, 5, 6, 3, low=0.05, high=0.95)}


def resized(t):
    return {"images": t(2, 5, 6, 3), "size": [7, 4]}


def moments(t):
    """The inputs of batch normalisation."""
    f = t if t.dtype.name == "float32" else Maker(np.float32)
    return {"x": t(2, 4, 5, 3), "scale": f(3, low=0.5), "offset": f(3), "mean": f(0), "variance": f(0)}


def moments_gradient(t, **more):
    f = t if t.dtype.name == "float32" else Maker(np.float32)
    return {"y_backprop": t(2, 4, 5, 3), "x": t(2, 4, 5, 3), "scale": f(3), "reserve_space_1": f(3),
            "reserve_space_2": f(3, low=0.5), **more}  # fmt: skip


def optimizer(slots, *scalars):
    """One step: a variable, its slots, scalars in (0.1, 0.9), a gradient."""

    def recipe(t, gradient="grad"):
        inputs = {name: Variable(t(4, 8, low=0.2)) for name in ("var", *slots)}
        inputs |= {name: np.array(0.5 - 0.05 * i, t.dtype) for i, name in enumerate(scalars)}
        return {**inputs, gradient: t(4, 8, low=0.2)}

    return recipe


def descent(*scalars):
    return lambda t: optimizer((), *scalars)(t, "delta")


def pooled_gradient(t, gradient=(2, 3, 3, 3), **more):
    x = t(2, 5, 6, 3)
    padded = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (0, 1), (0, 0)), constant_values=-1e9)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, ::2, ::2]
    return {"orig_input": x, "orig_output": windows.max((-1, -2)).astype(t.dtype), "grad": t(*gradient), **more}


def pooled_gradient3d(t, is_second=False):
    x = t(1, 4, 4, 2, 2)
    output = x.astype(np.float64).reshape(1, 2, 2, 2, 2, 1, 2, 2).max((2, 4, 6)).astype(t.dtype)
    return {"orig_input": x, "orig_output": output, "grad": t(*(x if is_second else output).shape), **WINDOW3D}


def random_v2(t):
    return {"shape": [3, 5], "key": KEY, "counter": COUNTER, "alg": 1, "dtype": t.dtype}


def of_generator(t):
    return {"resource": Variable(GENERATOR), "algorithm": np.int64(1), "shape": [3, 5], "dtype": t.dtype}


def quantized(t, **more):
    return {"input": t(4, 8), "input_min": t.dtype.type(-2), "input_max": t.dtype.type(2), "range_given": True, **more}


def of_list(*shape):
    return lambda t: {"x": t(*shape)}


RECIPES = {
    "AddN": lambda t: {"inputs": [t(4, 8), t(4, 8), t(4, 8)]},
    "AdjustContrastv2": lambda t: {**image(t), "contrast_factor": np.float32(1.5)},
    "AdjustHue": lambda t: {**image(t), "delta": np.float32(0.1)},
    "AdjustSaturation": lambda t: {**image(t), "scale": np.float32(1.5)},
    "All": lambda t: {"input": Maker(bool)(4, 8), "axis": [1]},
    "Any": lambda t: {"input": Maker(bool)(4, 8), "axis": [1]},
    "ApproxTopK": lambda t: {"input": t(4, 8), "k": 3},
    "ArgMax": lambda t: {"input": t(4, 8), "dimension": 1},
    "ArgMin": lambda t: {"input": t(4, 8), "dimension": 0},
    "AssignAddVariableOp": lambda t: {"resource": Variable(t(4, 8)), "value": t(4, 8)},
    "AssignSubVariableOp": lambda t: {"resource": Variable(t(4, 8)), "value": t(4, 8)},
    "AssignVariableOp": lambda t: {"resource": Variable(t(4, 8)), "value": t(4, 8)},
    "AvgPool": lambda t: {"value": t(2, 5, 6, 3), **WINDOW},
    "AvgPool3D": lambda t: {"input": t(1, 4, 4, 2, 2), **WINDOW3D},
    "AvgPool3DGrad": lambda t: {"orig_input_shape": [1, 4, 4, 2, 2], "grad": t(1, 2, 2, 1, 2), **WINDOW3D},
    "AvgPoolGrad": lambda t: {"orig_input_shape": [2, 5, 6, 3], "grad": t(2, 3, 3, 3), **WINDOW},
    "BatchMatMul": lambda t: {"x": t(2, 3, 4), "y": t(2, 4, 5)},
    "BatchMatMulV2": lambda t: {"x": t(2, 3, 4), "y": t(1, 4, 5)},
    "BatchMatMulV3": lambda t: {"x": t(2, 3, 4), "y": t(1, 4, 5), "Tout": t.dtype},
    "BatchToSpace": lambda t: {"input": t(4, 2, 3, 2), "crops": [[0, 1], [0, 0]], "block_size": 2},
    "BatchToSpaceND": lambda t: {"input": t(4, 2, 3, 2), "block_shape": [2, 2], "crops": [[0, 1], [0, 0]]},
    "Betainc": lambda t: {"a": t(4, 8, low=0.3), "b": t(4, 8, low=0.3), "x": t(4, 8, low=0.05, high=0.95)},
    "BiasAdd": lambda t: {"value": t(2, 4, 3), "bias": t(3)},
    "BiasAddGrad": lambda t: {"out_backprop": t(2, 4, 3)},
    "BiasAddV1": lambda t: {"value": t(2, 4, 3), "bias": t(3)},
    "Bincount": lambda t: {"arr": ints(0, 2, 2, 5), "size": 6, "weights": t(4)},
    "Bitcast": lambda t: {"input": t(4, 8), "type": {1: np.int8, 2: np.int16, 4: np.int32, 8: np.int64, 16: np.complex128}[t.dtype.itemsize]},
    "BroadcastArgs": lambda t: {"s0": ints(4, 1, dtype=t.dtype).tolist(), "s1": ints(1, 8, dtype=t.dtype).tolist()},
    "BroadcastGradientArgs": lambda t: {"s0": ints(4, 1, dtype=t.dtype), "s1": ints(1, 8, dtype=t.dtype)},
    "BroadcastTo": lambda t: {"input": t(4, 1), "shape": [3, 4, 8]},
    "Bucketize": lambda t: {"input": t(4, 8), "boundaries": [-1.0, 0.5, 2.0]},
    "Cast": lambda t: {"x": t(4, 8, low=0), "DstT": np.float32},
    "CheckNumerics": lambda t: {"tensor": t(4, 8), "message": "no number"},
    "Cholesky": lambda t: {"input": t.matrix(symmetric=True)},
    "ClipByValue": lambda t: {"t": t(4, 8), "clip_value_min": t.dtype.type(1), "clip_value_max": t.dtype.type(3)},
    "Complex": lambda t: {"real": t(4, 8), "imag": t(4, 8), "Tout": t.complex},
    "Concat": lambda t: {"concat_dim": 1, "values": [t(4, 8), t(4, 3)]},
    "ConcatOffset": lambda t: {"concat_dim": 1, "shape": [ints(4, 8, dtype=t.dtype), ints(4, 3, dtype=t.dtype)]},
    "ConcatV2": lambda t: {"values": [t(4, 8), t(4, 3)], "axis": 1},
    "ConjugateTranspose": lambda t: {"x": t(2, 3, 4), "perm": [2, 0, 1]},
    "Conv": lambda t: {"input": t(2, 5, 6, 3), "filter": t(3, 3, 3, 4), **POOL},
    "Conv2D": lambda t: {"input": t(2, 5, 6, 3), "filter": t(3, 3, 3, 4), **POOL},
    "Conv2DBackpropFilter": lambda t: {"input": t(2, 5, 6, 3), "filter_sizes": [3, 3, 3, 4], "out_backprop": t(2, 3, 3, 4), **POOL},
    "Conv2DBackpropInput": lambda t: {"input_sizes": [2, 5, 6, 3], "filter": t(3, 3, 3, 4), "out_backprop": t(2, 3, 3, 4), **POOL},
    "Conv3D": lambda t: {"input": t(1, 4, 4, 3, 2), "filter": t(2, 2, 2, 2, 3), **STRIDES3D},
    "Conv3DBackpropFilterV2": lambda t: {"input": t(1, 4, 4, 3, 2), "filter_sizes": [2, 2, 2, 2, 3], "out_backprop": t(1, 4, 4, 3, 3), **STRIDES3D},
    "Conv3DBackpropInputV2": lambda t: {"input_sizes": [1, 4, 4, 3, 2], "filter": t(2, 2, 2, 2, 3), "out_backprop": t(1, 4, 4, 3, 3), **STRIDES3D},
    "Cross": lambda t: {"a": t(4, 3), "b": t(4, 3)},
    "Cumprod": scan,
    "Cumsum": scan,
    "CumulativeLogsumexp": scan,
    "DataFormatDimMap": lambda t: {"x": ints(0, 3, -1, dtype=t.dtype)},
    "DataFormatVecPermute": lambda t: {"x": ints(5, 6, 7, 8, dtype=t.dtype)},
    "DenseBincount": lambda t: {"input": ints(0, 2, 2, 5), "size": 6, "weights": t(4)},
    "DepthToSpace": lambda t: {"input": t(2, 3, 2, 8), "block_size": 2},
    "DepthwiseConv2dNative": lambda t: {"input": t(2, 5, 6, 3), "filter": t(3, 3, 3, 2), **POOL},
    "DepthwiseConv2dNativeBackpropFilter": lambda t: {"input": t(2, 5, 6, 3), "filter_sizes": [3, 3, 3, 2], "out_backprop": t(2, 3, 3, 6), **POOL},
    "DepthwiseConv2dNativeBackpropInput": lambda t: {"input_sizes": [2, 5, 6, 3], "filter": t(3, 3, 3, 2), "out_backprop": t(2, 3, 3, 6), **POOL},
    "DeviceIndex": lambda t: {"device_names": ["CPU", "DirectML"]},
    "Diag": lambda t: {"diagonal": t(2, 3)},
    "DiagPart": lambda t: {"input": t(2, 3, 2, 3)},
    "DynamicPartition": lambda t: {"data": t(4, 8), "partitions": ints(0, 1, 1, 0), "num_partitions": 2},
    "DynamicStitch": lambda t: {"indices": [[0, 2], [1, 3]], "data": [t(2, 5), t(2, 5)]},
    "Einsum": lambda t: {"inputs": [t(2, 3, 4), t(2, 4, 5)], "equation": "bij,bjk->kbi"},
    "Empty": lambda t: {"shape": [4, 8], "dtype": t.dtype, "init": True},
    "EnsureShape": lambda t: {"input": t(4, 8), "shape": [4, None]},
    "ExpandDims": lambda t: {"input": t(4, 8), "axis": 1},
    "ExtractImagePatches": lambda t: {"images": t(2, 6, 6, 2), "ksizes": [1, 3, 3, 1], "strides": [1, 2, 2, 1], "rates": [1, 1, 1, 1], "padding": "SAME"},
    "FFT3D": lambda t: {"input": t(2, 4, 2)},
    "FakeParam": lambda t: {"dtype": t.dtype, "shape": [4, 8]},
    "FakeQuantWithMinMaxVars": lambda t: {"inputs": t(4, 8), "min": np.float32(-1), "max": np.float32(1.5)},
    "FakeQuantWithMinMaxVarsGradient": lambda t: {"gradients": t(4, 8), "inputs": t(4, 8), "min": np.float32(-1), "max": np.float32(1.5)},
    "FakeQuantWithMinMaxVarsPerChannel": lambda t: {"inputs": t(4, 8), "min": t(8, low=-2, high=-1), "max": t(8, low=1, high=2)},
    "FakeQuantWithMinMaxVarsPerChannelGradient": lambda t: {"gradients": t(4, 8), "inputs": t(4, 8), "min": t(8, low=-2, high=-1), "max": t(8, low=1, high=2)},
    "Fill": lambda t: {"dims": [4, 8], "value": t()},
    "FusedBatchNorm": moments,
    "FusedBatchNormV2": moments,
    "FusedBatchNormV3": moments,
    "FusedBatchNormGrad": moments_gradient,
    "FusedBatchNormGradV2": moments_gradient,
    "FusedBatchNormGradV3": lambda t: moments_gradient(t, reserve_space_3=np.zeros(3, np.float32)),
    "Gather": lambda t: {"params": t(4, 8), "indices": ints(2, 0)},
    "GatherNd": lambda t: {"params": t(4, 8), "indices": np.array([[0, 7], [3, 1]], np.int32)},
    "GatherV2": lambda t: {"params": t(4, 8), "indices": ints(2, 0), "axis": 1},
    "HSVToRGB": image,
    "IRFFT": lambda t: {"input": t(4, 5), "fft_length": [8], "Treal": t.real},
    "IRFFT2D": lambda t: {"input": t(4, 5), "fft_length": [4, 8], "Treal": t.real},
    "IRFFT3D": lambda t: {"input": t(2, 4, 5), "fft_length": [2, 4, 8], "Treal": t.real},
    **{op: lambda t: {"input": t(4, 8), "Tout": t.real} for op in ("Angle", "Imag", "Real")},
    "ComplexAbs": lambda t: {"x": t(4, 8), "Tout": t.real},
    "IFFT3D": lambda t: {"input": t(2, 4, 2)},
    "IdentityN": lambda t: {"input": [t(4, 8), t(3)]},
    "InTopKV2": lambda t: {"predictions": Maker(np.float32)(4, 8), "targets": ints(1, 0, 5, 7, dtype=t.dtype), "k": t.dtype.type(3)},
    "InvertPermutation": lambda t: {"x": ints(2, 0, 3, 1, dtype=t.dtype)},
    "LRN": lambda t: {"input": t(2, 3, 4, 6)},
    "LRNGrad": lambda t: {"input_grads": t(2, 3, 4, 6), "input_image": t(2, 3, 4, 6), "output_image": t(2, 3, 4, 6)},
    "LeftShift": lambda t: {"x": t(4, 8), "y": t(4, 8, low=0)},
    "RightShift": lambda t: {"x": t(4, 8), "y": t(4, 8, low=0)},
    "LinSpace": lambda t: {"start": t.dtype.type(-1), "stop": t.dtype.type(2), "num": 7},
    "ListDiff": lambda t: {"x": ints(1, 2, 3, 4, dtype=t.dtype), "y": ints(2, 4, dtype=t.dtype)},
    "LowerBound": lambda t: {"sorted_inputs": np.sort(t(2, 8)), "values": t(2, 3)},
    "UpperBound": lambda t: {"sorted_inputs": np.sort(t(2, 8)), "values": t(2, 3)},
    "MatMul": lambda t: {"a": t(3, 4), "b": t(4, 5)},
    "SparseMatMul": lambda t: {"a": t(3, 4), "b": t(4, 5)},
    "MatrixBandPart": lambda t: {"input": t(2, 4, 5), "num_lower": 1, "num_upper": 2},
    "MatrixDiag": lambda t: {"diagonal": t(2, 4)},
    "MatrixDiagPart": lambda t: {"input": t(2, 4, 5)},
    "MatrixDiagPartV2": lambda t: {"input": t(2, 4, 5), "k": [-1, 1], "padding_value": t()},
    "MatrixDiagPartV3": lambda t: {"input": t(2, 4, 5), "k": [-1, 1], "padding_value": t()},
    "MatrixDiagV2": lambda t: {"diagonal": t(2, 4), "k": 1, "num_rows": -1, "num_cols": -1, "padding_value": t()},
    "MatrixDiagV3": lambda t: {"diagonal": t(2, 4), "k": 1, "num_rows": -1, "num_cols": -1, "padding_value": t()},
    "MatrixInverse": lambda t: {"input": t.matrix()},
    "MatrixSetDiag": lambda t: {"input": t(2, 4, 5), "diagonal": t(2, 4)},
    "MatrixSetDiagV2": lambda t: {"input": t(2, 4, 5), "diagonal": t(2, 4), "k": 1},
    "MatrixSetDiagV3": lambda t: {"input": t(2, 4, 5), "diagonal": t(2, 4), "k": 1},
    "MatrixSolve": lambda t: {"matrix": t.matrix(), "rhs": t(2, 4, 3)},
    "MatrixTriangularSolve": lambda t: {"matrix": t.matrix(), "rhs": t(2, 4, 3)},
    "Max": reduction, "Mean": reduction, "Min": reduction, "Prod": reduction, "Sum": reduction, "EuclideanNorm": reduction,
    "MaxPool": lambda t: {"input": t(2, 5, 6, 3), **WINDOW},
    "MaxPoolV2": lambda t: {"input": t(2, 5, 6, 3), "ksize": [1, 3, 3, 1], "strides": [1, 2, 2, 1], "padding": "SAME"},
    "MaxPool3D": lambda t: {"input": t(1, 4, 4, 2, 2), **WINDOW3D},
    "MaxPoolGrad": lambda t: pooled_gradient(t, **WINDOW),
    "MaxPoolGradV2": lambda t: pooled_gradient(t, **WINDOW),
    "MaxPoolGradGrad": lambda t: pooled_gradient(t, (2, 5, 6, 3), **WINDOW),
    "MaxPoolGradGradV2": lambda t: pooled_gradient(t, (2, 5, 6, 3), **WINDOW),
    "MaxPool3DGrad": pooled_gradient3d,
    "MaxPool3DGradGrad": lambda t: pooled_gradient3d(t, is_second=True),
    "MirrorPad": lambda t: {"input": t(4, 8), "paddings": [[1, 2], [0, 3]], "mode": "REFLECT"},
    "MirrorPadGrad": lambda t: {"input": t(7, 11), "paddings": [[1, 2], [0, 3]], "mode": "SYMMETRIC"},
    "Multinomial": lambda t: {"logits": t(4, 8), "num_samples": 3, "seed": 1, "seed2": 2},
    "NonMaxSuppressionV3": lambda t: {"boxes": np.sort(t(8, 4)), "scores": t(8), "max_output_size": 3, "iou_threshold": t.dtype.type(0.5), "score_threshold": t.dtype.type(-1)},
    "NonMaxSuppressionV4": lambda t: {"boxes": np.sort(t(8, 4)), "scores": t(8), "max_output_size": 3, "iou_threshold": t.dtype.type(0.5), "score_threshold": t.dtype.type(-1), "pad_to_max_output_size": True},
    "OneHot": lambda t: {"indices": ints(0, 2, 5), "depth": 6, "on_value": t(), "off_value": t()},
    "Pack": lambda t: {"values": [t(4, 8), t(4, 8)], "axis": 1},
    "Pad": lambda t: {"input": t(4, 8), "paddings": [[1, 2], [0, 3]]},
    "PadV2": lambda t: {"input": t(4, 8), "paddings": [[1, 2], [0, 3]], "constant_values": t()},
    "ParallelDynamicStitch": lambda t: {"indices": [[0, 2], [1, 3]], "data": [t(2, 5), t(2, 5)]},
    "ParameterizedTruncatedNormal": lambda t: {"shape": [5, 3], "means": t(5), "stdevs": t(5, low=0.5), "minvals": t(5, low=-9, high=-5), "maxvals": t(5, low=5, high=9)},
    "PlaceholderWithDefault": lambda t: {"input": t(4, 8), "shape": [4, 8]},
    "Polygamma": lambda t: {"a": np.round(t(4, 8, low=1, high=4)), "x": t(4, 8, low=1.1, high=4.0)},
    "Pow": lambda t: {"x": t(4, 8, low=0.2), "y": t(4, 8, low=0)},
    "Qr": lambda t: {"input": t(2, 5, 3)},
    "QuantizeAndDequantizeV2": quantized,
    "QuantizeAndDequantizeV3": lambda t: quantized(t, num_bits=8),
    "QuantizeAndDequantizeV4": quantized,
    "RFFT": lambda t: {"input": t(4, 8), "fft_length": [8], "Tcomplex": t.complex},
    "RFFT2D": lambda t: {"input": t(4, 8), "fft_length": [4, 8], "Tcomplex": t.complex},
    "RFFT3D": lambda t: {"input": t(2, 4, 8), "fft_length": [2, 4, 8], "Tcomplex": t.complex},
    "RGBToHSV": image,
    "RandomShuffle": lambda t: {"value": t(4, 8), "seed": 1, "seed2": 2},
    "RandomStandardNormal": lambda t: {"shape": [4, 8], "dtype": t.dtype, "seed": 1, "seed2": 2},
    "RandomUniform": lambda t: {"shape": [4, 8], "dtype": t.dtype, "seed": 1, "seed2": 2},
    "TruncatedNormal": lambda t: {"shape": [4, 8], "dtype": t.dtype, "seed": 1, "seed2": 2},
    "RandomUniformInt": lambda t: {"shape": [4, 8], "minval": t.dtype.type(2), "maxval": t.dtype.type(9), "seed": 1, "seed2": 2},
    "Range": lambda t: {"start": t.dtype.type(1), "limit": t.dtype.type(9), "delta": t.dtype.type(2)},
    "ReadVariableOp": lambda t: {"resource": Variable(t(4, 8)), "dtype": t.dtype},
    "Reshape": lambda t: {"tensor": t(4, 8), "shape": [2, -1]},
    "ResizeBilinear": resized,
    "ResizeNearestNeighbor": resized,
    "ResizeBilinearGrad": lambda t: {"grads": Maker(np.float32)(2, 7, 4, 3), "original_image": t(2, 5, 6, 3)},
    "ResourceApplyAdaMax": optimizer(("m", "v"), "beta1_power", "lr", "beta1", "beta2", "epsilon"),
    "ResourceApplyAdadelta": optimizer(("accum", "accum_update"), "lr", "rho", "epsilon"),
    "ResourceApplyAdagrad": optimizer(("accum",), "lr"),
    "ResourceApplyAdagradDA": lambda t: {**optimizer(("gradient_accumulator", "gradient_squared_accumulator"), "lr", "l1", "l2")(t), "global_step": np.int64(3)},
    "ResourceApplyAdagradV2": optimizer(("accum",), "lr", "epsilon"),
    "ResourceApplyAdam": optimizer(("m", "v"), "beta1_power", "beta2_power", "lr", "beta1", "beta2", "epsilon"),
    "ResourceApplyAddSign": optimizer(("m",), "lr", "alpha", "sign_decay", "beta"),
    "ResourceApplyCenteredRMSProp": lambda t: {**optimizer(("mg", "ms", "mom"), "lr", "rho", "momentum", "epsilon")(t), "ms": Variable(t(4, 8, low=9, high=12))},
    "ResourceApplyFtrl": optimizer(("accum", "linear"), "lr", "l1", "l2", "lr_power"),
    "ResourceApplyFtrlV2": optimizer(("accum", "linear"), "lr", "l1", "l2", "l2_shrinkage", "lr_power"),
    "ResourceApplyGradientDescent": descent("alpha"),
    "ResourceApplyKerasMomentum": optimizer(("accum",), "lr", "momentum"),
    "ResourceApplyMomentum": optimizer(("accum",), "lr", "momentum"),
    "ResourceApplyPowerSign": optimizer(("m",), "lr", "logbase", "sign_decay", "beta"),
    "ResourceApplyProximalAdagrad": optimizer(("accum",), "lr", "l1", "l2"),
    "ResourceApplyProximalGradientDescent": descent("alpha", "l1", "l2"),
    "ResourceApplyRMSProp": optimizer(("ms", "mom"), "lr", "rho", "momentum", "epsilon"),
    "ResourceGather": lambda t: {"resource": Variable(t(4, 8)), "indices": ints(2, 0), "dtype": t.dtype},
    **{f"ResourceScatter{kind}": resource_scatter for kind in ("Add", "Div", "Max", "Min", "Mul", "Sub", "Update")},
    **{f"ResourceScatterNd{kind}": resource_scatter_nd for kind in ("Add", "Sub", "Update", "Max", "Min")},
    "ResourceStridedSliceAssign": lambda t: {"ref": Variable(t(4, 8)), "value": t(2, 3), **SLICE},
    "Reverse": lambda t: {"tensor": t(4, 8), "dims": [True, False]},
    "ReverseSequence": lambda t: {"input": t(4, 8), "seq_lengths": ints(1, 3, 8, 5), "seq_dim": 1},
    "ReverseV2": lambda t: {"tensor": t(4, 8), "axis": [1]},
    "RngReadAndSkip": lambda t: {"resource": Variable(GENERATOR), "alg": np.int32(1), "delta": np.uint64(7)},
    "RngSkip": lambda t: {"resource": Variable(GENERATOR), "algorithm": np.int64(1), "delta": np.int64(7)},
    "Roll": lambda t: {"input": t(4, 8), "shift": [1, -2], "axis": [0, 1]},
    "ScatterNd": lambda t: {"indices": np.array([[1], [3]], np.int32), "updates": t(2, 8), "shape": [5, 8]},
    **{f"Segment{kind}V2": segments for kind in ("Max", "Min", "Prod", "Sum")},
    **{f"UnsortedSegment{kind}": segments for kind in ("Max", "Min", "Prod", "Sum")},
    "Select": lambda t: {"condition": Maker(bool)(4, 8), "x": t(4, 8), "y": t(4, 8)},
    "SelectV2": lambda t: {"condition": Maker(bool)(4, 1), "t": t(4, 8), "e": t(4, 8)},
    "SelfAdjointEigV2": lambda t: {"input": t.matrix(symmetric=True)},
    "ShapeN": lambda t: {"input": [t(4, 8), t(3)]},
    "Slice": lambda t: {"input": t(4, 8), "begin": [1, 2], "size": [2, -1]},
    "SoftmaxCrossEntropyWithLogits": lambda t: {"features": t(4, 8), "labels": (np.eye(8)[[1, 5, 2, 2]]).astype(t.dtype)},
    "SpaceToBatch": lambda t: {"input": t(1, 4, 6, 2), "paddings": [[0, 0], [0, 0]], "block_size": 2},
    "SpaceToBatchND": lambda t: {"input": t(1, 4, 5, 2), "block_shape": [2, 2], "paddings": [[0, 0], [0, 1]]},
    "SpaceToDepth": lambda t: {"input": t(2, 4, 6, 2), "block_size": 2},
    "SparseSoftmaxCrossEntropyWithLogits": lambda t: {"features": t(4, 8), "labels": ints(1, 5, 2, 2)},
    "SparseToDense": lambda t: {"sparse_indices": np.array([[0, 1], [2, 3]], np.int32), "output_shape": [4, 8], "sparse_values": t(2), "default_value": t()},
    "Split": lambda t: {"axis": 1, "value": t(4, 8), "num_split": 2},
    "SplitV": lambda t: {"value": t(4, 8), "size_splits": [3, 4, 1], "axis": 1, "num_split": 3},
    "Squeeze": lambda t: {"input": t(4, 1, 8)},
    "StatefulStandardNormalV2": of_generator,
    "StatefulTruncatedNormal": of_generator,
    "StatefulUniform": of_generator,
    "StatefulUniformFullInt": of_generator,
    "StatefulUniformInt": lambda t: {**{k: v for k, v in of_generator(t).items() if k != "dtype"}, "minval": t.dtype.type(2), "maxval": t.dtype.type(9)},
    "StatelessMultinomial": lambda t: {"logits": t(4, 8), "num_samples": 3, "seed": SEED},
    "StatelessParameterizedTruncatedNormal": lambda t: {"shape": [3, 5], "seed": SEED, "means": t(5), "stddevs": t(5, low=0.5), "minvals": t(5, low=-9, high=-5), "maxvals": t(5, low=5, high=9)},
    "StatelessRandomGetKeyCounter": lambda t: {"seed": ints(5, 9, dtype=t.dtype)},
    "StatelessRandomGetKeyCounterAlg": lambda t: {"seed": ints(5, 9, dtype=t.dtype)},
    "StatelessRandomNormal": lambda t: {"shape": [3, 5], "seed": SEED, "dtype": t.dtype},
    "StatelessRandomUniform": lambda t: {"shape": [3, 5], "seed": SEED, "dtype": t.dtype},
    "StatelessTruncatedNormal": lambda t: {"shape": [3, 5], "seed": SEED, "dtype": t.dtype},
    "StatelessRandomUniformFullInt": lambda t: {"shape": [3, 5], "seed": SEED.astype(t.dtype if t.dtype.itemsize == 8 else np.int32), "dtype": t.dtype},
    "StatelessRandomUniformInt": lambda t: {"shape": [3, 5], "seed": SEED, "minval": t.dtype.type(2), "maxval": t.dtype.type(9)},
    "StatelessRandomNormalV2": random_v2,
    "StatelessRandomUniformV2": random_v2,
    "StatelessRandomUniformFullIntV2": random_v2,
    "StatelessTruncatedNormalV2": random_v2,
    "StatelessRandomUniformIntV2": lambda t: {"shape": [3, 5], "key": KEY, "counter": COUNTER, "alg": 1, "minval": t.dtype.type(2), "maxval": t.dtype.type(9)},
    "StridedSlice": lambda t: {"input": t(4, 8), **SLICE},
    "StridedSliceGrad": lambda t: {"shape": [4, 8], "dy": t(2, 3), **SLICE},
    "Svd": lambda t: {"input": t(2, 5, 3)},
    "TensorStridedSliceUpdate": lambda t: {"input": t(4, 8), "value": t(2, 3), **SLICE},
    **{f"TensorScatter{kind}": tensor_scatter for kind in ("Add", "Max", "Min", "Sub", "Update")},
    "Tile": lambda t: {"input": t(4, 8), "multiples": [2, 3]},
    "TopKV2": lambda t: {"input": t(4, 8), "k": 3},
    "Transpose": lambda t: {"x": t(2, 3, 4), "perm": [2, 0, 1]},
    "TridiagonalMatMul": lambda t: {"superdiag": t(2, 1, 4), "maindiag": t(2, 1, 4), "subdiag": t(2, 1, 4), "rhs": t(2, 4, 3)},
    "TridiagonalSolve": lambda t: {"diagonals": t(2, 3, 4) + np.array([[0], [9], [0]], t.dtype), "rhs": t(2, 4, 3)},
    "Unique": lambda t: {"x": t(8)},
    "UniqueV2": lambda t: {"x": t(8), "axis": [0]},
    "Unpack": lambda t: {"value": t(4, 8), "num": 4},
    "VarIsInitializedOp": lambda t: {"resource": Variable(t(4, 8))},
    "VariableShape": lambda t: {"input": Variable(t(4, 8))},
    "Where": lambda t: {"condition": t(4, 8)},
    "XlaDot": lambda t: {"lhs": t(3, 4), "rhs": t(4, 5), "dimension_numbers": b"\x0a\x01\x01\x12\x01\x00", "precision_config": b""},
    "XlaEinsum": lambda t: {"a": t(3, 4), "b": t(4, 5), "equation": "ij,jk->ki"},
    "XlaDynamicSlice": lambda t: {"input": t(4, 8), "start_indices": ints(1, 2), "size_indices": [2, 3]},
    "XlaDynamicUpdateSlice": lambda t: {"input": t(4, 8), "update": t(2, 3), "indices": ints(1, 2)},
    "XlaPad": lambda t: {"input": t(4, 8), "padding_value": t(), "padding_low": [1, 0], "padding_high": [0, 2], "padding_interior": [1, 0]},
    "XlaSort": lambda t: {"input": t(4, 8)},
    "XlaKeyValueSort": lambda t: {"keys": t.random.permutation(8).astype(t.dtype), "values": ints(*range(8))},
    "XlaReducePrecision": lambda t: {"operand": t(4, 8), "exponent_bits": 5, "mantissa_bits": 7},
    "XlaSelfAdjointEig": lambda t: {"a": t.matrix(symmetric=True), "lower": True, "max_iter": 100, "epsilon": 1e-6},
    "XlaSvd": lambda t: {"a": t(2, 5, 3), "max_iter": 100, "epsilon": 1e-6, "precision_config": b""},
    "XlaSharding": lambda t: {"input": t(4, 8)},
    "XlaConcatND": lambda t: {"inputs": [t(2, 3), t(2, 3)], "num_concats": [1, 2]},
    "XlaSplitND": lambda t: {"input": t(4, 8), "N": 2, "num_splits": [1, 2]},
    "XlaOptimizationBarrier": lambda t: {"input": [t(4, 8)]},
    "XlaBroadcastHelper": lambda t: {"lhs": t(4, 8), "rhs": t(8), "broadcast_dims": [1]},
    "XlaRngBitGenerator": lambda t: {"algorithm": 1, "initial_state": np.array([1, 2], np.uint64), "shape": [3, 5], "dtype": t.dtype},
}  # fmt: skip


def arguments(op, definition, dtype):
    """The operation's arguments where its main element type is this one; KeyError where that needs a recipe."""
    maker = Maker(dtype)
    if op in NO_RECIPE:
        raise KeyError(op)
    if op in RECIPES:
        return RECIPES[op](maker)
    missing = [a.name for a in definition.attr if a.type != "type" and not a.HasField("default_value")]
    if missing:
        raise KeyError(f"{op} needs {missing[0]}")
    low, high = LOW_HIGH.get(op, (-2.0, 2.0))
    made = {}
    for argument in definition.input_arg:
        if argument.type_list_attr or argument.number_attr or argument.type not in FIXED:
            raise KeyError(f"{op} needs {argument.name}")
        own = maker if argument.type == 0 else Maker(FIXED[argument.type])
        made[argument.name] = own(4, 8, low=low, high=high)
    return made


# TensorFlow's CPU device ends the process in a jit cluster, or the inputs are handles.
NO_RECIPE = {"XlaReplicaId", "TensorListFromTensor"}
FIXED = {0: None, 1: np.float32, 2: np.float64, 10: np.bool_, 8: np.complex64, 18: np.complex128}  # by TensorFlow's numbers
