# SPDX-License-Identifier: Apache-2.0
"""Eigenvalues and eigenvectors of symmetric and Hermitian matrices by parallel Jacobi rotations.

JAX has eigh only as calls into vendors' libraries. This is written in JAX itself, of elementwise operations, slices
and one sort, so it runs on every device; svd, pinv, lstsq, matrix_rank, cond and norm(2) stand on it.

Half of the rows are rotated against the other half at once. Who meets whom changes from round to round as in a
round-robin tournament, so that in one sweep every row meets every other.
"""

MAX_SWEEPS = 20


def eigh(matrix, *, lower=True, sort_eigenvalues=True, subset_by_index=None, **_):
    """(eigenvectors as columns, ascending eigenvalues) of [..., n, n]; NaN where the input is not finite.

    `subset_by_index` (start, stop) chooses among the eigenvalues, from the smallest.
    """
    import jax.numpy as jnp
    from jax import lax

    del sort_eigenvalues
    size = matrix.shape[-1]
    start_index, stop_index = subset_by_index or (0, size)
    given = hermitian_part(matrix, lower)
    if size == 0:
        return matrix, jnp.real(jnp.sum(matrix, axis=-1))
    # An even number of rows, so that all of them have a partner. The extra one is never rotated: it meets zeros only.
    padding = [(0, 0, 0)] * (matrix.ndim - 2) + [(0, size % 2, 0)] * 2
    start = lax.pad(given, jnp.zeros((), given.dtype), padding)
    even = size + size % 2
    vectors = jnp.broadcast_to(jnp.eye(even, dtype=given.dtype), start.shape)
    tolerance = jnp.finfo(given.dtype).eps * jnp.sqrt(squares(start))
    negligible = (tolerance / even)[..., None]  # rotating what is smaller only adds rounding errors

    def is_unfinished(state):
        sweep, rotated, _ = state
        return (sweep < MAX_SWEEPS) & jnp.any(jnp.sqrt(off_diagonal_squares(rotated)) > tolerance)

    def sweep_once(state):
        sweep, *rest = state
        return (sweep + 1, *lax.fori_loop(0, even - 1, lambda turn, now: rotate(*now, turn, negligible), tuple(rest)))

    _, rotated, vectors = lax.while_loop(is_unfinished, sweep_once, (0, start, vectors))
    values = jnp.real(jnp.diagonal(rotated, axis1=-2, axis2=-1))[..., :size]
    vectors = sort_columns(values, vectors[..., :size, :size])
    # The vectors are good to rounding; the values collect the errors of all sweeps, so they are computed anew.
    vectors = vectors / jnp.linalg.norm(vectors, axis=-2, keepdims=True)
    values = jnp.sort(jnp.real(jnp.sum(jnp.conj(vectors) * matmul(given, vectors), axis=-2)))
    is_finite = jnp.isfinite(jnp.sum(jnp.abs(given), axis=(-2, -1)))[..., None]
    values = jnp.where(is_finite, values, jnp.nan)
    vectors = jnp.where(is_finite[..., None], vectors, jnp.nan)
    return vectors[..., start_index:stop_index], values[..., start_index:stop_index]


def hermitian_part(matrix, lower):
    """The matrix that the one triangle means."""
    import jax.numpy as jnp

    triangle = jnp.tril(matrix, -1) if lower else jnp.triu(matrix, 1)
    diagonal = jnp.real(jnp.diagonal(matrix, axis1=-2, axis2=-1)).astype(matrix.dtype)
    on_diagonal = jnp.eye(matrix.shape[-1], dtype=bool)
    mirrored = triangle + jnp.conj(jnp.swapaxes(triangle, -1, -2))
    return jnp.where(on_diagonal, diagonal[..., None, :], mirrored)


def squares(matrix):
    import jax.numpy as jnp

    return jnp.sum(jnp.real(matrix) ** 2 + jnp.imag(matrix) ** 2, axis=(-2, -1))


