# SPDX-License-Identifier: Apache-2.0
"""Decompositions as the calls that JAX's rules for TPUs make; passes/decompose_*.cc have their algorithms.

JAX has eigh otherwise only as calls into vendors' libraries. svd, pinv, lstsq, matrix_rank, cond and norm(2) stand on
it, solve, inv and det on lu.
"""


def lower_eigh(ctx, matrix, *, lower=True, subset_by_index=None, **_):
    """(eigenvectors as columns, ascending eigenvalues) of [..., n, n]; NaN where the input is not finite.

    `subset_by_index` (start, stop) chooses among the eigenvalues, from the smallest.
    """
    from jax._src.interpreters import mlir

    (given,) = ctx.avals_in
    vectors, values = ctx.avals_out
    full = [given, values.update(shape=given.shape[:-1])]
    results = call(ctx, "Eigh", [matrix], full, f"{int(lower)},1,100,1e-6")
    if not subset_by_index or vectors.shape == given.shape:
        return results
    start, stop = subset_by_index
    choose = mlir.lower_fun(lambda *both: [array[..., start:stop] for array in both])
    return choose(ctx.replace(avals_in=full, primitive=None), *results)


def lower_lu(ctx, matrix, **_):
    """(L and U packed in one matrix, pivots, permutation) of [..., m, n], as jax.lax.linalg.lu."""
    return call(ctx, "LuDecomposition", [matrix], ctx.avals_out, "")


def call(ctx, target, operands, avals, config):
    from jax._src.interpreters import mlir

    return mlir.custom_call(
        target,
        result_types=[mlir.aval_to_ir_type(ctx.module_context, aval) for aval in avals],
        operands=operands,
        backend_config=config,
        api_version=1,
        result_shapes=dynamic_shapes(ctx, avals),
    ).results


def dynamic_shapes(ctx, avals):
    """The results' shapes as operands, which a call needs whose sizes are symbols; otherwise None."""
    from jax._src import core
    from jax._src.interpreters import mlir

    if all(core.is_constant_shape(aval.shape) for aval in avals):
        return None
    return [mlir.eval_dynamic_shape_as_tensor(ctx, aval.shape) for aval in avals]
