# SPDX-License-Identifier: Apache-2.0
"""Which operations and kernels TensorFlow has registered, for tools/tensorflow-sweep."""

import collections
import os

# Those of four bits are left out: on them TensorFlow's CPU device has no kernels, and its compiler no right numbers.
TYPES = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64 complex128 "
    "float8_e5m2 float8_e4m3fn qint8 quint8 qint32"
).split()
# The attribute that is varied, where it is not the first of these that an operation has.
MAIN = "dtype T Tparams SrcT Tcomplex Treal TInput Ta element_dtype K Tin".split()
MAIN_OF = {
    "RandomUniformInt": "Tout", "IRFFT": "Tcomplex", "IRFFT2D": "Tcomplex", "IRFFT3D": "Tcomplex", "RFFT": "Treal",
    "RFFT2D": "Treal", "RFFT3D": "Treal", "StatelessMultinomial": "T", "ConcatOffset": "shape_type", "Range": "Tidx",
    "StatelessRandomGetKeyCounter": "Tseed", "StatelessRandomGetKeyCounterAlg": "Tseed", "BatchMatMulV3": "Ta",
}  # fmt: skip
OURS, EVERY, JIT = "DirectML", "DEFAULT", "DRAGOMAN_JIT"


class Registry:
    def __init__(self, definitions, kernels):
        self.definitions = definitions  # by operation
        self.kernels = kernels  # (operation, device): their definitions

    def main_attribute(self, op):
        types = {attribute.name: attribute for attribute in self.definitions[op].attr if attribute.type == "type"}
        names = [MAIN_OF[op]] if op in MAIN_OF else [name for name in MAIN if name in types]
        return types[names[0]] if names else None

    def types(self, op):
        """The element types that it is defined for, by its main attribute; [""] where it has none."""
        from tensorflow.python.framework import dtypes

        attribute = self.main_attribute(op)
        if attribute is None:
            return [""]
        allowed = [dtypes.as_dtype(number).name for number in attribute.allowed_values.list.type] or TYPES
        return [name for name in TYPES if name in allowed]

    def has_kernel(self, op, dtype, *devices):
        """Whether one of these devices has a kernel for the operation on this type."""
        attribute = self.main_attribute(op)
        number = number_of(dtype) if dtype else None
        for device in devices:
            for kernel in self.kernels[op, device]:
                bounds = {c.name: c.allowed_values.list.type for c in kernel.constraint}
                if attribute is None or attribute.name not in bounds or number in bounds[attribute.name]:
                    return True
        return False

    def swept(self):
        """The operations that the device or a jit cluster on it may run, and that have a recipe."""
        import tensorflow_recipes as recipes
        import tensorflow as tf
        from tensorflow.compiler.tf2xla.ops import gen_xla_ops

        for op, definition in self.definitions.items():
            if not (self.kernels[op, OURS] or self.kernels[op, JIT]):
                continue
            if not (hasattr(tf.raw_ops, op) or hasattr(gen_xla_ops, op)):
                continue
            try:
                recipes.arguments(op, definition, "float32")
            except KeyError:
                continue
            yield op


def number_of(dtype):
    from tensorflow.python.framework import dtypes

    return dtypes.as_dtype(dtype).as_datatype_enum


def read():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops  # noqa: F401: registers them
    from tensorflow.python.framework import kernels, op_def_registry

    with tf.device("/CPU:0"):
        tf.function(lambda x: x + 1, jit_compile=True)(1.0)  # XLA's kernels register themselves at the first use
    found = collections.defaultdict(list)
    for kernel in kernels.get_all_registered_kernels().kernel:
        found[kernel.op, kernel.device_type].append(kernel)
    ops = {name for name in dir(tf.raw_ops) if name[0].isupper()} | {op for op, _ in found if op[0] != "_"}
    definitions = {op: op_def_registry.get(op) for op in sorted(ops)}
    return Registry({op: definition for op, definition in definitions.items() if definition}, found)
