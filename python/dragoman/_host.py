# SPDX-License-Identifier: Apache-2.0
"""What runs on the host, through JAX's CPU backend, because no kernel of ours computes it.

Those are the primitives that JAX itself leaves to LAPACK or SciPy (eig, schur, hessenberg, tridiagonal, pivoted QR,
spsolve, ...) and jax.ffi calls, whose targets are C functions that want the host's memory. The operands are sent to the
host, JAX's CPU backend computes, the results are received. Derivatives, vmap and jit need nothing of their own: JAX
differentiates and batches the primitive before it is lowered.
"""

import contextlib
import logging
from concurrent import futures

import numpy as np

logger = logging.getLogger(__name__)
said = set()


def say_once(message):
    """In the log, once a process."""
    if message not in said:
        said.add(message)
        logger.warning(message)


@contextlib.contextmanager
def plain_settings():
    """JAX's defaults for what a user may have made stricter: rules are our code, not the user's.

    Without it jax_numpy_dtype_promotion="strict" would refuse a rule that multiplies a real by a complex array.
    """
    import jax

    with (
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        jax.debug_nans(False),
        jax.debug_infs(False),
    ):
        yield


@contextlib.contextmanager
def cpu_settings(device):
    """For what the CPU backend compiles and runs. Its types are the program's, so 64 bits must be allowed."""
    import jax

    with plain_settings(), jax.enable_x64(True), jax.default_device(device), jax.transfer_guard("allow"):
        yield


class CpuCall:
    """A primitive compiled for JAX's CPU backend, as a function of NumPy arrays."""

    def __init__(self, primitive, params, operand_types):
        import jax

        def function(*operands):
            results = primitive.bind(*operands, **params)
            return tuple(results) if primitive.multiple_results else (results,)

        def compile_it():
            types = [jax.ShapeDtypeStruct(operand.shape, operand.dtype) for operand in operand_types]
            with cpu_settings(self.device):
                return jax.jit(function).lower(*types).compile()

        self.device = cpu_device()
        # A thread of its own knows nothing of the mesh and the other contexts that the user's program is traced in.
        with futures.ThreadPoolExecutor(1) as thread:
            self.compiled = thread.submit(compile_it).result()

    def __call__(self, *operands):
        import jax

        with cpu_settings(self.device):  # the thread that calls has settings of its own
            given = jax.device_put([np.asarray(operand) for operand in operands], self.device)
            return tuple(np.asarray(result) for result in self.compiled(*given))


def cpu_device():
    import jax

    return jax.local_devices(backend="cpu")[0]


def emit_call(ctx, name, primitive, operands, params, *, has_side_effect=False):
    """The results of a primitive that the host computes. `name` is how a user knows it."""
    from jax._src import callback as jax_callback

    if ctx.module_context.lowering_parameters.for_export:
        raise NotImplementedError(
            f"{name} runs on the host on the platform dragoman, and an exported program holds no host code. "
            "Export for the platform cpu, or leave it out of the exported function."
        )
    try:
        cpu_device()
    except RuntimeError as error:
        raise NotImplementedError(
            f"{name} runs on the host through JAX's CPU backend on the platform dragoman, and JAX_PLATFORMS leaves "
            "that backend out. Set JAX_PLATFORMS=dragoman,cpu."
        ) from error
    call = CpuCall(primitive, params, ctx.avals_in)
    say_once(f"{name} runs on the host, through JAX's CPU backend: there is no GPU kernel for it.")
    results, _, _ = jax_callback.emit_python_callback(
        ctx, call, None, list(operands), ctx.avals_in, ctx.avals_out,
        has_side_effect=has_side_effect, returns_token=False,
    )  # fmt: skip
    return results


def rule_of(primitive):
    """The lowering rule that runs a primitive on the host."""

    def rule(ctx, *operands, **params):
        return emit_call(ctx, primitive.name, primitive, operands, params)

    return rule


class FfiTargets:
    """The C functions that jax.ffi.register_ffi_target registered for our platform."""

    def __init__(self, platform):
        self.platform = platform
        self.given = {}  # name -> what the CPU backend's registration takes
        self.on_cpu = set()

    def register(self, name, function, _platform, api_version, traits=None):
        """JAX's handler of registrations; it holds a lock of JAX's meanwhile, so it only notes them."""
        self.given[name] = (function, api_version, traits)

    def name_on_cpu(self, name):
        """Under which name the CPU backend knows the target; None when nobody registered it."""
        from jax._src.lib import xla_client

        if name not in self.given:
            return name if name in xla_client.custom_call_targets("Host") else None
        ours = f"{name}.{self.platform}"  # the target of the same name for cpu may be another function
        if ours not in self.on_cpu:
            function, api_version, traits = self.given[name]
            options = {} if traits is None else {"traits": traits}
            xla_client.register_custom_call_target(ours, function, "cpu", api_version, **options)
            self.on_cpu.add(ours)
        return ours


def ffi_rule(targets):
    """jax.ffi.ffi_call: on the host where the target is known, else the bare custom call, which the compiler judges."""
    from jax._src import ffi

    def rule(ctx, *operands, target_name, **params):
        on_cpu = targets.name_on_cpu(target_name)
        if on_cpu is None:
            return ffi.ffi_call_lowering(ctx, *operands, target_name=target_name, **params)
        params["target_name"] = on_cpu
        has_side_effect = params["has_side_effect"]
        name = f"The jax.ffi target {target_name!r}"
        return emit_call(ctx, name, ffi.ffi_call_p, operands, params, has_side_effect=has_side_effect)

    return rule