def off_diagonal_squares(matrix):
    import jax.numpy as jnp

    return squares(jnp.where(jnp.eye(matrix.shape[-1], dtype=bool), 0, matrix))


def matmul(lhs, rhs):
    import jax.numpy as jnp
    from jax import lax

    return jnp.matmul(lhs, rhs, precision=lax.Precision.HIGHEST)


def sort_columns(keys, vectors):
    """The columns in the order of their keys. The keys are repeated for every row, which needs no gather."""
    import jax.numpy as jnp
    from jax import lax

    def sort(*operands):
        return lax.sort(operands, dimension=vectors.ndim - 1, num_keys=1)[1:]

    repeated = jnp.broadcast_to(keys[..., None, :], vectors.shape)
    if not jnp.iscomplexobj(vectors):
        return sort(repeated, vectors)[0]
    return lax.complex(*sort(repeated, jnp.real(vectors), jnp.imag(vectors)))


def partners(turn, size):
    """For each of an even number of rows whom it meets in this turn, of size - 1 (the circle method).

    The last row stands in the middle; the sums of the others' partners are equal modulo size - 1.
    """
    import jax.numpy as jnp

    others = size - 1
    row = jnp.arange(size, dtype=jnp.int32)
    turn = jnp.asarray(turn, jnp.int32)
    partner = (turn - row + others) % others
    left_over = turn * (size // 2) % others  # who would meet himself: twice his number is `turn`
    return jnp.where(row == others, left_over, jnp.where(row == left_over, others, partner))


def rotate(matrix, vectors, turn, negligible):
    """One round: makes the elements between all partners zero."""
    import jax.numpy as jnp

    partner = partners(turn, matrix.shape[-1])
    own, other = rotations(matrix, partner, negligible)
    matrix = rotate_columns(matrix, partner, own, other)
    matrix = rotate_columns(jnp.swapaxes(matrix, -1, -2), partner, jnp.conj(own), jnp.conj(other))
    return jnp.swapaxes(matrix, -1, -2), rotate_columns(vectors, partner, own, other)


def rotations(matrix, partner, negligible):
    """For each column the factors with which it and its partner make the new one.

    The first of two partners is the one with the smaller number: it becomes cosine first - sine phase second, the other
    sine first + cosine phase second, where the phase makes the element between them real.
    """
    import jax.numpy as jnp

    row = jnp.arange(matrix.shape[-1], dtype=jnp.int32)
    is_first = row < partner
    diagonal = jnp.real(jnp.diagonal(matrix, axis1=-2, axis2=-1))
    theirs = choose(diagonal, partner)
    # The element in the first one's row and the second one's column, for both: with two that differ by rounding the
    # rotation would not be orthogonal.
    between = jnp.sum(jnp.where(row == partner[:, None], matrix, 0), axis=-1)
    between = jnp.where(is_first, between, choose(between, partner))
    size = jnp.abs(between)
    is_zero = size <= negligible
    safe_size = jnp.where(is_zero, 1, size)
    phase = jnp.where(is_zero, 1, jnp.conj(between) / safe_size)
    slope = jnp.where(is_first, theirs - diagonal, diagonal - theirs) / (2 * safe_size)
    # The smaller of the two angles; where slope is huge its square overflows and the tangent is 0, as it should be.
    tangent = jnp.where(slope < 0, -1, 1) / (jnp.abs(slope) + jnp.sqrt(1 + slope * slope))
    tangent = jnp.where(is_zero, 0, tangent)
    cosine = 1 / jnp.sqrt(1 + tangent * tangent)
    sine = tangent * cosine
    return jnp.where(is_first, cosine, cosine * phase), jnp.where(is_first, -sine * phase, sine)


def rotate_columns(matrix, partner, own, other):
    return own[..., None, :] * matrix + other[..., None, :] * choose(matrix, partner)


def choose(array, indices):
    """The elements of the last axis in another order."""
    import jax.numpy as jnp

    return jnp.take(array, indices, axis=-1, mode="clip")
