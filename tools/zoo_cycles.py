# SPDX-License-Identifier: Apache-2.0
"""Estimates from a kernel's final assembly how many cycles a whole dispatch takes; docs/peers.md describes the method.

The drivers' own figures count every loop a fixed number of times (ACO 8, 32, ...; Intel's compiler 10, 100, ...), so they
do not compare kernels that walk the same sum in different steps. Here each loop counts as often as it comes round.
"""
import dataclasses
import re

# What a kernel's blocks need of a SIMD's units, in cycles; and its work: multiply-adds and bytes read, an invocation.
UNITS = ("vector", "scalar", "special", "shared", "memory")


@dataclasses.dataclass
class Cost:
    units: dict
    multiply_adds: float = 0
    bytes_read: float = 0
    products: float = 0  # multiplications and additions of their own
    sums: float = 0

    def add(self, other, times=1.0):
        for unit, cycles in other.units.items():
            self.units[unit] = self.units.get(unit, 0) + cycles * times
        for name in ("multiply_adds", "bytes_read", "products", "sums"):
            setattr(self, name, getattr(self, name) + getattr(other, name) * times)

    def work(self, what):
        """Where nothing is fused, a multiplication and an addition are a multiply-add."""
        if what == "multiply_adds" and self.multiply_adds == 0:
            return min(self.products, self.sums)
        return getattr(self, what)


@dataclasses.dataclass
class Loop:
    """The instructions from a label to the last jump back to it; `own` is without the loops inside."""
    first: int
    last: int
    own: Cost
    inner: list


@dataclasses.dataclass
class Machine:
    """lanes: invocations of a wave. Bytes a cycle are a SIMD's (Intel: an execution unit's) share."""
    generation: str
    lanes: int

    @property
    def is_gcn(self):
        return self.generation in ("polaris10", "vega10")

    @property
    def register_bytes(self):
        return 64 if self.generation == "bmg" else 32

    @property
    def shared_bytes_a_cycle(self):
        if self.generation in ("tgl", "dg2", "bmg"):
            return 128 / 16 if self.generation != "bmg" else 128 / 8
        return 128 / 4 if self.is_gcn else 128 / 2

    @property
    def memory_bytes_a_cycle(self):
        if self.generation in ("tgl", "dg2", "bmg"):
            return 64 / 16 if self.generation != "bmg" else 64 / 8
        return 64 / 4 if self.is_gcn else 128 / 2


SKIPPED = re.compile(r"s_(waitcnt|wait_|delay_alu|nop|clause|code_end|barrier|endpgm|inst_prefetch|sleep|sendmsg|icache)")
SPECIAL = re.compile(r"v_s?_?(exp|log|rcp|rsq|sqrt|sin|cos)_")
# RDNA 3 runs both halves of a wave of 64 at once.
PAIRED = re.compile(r"v_((fma|fmac|fmaak|fmamk|mul|add|sub|subrev|max|min)_f32|mov_b32|cndmask_b32)(_e32|_e64)?$")
SLOW_INTEGER = re.compile(r"v_(mul_lo_u32|mul_hi_|mul_lo_i32|mad_u64|mad_i64)")
MULTIPLY_ADD = re.compile(r"v_(dual_)?(fma|fmac|fmamk|fmaak|mac|mad|madmk|madak|fma_mix\w*|mad_mix\w*)_(f32|f16|legacy_f32)|v_fma_mix")
WIDTHS = {"b32": 4, "b64": 8, "b96": 12, "b128": 16, "dword": 4, "dwordx2": 8, "dwordx3": 12, "dwordx4": 16,
          "u16": 2, "u8": 1, "i8": 1, "i16": 2, "ushort": 2, "ubyte": 1, "sbyte": 1, "sshort": 2, "short": 2, "byte": 1,
          "b16": 2, "b8": 1, "f32": 4, "u32": 4}


def amd_bytes(mnemonic):
    found = [WIDTHS[part] for part in mnemonic.split("_") if part in WIDTHS]
    is_pair = mnemonic.startswith(("ds_read2", "ds_write2", "ds_load_2addr", "ds_store_2addr"))
    return (found[-1] if found else 4) * (2 if is_pair else 1)


def amd_multiply_adds(mnemonic, machine):
    if "wmma" in mnemonic:
        return 16 * 16 * 16 / machine.lanes
    if mnemonic.startswith(("v_pk_fma_f16", "v_dot2")):
        return 2
    if mnemonic.startswith("v_pk_fma_f32"):
        return 2
    return 1 if MULTIPLY_ADD.match(mnemonic) else 0


