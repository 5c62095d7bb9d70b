# SPDX-License-Identifier: Apache-2.0
"""The singular value decomposition of matrices whose sizes are symbols (jax.export's symbolic dimensions).

JAX's own form asks which of two sizes is the larger one, which a symbol does not answer. This one holds for all sizes. It
costs more than the form for known sizes, so it serves exported programs only.
"""


def svd(matrix, *, full_matrices, compute_uv, subset_by_index=None, **_):
    """[singular values, U, V^H] of [..., m, n], or [singular values], as jax.lax.linalg.svd."""
    import jax
    import jax.numpy as jnp

    rows, columns = matrix.shape[-2:]
    is_wide = is_at_least(columns, rows)
    if is_at_least(rows, columns) or is_wide:
        decompose = svd_of_tall
        for _ in matrix.shape[:-2]:
            decompose = jax.vmap(decompose, in_axes=(0, None))
    else:
        decompose = svd_of_any
    left, singular, right = decompose(adjoint(matrix) if is_wide else matrix, full_matrices)
    if is_wide:
        left, right = right, left
    is_finite = jnp.all(jnp.isfinite(matrix), axis=(-2, -1))
    left, right = [jnp.where(is_finite[..., None, None], vectors, jnp.nan) for vectors in (left, right)]
    singular = jnp.where(is_finite[..., None], singular, jnp.nan)
    if subset_by_index:
        first, last = subset_by_index
        left, singular, right = [part[..., first:last] for part in (left, singular, right)]
    return [singular, left, adjoint(right)] if compute_uv else [singular]


def is_at_least(one, other):
    """Whether a size is at least another for all values of the symbols."""
    from jax._src import core

    try:
        return one >= other
    except core.InconclusiveDimensionOperation:
        return False


def svd_of_tall(matrix, full_matrices):
    """(U, singular values, V) of [m, n] where m >= n: QR, then JAX's own form for the square R."""
    import jax
    import jax.numpy as jnp
    from jax._src.lax import linalg
    from jax._src.tpu.linalg.svd import _svd_tall_and_square_input as svd_of_square

    columns = matrix.shape[1]
    q, r = linalg.qr(matrix, full_matrices=full_matrices)
    with jax.default_matmul_precision("float32"):
        left, singular, right = svd_of_square(r[:columns], False, True, 10, None)
        left = q[:, :columns] @ left
    if full_matrices:
        left = jnp.concatenate([left, q[:, columns:]], axis=1)
    return left, singular, right


def svd_of_any(matrix, full_matrices):
    """(U, singular values, V) of [..., m, n] when nobody knows which size is the larger one.

    The eigenvalues of the Hermitian [[0, A], [A^H, 0]] are the singular values, their negatives and |m - n| zeros; its
    eigenvectors are [u; v] / sqrt(2) (Golub and Van Loan, section 8.6). Where a singular value is zero to rounding, u
    and v are not of length 1 each: Householder's QR, which changes the others' signs at most, replaces them.
    """
    import jax.numpy as jnp
    from jax import core

    from jax._src.lax import linalg

    rows, columns = matrix.shape[-2:]
    rank = core.min_dim(rows, columns)
    vectors, values = linalg.eigh(jordan_wielandt(matrix), symmetrize_input=False)
    values = jnp.flip(values, axis=-1)[..., :rank]
    vectors = jnp.flip(vectors, axis=-1)[..., :rank]
    left = orthonormal(vectors[..., :rows, :], full_matrices)
    right = orthonormal(vectors[..., rows:, :], full_matrices)
    return left, jnp.maximum(values, 0), right


def adjoint(matrix):
    import jax.numpy as jnp

    return jnp.conj(jnp.swapaxes(matrix, -1, -2))


def jordan_wielandt(matrix):
    """[[0, A], [A^H, 0]] for each A [..., m, n]."""
    import jax.numpy as jnp

    *batch, rows, columns = matrix.shape
    above = jnp.concatenate([jnp.zeros((*batch, rows, rows), matrix.dtype), matrix], axis=-1)
    below = jnp.concatenate([adjoint(matrix), jnp.zeros((*batch, columns, columns), matrix.dtype)], axis=-1)
    return jnp.concatenate([above, below], axis=-2)


def orthonormal(vectors, full_matrices):
    """The columns [..., m, k], k <= m, made orthonormal, each in its direction; m columns when full_matrices."""
    import jax.numpy as jnp
    from jax import lax
    from jax._src.lax import linalg

    rows, columns = vectors.shape[-2:]
    packed, taus = linalg.geqrf(vectors)
    # Of R, which LAPACK's convention makes real.
    diagonal = jnp.real(jnp.diagonal(packed[..., :columns, :], axis1=-2, axis2=-1))
    wide = jnp.where(diagonal < 0, -1, 1).astype(vectors.dtype)
    if full_matrices:
        padding = [(0, 0, 0)] * (vectors.ndim - 1) + [(0, rows - columns, 0)]
        packed = lax.pad(packed, jnp.zeros((), packed.dtype), padding)
        wide = lax.pad(wide, jnp.ones((), wide.dtype), padding[1:])
    return linalg.householder_product(packed, taus) * wide[..., None, :]
