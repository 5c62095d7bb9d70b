# SPDX-License-Identifier: Apache-2.0
"""Tridiagonal systems by Gaussian elimination with partial pivoting (Golub and Van Loan, Matrix Computations, 4.3).

JAX's own rule for platforms without LAPACK or cuSPARSE does not pivot: a zero on the diagonal makes it NaN, a small one
makes it wrong. Rows are eliminated one after the other, all systems of a batch at once.
"""


def solve(lower, diagonal, upper, rhs, *, perturb_singular=False, **_):
    """x of A x = rhs for each system; lower, diagonal, upper [..., m], rhs and the result [..., m, k].

    lower[0] and upper[m - 1] are not used. A singular system gives NaN, or, when perturb_singular, what its pivots give
    when those too small to divide by are moved away from zero by eps times the largest element of the factor U.
    """
    import jax.numpy as jnp

    if rhs.size == 0:
        return rhs
    upper = jnp.concatenate([upper[..., :-1], jnp.zeros_like(upper[..., :1])], axis=-1)
    rows = [jnp.moveaxis(array, -1, 0)[..., None] for array in (lower, diagonal, upper)]
    factor, transformed = eliminate(*rows, jnp.moveaxis(rhs, -2, 0))
    if perturb_singular:
        solution = substitute(factor, transformed, perturbation(factor))
    else:
        is_singular = jnp.any(factor[0] == 0, axis=0)
        solution = jnp.where(is_singular, jnp.nan, substitute(factor, transformed, None))
    return jnp.moveaxis(solution, 0, -2)


def eliminate(lower, diagonal, upper, rhs):
    """The three diagonals of U, and the right-hand side that goes with it; rows first."""
    import jax.numpy as jnp
    from jax import lax

    def step(active, below):
        # Two rows that have a first element in this column: the one left of all above, and the next of the matrix.
        (first, second, value), (below_first, below_second, below_third, below_value) = active, below
        none = jnp.zeros_like(second)
        is_swapped = jnp.abs(below_first) > jnp.abs(first)
        pairs = [
            (first, below_first), (second, below_second), (none, below_third), (value, below_value)
        ]  # fmt: skip
        pivot = [jnp.where(is_swapped, there, here) for here, there in pairs]
        other = [jnp.where(is_swapped, here, there) for here, there in pairs]
        factor = jnp.where(pivot[0] == 0, 0, other[0] / jnp.where(pivot[0] == 0, 1, pivot[0]))
        remaining = tuple(there - factor * here for here, there in zip(pivot[1:], other[1:]))
        return remaining, tuple(pivot)

    last, above = lax.scan(step, (diagonal[0], upper[0], rhs[0]), (lower[1:], diagonal[1:], upper[1:], rhs[1:]))
    zero = jnp.zeros_like(last[0])
    ends = (last[0], zero, zero, last[2])
    first, second, third, value = (jnp.concatenate([rows, end[None]]) for rows, end in zip(above, ends))
    return (first, second, third), value


def substitute(factor, rhs, moved):
    """x of U x = rhs; pivots too small to divide by are moved by `moved`, where it is given."""
    import jax.numpy as jnp
    from jax import lax

    def step(below, row):
        next_value, value_after = below
        (pivot, second, third), value = row
        value = value - second * next_value - third * value_after
        value = value / (pivot if moved is None else away_from_zero(pivot, value, moved))
        return (value, next_value), value

    zero = jnp.zeros_like(rhs[0])
    return lax.scan(step, (zero, zero), (factor, rhs), reverse=True)[1]


def perturbation(factor):
    """eps times the largest element of each system's U; eps where all of U is zero."""
    import jax.numpy as jnp

    largest = jnp.max(jnp.abs(jnp.stack(factor)), axis=(0, 1))
    return jnp.finfo(largest.dtype).eps * jnp.where(largest == 0, 1, largest)


def away_from_zero(pivot, value, moved):
    """The pivot, moved in its own direction where value / pivot would overflow in any column of value."""
    import jax.numpy as jnp

    tiny = jnp.finfo(moved.dtype).tiny
    size = jnp.abs(pivot)
    largest = jnp.max(jnp.abs(value), axis=-1, keepdims=True)
    is_too_small = (size == 0) | ((size < 1) & (largest * tiny > size))
    direction = jnp.where(size == 0, 1, pivot / jnp.where(size == 0, 1, size))
    return jnp.where(is_too_small, pivot + direction * moved, pivot).astype(pivot.dtype)