def amd_vector_cycles(mnemonic, machine):
    """The cycles for which an instruction of one wave holds the vector unit, as ACO's statistics have them."""
    if "wmma" in mnemonic:
        return 16 if machine.generation == "gfx1201" else 32
    once = machine.lanes / 16 if machine.is_gcn else machine.lanes / 32
    if machine.generation in ("navi31", "gfx1201") and PAIRED.match(mnemonic):
        return 1
    if re.search(r"_f64", mnemonic):
        return once * 16
    if SLOW_INTEGER.match(mnemonic):
        return once * 4
    if machine.is_gcn and SPECIAL.match(mnemonic):
        return once * 4
    # A true fused multiply-add is slow before Vega.
    if machine.generation == "polaris10" and mnemonic.startswith("v_fma_f32"):
        return once * 4
    return once * (2 if re.search(r"_(b64|u64|i64)(_|$)", mnemonic) else 1)


def amd_cost(text, machine):
    """The cost of one line of AMD's assembly."""
    mnemonic = text.split()[0]
    if SKIPPED.match(mnemonic):
        return Cost({})
    if mnemonic.startswith("s_"):
        return Cost({"scalar": 1})
    if mnemonic.startswith("ds_"):
        if "permute" in mnemonic or "swizzle" in mnemonic:
            return Cost({"shared": 4 * machine.lanes / machine.shared_bytes_a_cycle})
        return Cost({"shared": max(1, amd_bytes(mnemonic) * machine.lanes / machine.shared_bytes_a_cycle)})
    if mnemonic.startswith(("global_", "buffer_", "flat_", "scratch_")):
        size = amd_bytes(mnemonic)
        cycles = max(1, size * machine.lanes / machine.memory_bytes_a_cycle)
        return Cost({"memory": cycles}, bytes_read=size if "load" in mnemonic else 0)
    if not mnemonic.startswith("v_"):
        return Cost({})
    cost = Cost({"vector": amd_vector_cycles(mnemonic, machine)})
    if SPECIAL.match(mnemonic) and not machine.is_gcn:
        cost.units["special"] = 4 * machine.lanes / 32
    halves = text.split("::") if mnemonic.startswith("v_dual_") else [text]
    cost.multiply_adds = sum(amd_multiply_adds(half.split()[0], machine) for half in halves)
    cost.products = 1 if re.match(r"v_mul_f(32|16)", mnemonic) else 0
    cost.sums = 1 if re.match(r"v_add_f(32|16)", mnemonic) else 0
    return cost


INTEL = re.compile(r"^(?:\([^)]*\)\s*)?(?P<name>[a-z][\w.]*)\((?P<lanes>\d+)\)\s+(?P<rest>.*)$")
INTEL_TYPE = re.compile(r"g\d[^\s:]*?(UD|UW|UB|UQ|DF|HF|BF|D|W|B|Q|F)\b|<\d+>(UD|UW|UB|UQ|DF|HF|BF|D|W|B|Q|F)\b")
TYPE_BYTES = {"UQ": 8, "Q": 8, "DF": 8, "UD": 4, "D": 4, "F": 4, "UW": 2, "W": 2, "HF": 2, "BF": 2, "UB": 1, "B": 1}
JUMPS = ("do", "while", "if", "else", "endif", "break", "continue", "jmpi", "goto", "join", "halt")


def intel_send(text, machine):
    """A message: shared memory, memory, or neither (barriers, the end)."""
    lengths = {name: int(value) for name, value in re.findall(r"(dst_len|src1_len|rlen|ex_mlen) ?=? ?(\d+)", text)}
    read = lengths.get("dst_len", lengths.get("rlen", 0))
    written = lengths.get("src1_len", lengths.get("ex_mlen", 0))
    is_shared = " slm " in text or "Surface = 254" in text
    if "fence" in text or "gateway" in text or "ts/btd" in text:
        return Cost({"scalar": 1})
    size = max(read, written) * machine.register_bytes
    if is_shared:
        return Cost({"shared": max(1, size / machine.shared_bytes_a_cycle)})
    return Cost({"memory": max(1, size / machine.memory_bytes_a_cycle)},
                bytes_read=read * machine.register_bytes / machine.lanes)


def intel_cost(text, machine):
    """The cost of one instruction of Intel's assembly; a message's second line is part of it."""
    match = INTEL.match(text)
    if match is None:
        return Cost({})
    name, lanes = match["name"], int(match["lanes"])
    base = name.split(".")[0]
    if base in ("sync", "nop"):
        return Cost({})
    if base in ("send", "sendc", "sends"):
        return intel_send(text, machine)
    if base in JUMPS:
        return Cost({"scalar": 1})
    if base == "dpas":
        rows = int(name.split("x")[1]) if "x" in name else 8
        return Cost({"vector": 2 * rows}, multiply_adds=rows * 16 * lanes / machine.lanes)
    types = [one or other for one, other in INTEL_TYPE.findall(match["rest"])] or ["UD"]
    size = max(TYPE_BYTES[kind] for kind in types)
    cycles = max(1.0, lanes * size / machine.register_bytes)
    if base == "math":
        return Cost({"vector": 1, "special": 4 * cycles})
    is_product = base in ("mad", "mac") and types[0] in ("F", "HF")
    return Cost({"vector": cycles}, multiply_adds=lanes / machine.lanes if is_product else 0)


