# SPDX-License-Identifier: Apache-2.0
"""Writes docs/tensorflow-operations.md of what tools/tensorflow-sweep found."""

import collections
import pathlib
import re

import tensorflow_registry as where

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs/tensorflow-operations.md"
CLASSES = {
    "integers": "int8 int16 int32 int64 uint8 uint16 uint32 uint64", "floats": "float16 bfloat16 float32 float64",
    "complex": "complex64 complex128", "bool": "bool", "float8": "float8_e5m2 float8_e4m3fn",
    "quantized": "qint8 quint8 qint32",
}  # fmt: skip
# Operations that are the host's by their nature, by words in their names, the first that fits; why.
HOST = [
    ("datasets and iterators", r"Dataset|Iterator|Optional|MemoryCache|SeedGenerator|StatsAggregator|ThreadPool|^Tensor(Data)?Slice"),
    ("tables and queues", r"Table|Queue|Barrier|Stage|Stack|^Map(Clear|Peek|Size|Unstage)|^OrderedMap|Lookup|TensorMap|Accumulator|Mutex"),
    ("files, images and sound as bytes", r"File|Reader|^Read|^Write|Save|Restore|Decode|Encode|Jpeg|Wav|Merge.*Checkpoint|Record|Checkpoint|Sql|LMDB"),
    ("strings, parsing and protobufs", r"String|Regex|^Parse|Unicode|Proto$|ProtoV2|Base64|^AsString|Substr|Serialize|Deserialize|Json|Csv|CSV|Example|Ngram|Fingerprint|EditDistance|^Split.*Str|Wordpiece|Skipgram"),
    ("summaries, debugging and printing", r"Summary|^Debug|^Print|^Log|Timestamp|Assert|^Audio|Dump|Profil"),
    ("several devices and hosts", r"Collective|Nccl|TPU|Tpu|Xla(Send|Recv|AllReduce|ReduceScatter|HostCompute)|^_?(Send|Recv|HostSend|HostRecv)|Rpc|Distribut|ShardedFilename|Worker|Ici|Embedding.*(Load|Retrieve)|LoadTPU|RetrieveTPU|IfrtCall|DTensor|^Copy"),
    ("ragged and sparse tensors", r"Ragged|Sparse|CSR|SetOperation|^SetSize"),
    ("boosted trees, candidate samplers, classic classifiers", r"BoostedTrees|Sampler|^Sdca|TensorForest|KMeans|NearestNeighbors|ComputeAccidentalHits"),
    ("quantized arithmetic of 8 bits", r"Quantize|^Uniform|Requant"),
    ("variables of TensorFlow 1 (references)", r"^(Assign|Apply|Scatter|Variable|Ref[A-Z]|TemporaryVariable|DestroyTemp|CountUpTo|IsVariable)"),
    ("Python, devices and calls", r"PyFunc|^(Batch|Unbatch|RemoteCall|Placeholder|Fake|DeviceIndex|Immutable|Enter|Exit|Merge|Switch|NextIteration|LoopCond|Abort|MLIR|Xla|GetSession|DeleteSession|Mkl|.*Accelerate|Tensorrt|TRT|Sync|WeightedFlat)"),
]  # fmt: skip
REFUSALS = [
    ("the extents of its results depend on values", "dynamic dimension"),
    ("its variable is in the host's memory, as with a GPU of TensorFlow's own", "located in device"),
    ("these attributes or types are not compiled", "tf2xla|Invalid type|Operand 1 has type|not yet|supported|[Uu]nimplemented|compile-time constant"),
]
ALONE = "## Single operations"
NEVER_ALONE = "## On the CPU as single operations, though TensorFlow's compiler has them"
OWN_TYPES = "its own types"
HEAD = """# TensorFlow's operations, and where they run
Written by `tools/tensorflow-sweep`, which ran {ops} operations of TensorFlow 2.21 with every element type that they are
defined for ({rows} pairs that some kernel takes, each in one shape and with its default attributes where it has them): alone,
with its gradient where it has one ({gradients}), and in a compiled function. In the first table values and gradients equal TensorFlow's CPU
device's: integers exactly, float64 to 1e-9, float32 to 5e-5, float16 to 5e-3, bfloat16 to 4e-2 of the largest. An operation
whose attributes or shapes cannot be compiled runs on the CPU too, from the device and back, and says so in the log. `variable[::2].assign(...)` and the gradients of
bilinear resizes, of complex square roots and reciprocals are computed by other operations, compiled too.

"""


def describe(types):
    """`integers, floats` for a set of types."""
    words, rest = [], set(types)
    for name, members in CLASSES.items():
        members = set(members.split())
        if members <= rest:
            words.append(name)
            rest -= members
        elif members - rest and len(members - rest) == 1 and len(members) > 2 and members & rest:
            words.append(f"{name} but {(members - rest).pop()}")
            rest -= members
    order = where.TYPES.index
    return ", ".join(words + sorted(rest, key=order)) if types != {""} else OWN_TYPES


