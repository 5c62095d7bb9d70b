# SPDX-License-Identifier: Apache-2.0
"""Runs operations for tools/tensorflow-sweep: reads [operation, type] pairs from the input, writes a row of JSON for each.

A row has: `place` (the device that ran it eagerly), `value`, `gradient` and `jit`. These are "ok", or say what is wrong;
`gradient` is missing where there is none."""

import json
import sys

import ml_dtypes  # noqa: F401: numpy knows bfloat16 and its like by it
import numpy as np
import tensorflow as tf
import tensorflow_recipes as recipes
import tensorflow_registry
from tensorflow.compiler.tf2xla.ops import gen_xla_ops
from tensorflow.python.framework import ops as framework

TOLERANCE = {"float64": 1e-9, "complex128": 1e-9, "float32": 5e-5, "complex64": 5e-5, "float16": 5e-3, "bfloat16": 4e-2}
LOW_PRECISION = 0.3  # of the types of eight bits
OURS, CPU = "/DirectML:0", "/CPU:0"


def is_tensor(value):
    return isinstance(value, np.ndarray | np.generic)


def is_variable(value):
    return isinstance(value, recipes.Variable)


class Call:
    """An operation with its arguments."""

    def __init__(self, op, dtype, registry):
        self.op = op
        self.raw = getattr(tf.raw_ops, op, None) or getattr(gen_xla_ops, op)
        arguments = recipes.arguments(op, registry.definitions[op], tf.dtypes.as_dtype(dtype or "float32").as_numpy_dtype)
        self.variables = {name: value.array for name, value in arguments.items() if is_variable(value)}
        self.constants = {name: value for name, value in arguments.items() if not is_variable(value) and not self.holds(value)}
        self.tensors = {name: value for name, value in arguments.items() if self.holds(value)}

    @staticmethod
    def holds(value):
        return is_tensor(value) or isinstance(value, list) and bool(value) and all(map(is_tensor, value))

    def make(self, names=None):
        """The tensors, on the device that is current."""
        chosen = {name: value for name, value in self.tensors.items() if names is None or name in names}
        return tf.nest.map_structure(tf.constant, chosen)

    def make_variables(self):
        return {name: tf.Variable(array) for name, array in self.variables.items()}

    def results(self, tensors, variables):
        """What the operation gives, and the variables after it."""
        handles = {name: variable.handle for name, variable in variables.items()}
        given = self.raw(**self.constants, **handles, **tensors)
        given = [] if given is None or isinstance(given, tf.Operation) else tf.nest.flatten(given)
        return [part for part in given if isinstance(part, tf.Tensor)]


def weights(tensor):
    """What a result's gradient is made of: numbers that no symmetry cancels."""
    count = int(np.prod(tensor.shape))
    return tf.cast(tf.constant(np.cos(np.arange(1, count + 1)).reshape(tensor.shape)), tensor.dtype)


def has_gradient(call):
    try:
        found = framework.gradient_registry.lookup(call.op) is not None
    except LookupError:
        return False
    vague = call.op in recipes.SIGNS | recipes.NOT_COMPARABLE
    return found and not vague and not call.variables and any(is_differentiable(value) for value in tf.nest.flatten(call.tensors))


def is_differentiable(value):
    return tf.dtypes.as_dtype(value.dtype).is_floating or tf.dtypes.as_dtype(value.dtype).is_complex