def amd_instructions(text):
    """(label or None, instruction, target or None) of each line; the first part of the text."""
    label = None
    for line in text.splitlines():
        code = line.split(";")[0].strip()
        found = re.match(r"^(BB\d+):", code)
        if found:
            label = found[1]
        elif code and re.match(r"^[a-z]", code) and not code.endswith(":"):
            target = re.search(r"\b(BB\d+)\b", code)
            yield label, code, target[1] if target else None
            label = None


def intel_instructions(text):
    label, held = None, None
    for line in text.splitlines():
        found = re.match(r"^(LABEL\d+):", line)
        if found or INTEL.match(line.strip()):
            if held:
                yield held
                label, held = None, None
        if found:
            label = found[1]
        elif INTEL.match(line.strip()):
            code = line.strip()
            target = re.search(r"JIP:\s+(LABEL\d+)", code)
            held = (label, code, target[1] if target and "while" in code else None)
        elif held and "MsgDesc" in line:
            held = (held[0], held[1] + " " + line.strip(), held[2])
    if held:
        yield held


def parse(text, machine):
    """The costs outside of loops, and the outermost loops."""
    is_intel = machine.generation in ("tgl", "dg2", "bmg")
    lines = list((intel_instructions if is_intel else amd_instructions)(text))
    cost_of = intel_cost if is_intel else amd_cost
    costs = [cost_of(code, machine) for _, code, _ in lines]
    places = {label: i for i, (label, _, _) in enumerate(lines) if label}
    ends = {}
    for i, (_, _, target) in enumerate(lines):
        if target in places and places[target] <= i:
            ends[places[target]] = max(i, ends.get(places[target], 0))
    root = Loop(0, len(lines) - 1, Cost({}), [])
    for first, last in sorted(ends.items(), key=lambda span: (span[0], -span[1])):
        parent = root
        while (inside := next((x for x in parent.inner if x.first <= first and first <= x.last), None)) is not None:
            parent = inside
        parent.inner.append(Loop(first, last, Cost({}), []))
    for i, cost in enumerate(costs):
        loop = root
        while (inside := next((x for x in loop.inner if x.first <= i <= x.last), None)) is not None:
            loop = inside
        loop.own.add(cost)
    return root


def has_work(loop, what):
    return loop.own.work(what) > 0 or any(has_work(x, what) for x in loop.inner)


def weigh(loop, times, trips, path=()):
    """The cost of a loop's body run `times` times; `trips` tells how often each inner loop comes round."""
    total = Cost({})
    total.add(loop.own, times)
    for i, inner in enumerate(loop.inner):
        total.add(weigh(inner, times * trips(path + (i,), inner), trips, path + (i,)))
    return total


def trips_by_work(root, each, what, given):
    """How often the outermost loops come round whose trips are not given: by the work that an invocation must do.

    Loops of multiply-adds share them, but for those that do less than half as much a time as another: these take up what
    is left over, and count once. Each loop over memory passes over all of it.
    """
    def inner_trips(i):
        return lambda path, loop: given.get(".".join(map(str, (i,) + path)), 1)

    once = {i: weigh(loop, 1, inner_trips(i)).work(what) for i, loop in enumerate(root.inner) if has_work(loop, what)}
    open_loops = [i for i in once if str(i) not in given]
    if what == "bytes_read":
        return {str(i): each / once[i] for i in open_loops}
    most = max((once[i] for i in open_loops), default=0)
    trips = {str(i): 1 for i in open_loops if once[i] < most / 2}
    known = {**given, **trips}
    rest = each - root.own.work(what) - sum(once[i] * known[str(i)] for i in once if str(i) in known)
    large = [i for i in open_loops if str(i) not in trips]
    return {**trips, **{str(i): max(rest, 0) / sum(once[j] for j in large) for i in large}}


def estimate(text, machine, waves, work=None, given=None):
    """Cycles of all waves on one SIMD, the unit that holds them, the loops' trips, and the loops of unknown trips.

    work: ("multiply_adds" or "bytes_read", how many in the whole dispatch): what the loops' trips follow from. given:
    trips of loops by their place ("0", "0.1", ...), which go first. Other loops count once.
    """
    root = parse(text, machine)
    trips, unknown = dict(given or {}), []
    if work:
        trips.update(trips_by_work(root, work[1] / (waves * machine.lanes), work[0], trips))

    def times(path, _):
        place = ".".join(map(str, path))
        if place not in trips:
            unknown.append(place)
        return trips.get(place, 1)

    total = weigh(root, 1, times)
    units = {name: total.units.get(name, 0) * waves for name in UNITS}
    unit = max(UNITS, key=units.get)
    return {"cycles": units[unit], "unit": unit, "unknown": unknown, "trips": trips, "units": units}
