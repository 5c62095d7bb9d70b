# SPDX-License-Identifier: Apache-2.0
"""Lowering rules that JAX has for the platforms it knows and lacks for a new one."""


def enable_callbacks(platform):
    """pure_callback and io_callback: Python functions called through host send and receive.

    JAX's emit_python_callback has a fixed list of platforms; for ours the TPU form is emitted, which needs nothing
    but the send and receive callbacks of PJRT_LoadedExecutable_Execute.
    """
    import functools

    import numpy as np
    from jax._src import callback as jax_callback

    original = jax_callback.emit_python_callback
    emit_host_transfers = jax_callback._emit_tpu_python_callback
    to_shape = jax_callback._aval_to_xla_shape

    @functools.wraps(original)
    def emit_python_callback(ctx, callback, token, operands, operand_avals, result_avals, **options):
        if tuple(ctx.module_context.platforms) != (platform,):
            return original(ctx, callback, token, operands, operand_avals, result_avals, **options)
        if options.get("partitioned") and result_avals:
            raise ValueError("Partitioned callbacks with results are not supported.")
        received = [aval for aval in result_avals if np.prod(aval.shape) > 0]
        outputs, token = emit_host_transfers(
            ctx.module_context.get_backend(),
            ctx,
            checked_callback(callback, result_avals),
            token,
            operands,
            operand_avals,
            [to_shape(aval) for aval in operand_avals],
            received,
            [to_shape(aval) for aval in received],
            returns_token=options.get("returns_token", True),
            sharding=options.get("sharding"),
        )
        return with_empty_results(outputs, result_avals), token, None

    jax_callback.emit_python_callback = emit_python_callback


def with_empty_results(outputs, result_avals):
    """All results, of which nothing is received for the empty ones: they are constants in the program."""
    import numpy as np
    from jax._src.interpreters import mlir

    remaining = iter(outputs)
    return [
        next(remaining) if np.prod(aval.shape) > 0 else mlir.ir_constant(np.zeros(aval.shape, aval.dtype))
        for aval in result_avals
    ]


def checked_callback(callback, result_avals):
    """The callback, refusing results that are not what it promised."""
    import numpy as np
    from jax._src import dtypes

    def call(*args):
        values = tuple(np.asarray(value) for value in callback(*args))
        if len(values) != len(result_avals):
            raise RuntimeError(f"The callback gives {len(values)} results, {len(result_avals)} are expected.")
        values = tuple(
            value if value.dtype == aval.dtype else dtypes.canonicalize_value(value)
            for value, aval in zip(values, result_avals)
        )
        for number, (value, aval) in enumerate(zip(values, result_avals)):
            if value.shape != aval.shape or value.dtype != aval.dtype:
                raise RuntimeError(
                    f"Result {number} of the callback is {value.dtype}{list(value.shape)}, expected is "
                    f"{aval.dtype}{list(aval.shape)}."
                )
        return tuple(value for value in values if value.size > 0)

    return call


def enable_debug_callback(platform):
    from jax._src import debugging
    from jax._src.interpreters import mlir

    # Every callback has channels of its own: its lowering must not be shared.
    rule = debugging.debug_callback_lowering
    mlir.register_lowering(debugging.debug_callback_p, rule, platform=platform, cacheable=False)


def enable_debug_print(platform):
    from jax._src import debugging
    from jax._src.interpreters import mlir

    rule = debugging.debug_print_lowering_rule
    mlir.register_lowering(debugging.debug_print_p, rule, platform=platform, cacheable=False)


def enable_checks(platform):
    from jax._src import checkify
    from jax._src.interpreters import mlir

    mlir.register_lowering(checkify.check_p, checkify.check_lowering_rule, platform=platform, cacheable=False)


def enable_linear_algebra(platform):
    """eigh, lu and tridiagonal_solve of our own; JAX's rules for all platforms, freed of the user's stricter settings."""
    from jax._src import core
    from jax._src.interpreters import mlir
    from jax._src.lax import linalg

    from dragoman import _host, _linalg, _symbolic, _tridiagonal

    of_unknown_sizes = {linalg.svd_p: mlir.lower_fun(_symbolic.svd)}

    def add(primitive, rule):
        def lower(ctx, *operands, **params):
            is_known = all(core.is_constant_shape(aval.shape[-2:]) for aval in ctx.avals_in)
            chosen = rule if is_known else of_unknown_sizes.get(primitive, rule)
            with _host.plain_settings():
                return chosen(ctx.replace(avals_in=without_mesh_axes(ctx.avals_in)), *operands, **params)

        mlir.register_lowering(primitive, lower, platform=platform)

    for primitive in vars(linalg).values():
        if isinstance(primitive, core.Primitive) and primitive in mlir._lowerings:
            add(primitive, mlir._lowerings[primitive].rule)
    add(linalg.eigh_p, _linalg.lower_eigh)
    add(linalg.lu_p, _linalg.lower_lu)
    add(linalg.tridiagonal_solve_p, mlir.lower_fun(_tridiagonal.solve, multiple_results=False))


def without_mesh_axes(avals):
    """The types without the axes of a mesh that their values vary over in the body of a shard_map.

    Loops of rules start from constants, which vary over no axis, so that JAX would find the types before and after an
    iteration different. In the body each device computes on its own: the operations are the same.
    """
    from jax._src import core

    return [
        core.ShapedArray(aval.shape, aval.dtype, aval.weak_type, sharding=aval.sharding, memory_space=aval.memory_space)
        for aval in avals
    ]


def enable_missing_rules(platform):
    from dragoman import _missing_rules

    _missing_rules.install(platform)


def enable_ffi(platform):
    from jax._src import ffi
    from jax._src.interpreters import mlir
    from jax._src.lib import xla_client

    from dragoman import _host

    targets = _host.FfiTargets(platform)
    xla_client.register_custom_call_handler(platform, targets.register)
    mlir.register_lowering(ffi.ffi_call_p, _host.ffi_rule(targets), platform=platform, cacheable=False)


def enable_special_functions(platform):
    """erf and erfc stay one operation: JAX expands them into up to ninety before a platform's compiler sees them."""
    from jax import lax
    from jax._src.interpreters import mlir
    from jax._src.lax import special
    from jax.extend import core

    def add(name, primitive):
        expansion = core.Primitive(f"{name}_expansion")
        expansion.def_abstract_eval(lambda x: x)
        mlir.register_lowering(expansion, mlir._lowerings[primitive].rule)
        composite = mlir.lower_fun(lax.composite(expansion.bind, f"chlo.{name}"), multiple_results=False)
        mlir.register_lowering(primitive, lambda ctx, x, **_: composite(ctx, x), platform=platform)

    add("erf", special.erf_p)
    add("erfc", special.erfc_p)


def enable_dlpack(platform):
    from dragoman import _dlpack

    _dlpack.enable(platform)


FEATURES = [
    ("call Python from compiled code", enable_callbacks),
    ("lower debug callbacks", enable_debug_callback),
    ("lower debug prints", enable_debug_print),
    ("lower checks", enable_checks),
    ("lower linear algebra", enable_linear_algebra),
    ("run on the host what has no kernel", enable_missing_rules),
    ("call jax.ffi targets", enable_ffi),
    ("keep erf and erfc as they are", enable_special_functions),
    ("give arrays in the host's memory to other libraries", enable_dlpack),
]