def gradients(call, tensors):
    inputs = [tensor for tensor in tf.nest.flatten(tensors) if is_differentiable(tensor)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = [part for part in call.results(tensors, {}) if is_differentiable(part)]
    if not outputs:
        return []
    found = tape.gradient(outputs, inputs, output_gradients=[weights(part) for part in outputs])
    return [tf.convert_to_tensor(part) for part in found if part is not None]


def arrays(tensors):
    return [np.asarray(tensor.numpy()) for tensor in tensors]


def run_alone(call, device):
    """(results and variables, where the operation ran)."""
    with tf.device(device):
        variables = call.make_variables()
        given = call.results(call.make(), variables)
        place = [tensor.device.split(":")[-2] for tensor in given or variables.values()][:1]
        return arrays(given) + arrays(variables.values()), "".join(place) or "DirectML"


def run_gradient(call, device):
    with tf.device(device):
        return arrays(gradients(call, call.make()))


def run_compiled(call, device):
    try:
        return run_with_arguments(call, device, set(call.tensors))
    except Exception as error:
        if "compile-time constant" not in str(error):
            raise
    return run_with_arguments(call, device, {name for name in call.tensors if all(map(is_differentiable, tf.nest.flatten(call.tensors[name])))})


def run_with_arguments(call, device, names):
    """Compiled, with these tensors as arguments and the others as constants."""
    others = {name: value for name, value in call.tensors.items() if name not in names}
    with tf.device(device):
        variables = call.make_variables()

        @tf.function(jit_compile=True, autograph=False)
        def compiled(tensors):
            return call.results({**tensors, **tf.nest.map_structure(tf.constant, others)}, variables)

        given = compiled(call.make(names))
        return arrays(given) + arrays(variables.values())


def difference(op, got, want):
    """What is wrong, or "ok"."""
    if len(got) != len(want):
        return f"{len(got)} results, expected {len(want)}"
    compared = recipes.COMPARED_RESULTS.get(op, len(want))
    for index, (ours, theirs) in enumerate(zip(got[:compared], want[:compared], strict=True)):
        if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
            return f"result {index} is {ours.dtype}{list(ours.shape)}, expected {theirs.dtype}{list(theirs.shape)}"
        if ours.dtype == object or not ours.size or op in recipes.NOT_COMPARABLE:
            continue
        kind = tf.dtypes.as_dtype(ours.dtype)
        if not (kind.is_floating or kind.is_complex):
            if not np.array_equal(ours, theirs):
                return f"result {index} is {ours.ravel()[:6]}, expected {theirs.ravel()[:6]}"
            continue
        wide = np.complex128 if kind.is_complex else np.float64
        ours, theirs = ours.astype(wide), theirs.astype(wide)
        if op in recipes.SIGNS:
            ours, theirs = np.abs(ours), np.abs(theirs)
        bound = TOLERANCE.get(kind.name, LOW_PRECISION)
        if op in recipes.IN_FLOAT32:
            bound = max(bound, TOLERANCE["float32"])
        scale = max(1.0, np.max(np.abs(theirs[np.isfinite(theirs)]), initial=0))
        if not np.allclose(ours, theirs, rtol=bound, atol=bound * scale, equal_nan=True):
            worst = np.nanargmax(np.where(np.isfinite(ours) & np.isfinite(theirs), np.abs(ours - theirs), np.inf * (ours != theirs)))
            return f"result {index} has {ours.ravel()[worst]}, expected {theirs.ravel()[worst]}"
    return "ok"


def attempt(function, *arguments):
    """(what it gives, None) or (None, the error's words)."""
    try:
        return function(*arguments), None
    except Exception as error:
        return None, f"{type(error).__name__}: {str(error)}"[:600]


def examine(op, dtype, registry):
    row = {"op": op, "type": dtype}
    where = tensorflow_registry
    if not registry.has_kernel(op, dtype, where.OURS, where.EVERY, where.JIT):
        return {**row, "place": "CPU" if registry.has_kernel(op, dtype, "CPU") else "nowhere"}
    call, fault = attempt(Call, op, dtype, registry)
    if fault:
        return {**row, "recipe": fault}
    expected, fault = attempt(run_alone, call, CPU)
    if fault:
        row["cpu"] = fault
    compiled = None
    if fault:
        compiled, row["xla"] = attempt(run_compiled, call, CPU)
    wanted = expected[0] if expected else compiled
    if wanted is None:
        return row
    alone, fault = attempt(run_alone, call, OURS)
    if alone:
        row["place"] = alone[1]
        row["value"] = difference(op, alone[0], wanted)
    else:
        row["value"] = fault
    if has_gradient(call) and expected:
        examine_gradient(row, call)
    examine_compiled(row, call, wanted)
    return row


def examine_gradient(row, call):
    expected, fault = attempt(run_gradient, call, CPU)
    if fault or not expected:
        return
    ours, fault = attempt(run_gradient, call, OURS)
    row["gradient"] = fault or difference(call.op, ours, expected)


def examine_compiled(row, call, expected):
    ours, fault = attempt(run_compiled, call, OURS)
    row["jit"] = fault or difference(call.op, ours, expected)
    if row["jit"] == "ok" or "No registered" in row["jit"]:
        return
    theirs, row["xla"] = attempt(run_compiled, call, CPU)
    if ours is not None and theirs is not None and difference(call.op, ours, theirs) == "ok":
        row["jit"] = "as XLA"


def main():
    registry = tensorflow_registry.read()
    for op, dtype in json.loads(sys.stdin.read()):
        print(json.dumps(examine(op, dtype, registry), default=str), flush=True)


if __name__ == "__main__":
    main()
