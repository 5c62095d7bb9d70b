# SPDX-License-Identifier: Apache-2.0
"""Eigenvalues and eigenvectors of symmetric and Hermitian matrices by parallel Jacobi rotations.

JAX has eigh only as calls into vendors' libraries. This is written in JAX itself, of elementwise operations, slices
and one sort, so it runs on every device; svd, pinv, lstsq, matrix_rank, cond and norm(2) stand on it.

Half of the rows are rotated against the other half at once; between the rounds all rows but the first move on by one
place, as players do in a round-robin tournament, so that in one sweep every row meets every other.
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
        return matrix, jnp.real(matrix)[..., 0]
    # An even number of rows, so that all of them have a partner. The extra one is never rotated: it meets zeros only.
    padding = [(0, 0, 0)] * (matrix.ndim - 2) + [(0, size % 2, 0)] * 2
    start = lax.pad(given, jnp.zeros((), given.dtype), padding)
    even = size + size % 2
    vectors = jnp.broadcast_to(jnp.eye(even, dtype=given.dtype), start.shape)
    is_extra = jnp.broadcast_to(jnp.arange(even) >= size, start.shape[:-1])
    tolerance = jnp.finfo(given.dtype).eps * jnp.sqrt(squares(start))
    negligible = (tolerance / even)[..., None]  # rotating what is smaller only adds rounding errors

    def is_unfinished(state):
        sweep, rotated, *_ = state
        return (sweep < MAX_SWEEPS) & jnp.any(jnp.sqrt(off_diagonal_squares(rotated)) > tolerance)

    def sweep_once(state):
        sweep, *rest = state
        return (sweep + 1, *lax.fori_loop(0, even - 1, lambda _, now: rotate_and_move(*now, negligible), tuple(rest)))

    _, rotated, vectors, is_extra = lax.while_loop(is_unfinished, sweep_once, (0, start, vectors, is_extra))
    values = jnp.real(jnp.diagonal(rotated, axis1=-2, axis2=-1))
    keys = jnp.where(is_extra, jnp.inf, values)  # the extra one last
    vectors = sort_columns(keys, vectors)[..., :size, :size]
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


def rotate_and_move(matrix, vectors, is_extra, negligible):
    """One round: makes the elements between all partners zero, then gives everybody a new partner."""
    import jax.numpy as jnp

    cosine, sine, phase = rotations(matrix, negligible)
    matrix = rotate_columns(matrix, cosine, sine, phase)
    matrix = jnp.swapaxes(rotate_columns(jnp.swapaxes(matrix, -1, -2), cosine, sine, jnp.conj(phase)), -1, -2)
    vectors = rotate_columns(vectors, cosine, sine, phase)
    return move(move(matrix, -1), -2), move(vectors, -1), move(is_extra, -1)


def rotations(matrix, negligible):
    """For partners i and i + half: cosine and sine, and the phase that makes the element between them real."""
    import jax.numpy as jnp

    half = matrix.shape[-1] // 2
    diagonal = jnp.real(jnp.diagonal(matrix, axis1=-2, axis2=-1))
    between = jnp.diagonal(matrix[..., :half, half:], axis1=-2, axis2=-1)
    size = jnp.abs(between)
    is_zero = size <= negligible
    safe_size = jnp.where(is_zero, 1, size)
    phase = jnp.where(is_zero, 1, jnp.conj(between) / safe_size)
    slope = (diagonal[..., half:] - diagonal[..., :half]) / (2 * safe_size)
    # The smaller of the two angles; where slope is huge its square overflows and the tangent is 0, as it should be.
    tangent = jnp.where(slope < 0, -1, 1) / (jnp.abs(slope) + jnp.sqrt(1 + slope * slope))
    tangent = jnp.where(is_zero, 0, tangent)
    cosine = 1 / jnp.sqrt(1 + tangent * tangent)
    return cosine, tangent * cosine, phase


def rotate_columns(matrix, cosine, sine, phase):
    import jax.numpy as jnp

    half = matrix.shape[-1] // 2
    left = matrix[..., :half]
    right = matrix[..., half:] * phase[..., None, :]
    cosine, sine = cosine[..., None, :], sine[..., None, :]
    return jnp.concatenate([cosine * left - sine * right, sine * left + cosine * right], axis=-1)


def move(array, axis):
    """[a b c | d e f] becomes [a d b | e f c]: the first stays, everybody else moves on."""
    import jax.numpy as jnp
    from jax import lax

    axis %= array.ndim
    half = array.shape[axis] // 2
    if half == 1:
        return array

    def part(start, stop):
        return lax.slice_in_dim(array, start, stop, axis=axis)

    order = [(0, 1), (half, half + 1), (1, half - 1), (half + 1, 2 * half), (half - 1, half)]
    return jnp.concatenate([part(start, stop) for start, stop in order], axis=axis)
