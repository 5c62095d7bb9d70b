# SPDX-License-Identifier: Apache-2.0
"""Rules for the primitives that JAX lowers on some platforms only, found when a program first needs one.

They are looked up late because packages such as jax.experimental.sparse and Pallas register their primitives when they
are imported, which may be long after this platform started.
"""

from dragoman import _host

# Programs for another machine's units: the CPU backend has rules for them that only raise.
INTERPRETED = "pallas_call"


class Rules(dict):
    """JAX's table of one platform's rules, primitive -> LoweringRuleEntry, which makes what is missing."""

    def __init__(self, platform, rules):
        super().__init__(rules)
        self.platform = platform

    def __contains__(self, primitive):
        if not super().__contains__(primitive):
            rule = missing_rule(primitive, self.platform)
            if rule is None:
                return False
            self.add(primitive, rule)
        return True

    def add(self, primitive, rule):
        from jax._src.interpreters import mlir

        # Every host call has channels of its own, so its lowering must not be shared.
        mlir.register_lowering(primitive, rule, platform=self.platform, cacheable=False)


def missing_rule(primitive, platform):
    """A rule for a primitive that has none for this platform; None where JAX's rule for all platforms serves."""
    from jax._src.interpreters import mlir

    if primitive.name == INTERPRETED:
        return interpreted_only(mlir._lowerings[primitive].rule, platform)
    if primitive in mlir._lowerings:
        return None
    known = mlir._platform_specific_lowerings
    if primitive in known["cpu"]:
        return _host.rule_of(primitive)
    others = sorted(name for name, rules in list(known.items()) if name != platform and primitive in rules)
    return refusal(primitive, platform, others) if others else None


def interpreted_only(rule, platform):
    """Pallas: its interpreter is made of ordinary operations, its kernels are another vendor's code."""

    def lower(ctx, *operands, interpret, **params):
        if not interpret:
            raise NotImplementedError(
                f"Pallas kernels cannot be compiled for the platform {platform}: they are written for Triton, Mosaic "
                "or TPUs. Call pallas_call with interpret=True, which runs them as ordinary JAX operations, or write "
                "the function with jax.numpy and jax.lax."
            )
        return rule(ctx, *operands, interpret=interpret, **params)

    return lower


def refusal(primitive, platform, others):
    def refuse(*_, **__):
        raise NotImplementedError(
            f"The operation {primitive.name} exists for the platforms {', '.join(others)} only, not for {platform}. "
            "Write it with jax.numpy and jax.lax operations, or choose an implementation that uses them."
        )

    return refuse


def install(platform):
    from jax._src.interpreters import mlir

    tables = mlir._platform_specific_lowerings
    tables[platform] = Rules(platform, tables[platform])