def table(header, rows):
    return [f"| {' | '.join(header)} |", "|" + "---|" * len(header), *(f"| {' | '.join(row)} |" for row in rows), ""]


def is_right(row, *keys):
    return all(row.get(key, "ok") in ("ok", "as XLA") for key in keys)


def types_by_op(found, holds):
    """{operation: types} of the rows that it holds for."""
    types = collections.defaultdict(set)
    for (op, dtype), row in found.items():
        if holds(row):
            types[op].add(dtype)
    return types


def grouped(*types):
    """Rows of a table: what is said of operations alike, and these operations."""
    groups = collections.defaultdict(list)
    for op in sorted(set().union(*types)):
        groups[tuple(describe(of.get(op, set())) for of in types)].append(op)
    return [[*said, ", ".join(ops)] for said, ops in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))]


def alone(found):
    """Tables of what runs where eagerly."""
    ours = types_by_op(found, lambda row: row.get("place") == "DirectML" and is_right(row, "value", "gradient"))
    cpu = types_by_op(found, lambda row: row.get("place") == "CPU")
    only_cpu = {op: types for op, types in cpu.items() if op not in ours}
    yield from [ALONE, ""]
    shared = {op: cpu.get(op, set()) for op in ours}
    yield from table(["on the device", "on the CPU", "operations"], grouped(ours, shared))
    yield from [NEVER_ALONE, ""]
    compiled = types_by_op(found, lambda row: is_right(row, "jit") and "jit" in row)
    rows = grouped(only_cpu, {op: compiled.get(op, set()) for op in only_cpu})
    yield from table(["on the CPU", "in compiled functions", "operations"], rows)


def by_fault(found, key):
    """{why: {operation: types}} of what is not as on the CPU."""
    groups = collections.defaultdict(lambda: collections.defaultdict(set))
    for (op, dtype), row in found.items():
        fault = next((f"the process ends: {name}" for name in ("crash", "hang") if name in row), row.get(key, "ok"))
        if is_right({key: fault}, key) or "No registered" in str(fault) or "Could not find device" in str(fault):
            continue
        told = " ".join(str(fault).split())[:90]
        groups[next((why for why, pattern in REFUSALS if re.search(pattern, str(fault))), told)][op].add(dtype)
    return groups


def faults(found, key):
    for why, ops in sorted(by_fault(found, key).items()):
        by_types = collections.defaultdict(list)
        for op, types in sorted(ops.items()):
            by_types[describe(types)].append(op)
        for types, names in by_types.items():
            yield [why.replace("|", "/"), types, ", ".join(names)]


def hosts(registry, swept):
    """{kind: operations} of what has no kernel for the device."""
    kinds = collections.defaultdict(list)
    for op in registry.definitions:
        if op in swept or registry.kernels[op, where.OURS] or registry.kernels[op, where.JIT]:
            continue
        if not registry.kernels[op, "CPU"]:
            continue
        kinds[next((name for name, pattern in HOST if re.search(pattern, op)), "")].append(op)
    return kinds


def placements(count):
    """(operation, type, device) of at least so many operations that the page tells of, spread over all of them."""
    told = []
    for place, heading in (("DirectML", ALONE), ("CPU", NEVER_ALONE)):
        for row in PAGE.read_text().split(heading)[1].split("\n## ")[0].splitlines():
            cells = [cell.strip() for cell in row.strip("|").split("|")]
            types, ops = cells[0], cells[-1].split(", ")
            if types == OWN_TYPES:
                told += [(op, "", place) for op in ops]
            elif re.search(r"\bfloats?(32)?\b(?! but float32)", types):
                told += [(op, "float32", place) for op in ops]
    return told[:: max(1, len(told) // count)]


def write(registry, found):
    ops = {op for op, _ in found}
    counts = {"ops": len(ops), "rows": sum("value" in row for row in found.values()), "gradients": sum("gradient" in row for row in found.values())}
    lines = [*alone(found), "## In compiled functions", "", "The same types as on the device, but for these refusals:", ""]
    lines += table(["why", "types", "operations"], list(faults(found, "jit")))
    lines += ["## Not as on the CPU as single operations", ""]
    lines += table(["what", "types", "operations"], [*faults(found, "value"), *faults(found, "gradient")])
    lines += ["## On the CPU: TensorFlow's compiler has no kernel", ""]
    rows = [[kind or "others", str(len(names)), shortened(names, kind)] for kind, names in sorted(hosts(registry, ops).items())]
    PAGE.write_text(HEAD.format(**counts) + "\n".join(lines + table(["what", "operations", "which"], rows)).rstrip() + "\n")


def shortened(names, kind):
    return ", ".join(names) if not kind else ", ".join(names[:: max(1, len(names) // 8)][:8]) + " ..."
