# SPDX-License-Identifier: Apache-2.0
"""The lowering rules that Dragoman adds to JAX, against NumPy and JAX's CPU backend."""

import numpy as np
import pytest


def symmetric(size, dtype, batch=()):
    random = np.random.default_rng(size)
    matrix = random.standard_normal((*batch, size, size))
    if np.issubdtype(dtype, np.complexfloating):
        matrix = matrix + 1j * random.standard_normal(matrix.shape)
    return ((matrix + np.conj(np.swapaxes(matrix, -1, -2))) / 2).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@pytest.mark.parametrize("size", [1, 2, 3, 8, 13, 70])
def test_eigh_finds_vectors_and_values(jax, device, size, dtype):
    matrix = symmetric(size, dtype, batch=(2,))
    values, vectors = map(np.asarray, jax.numpy.linalg.eigh(jax.device_put(matrix, device)))
    scale = np.abs(matrix).max() * size
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix), atol=2e-6 * scale)
    assert np.all(np.diff(values) >= 0)
    np.testing.assert_allclose(matrix @ vectors, vectors * values[:, None, :], atol=3e-6 * scale)
    identity = np.conj(np.swapaxes(vectors, -1, -2)) @ vectors
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(size), identity.shape), atol=5e-6)


@pytest.mark.parametrize("lower", [True, False])
def test_eigh_reads_one_triangle(jax, device, lower):
    matrix = symmetric(6, np.float32)
    other = np.triu(np.ones((6, 6), bool), 1) if lower else np.tril(np.ones((6, 6), bool), -1)
    spoiled = np.where(other, 1e6, matrix).astype(np.float32)
    _, values = jax.lax.linalg.eigh(jax.device_put(spoiled, device), lower=lower, symmetrize_input=False)
    np.testing.assert_allclose(np.asarray(values), np.linalg.eigvalsh(matrix), atol=1e-5)


MATRICES = {
    "zero": np.zeros((5, 5)),
    "diagonal": np.diag([3.0, -1.0, 2.0, 2.0]),
    "equal_values": np.ones((6, 6)),
    "tiny": symmetric(4, np.float32) * 1e-15,
    "huge": symmetric(4, np.float32) * 1e15,
    "graded": np.diag(10.0 ** np.arange(-6, 6, 2)) + 1e-7,
}


@pytest.mark.parametrize("name", MATRICES)
def test_eigh_of_special_matrices(jax, device, name):
    matrix = MATRICES[name].astype(np.float32)
    values, vectors = map(np.asarray, jax.numpy.linalg.eigh(jax.device_put(matrix, device)))
    scale = np.abs(matrix).max()
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix.astype(np.float64)), atol=1e-5 * scale)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(matrix)), atol=5e-6)


def test_eigh_of_what_is_not_finite_is_nan(jax, device):
    matrix = np.stack([np.eye(3), np.diag([1, np.inf, 2]), np.diag([1, np.nan, 2])]).astype(np.float32)
    values, vectors = map(np.asarray, jax.numpy.linalg.eigh(jax.device_put(matrix, device)))
    assert np.all(values[0] == 1) and np.all(np.isnan(values[1:])) and np.all(np.isnan(vectors[1:]))


def test_eigh_has_a_gradient(jax, device, cpu):
    matrix = symmetric(5, np.float32)
    gradient = jax.jit(jax.grad(lambda m: jax.numpy.linalg.eigh(m)[0][0]))
    there = np.asarray(gradient(jax.device_put(matrix, device)))
    np.testing.assert_allclose(there, np.asarray(gradient(jax.device_put(matrix, cpu))), atol=1e-4)


DECOMPOSITIONS = {
    "singular_values": lambda la, m: la.svd(m, compute_uv=False),
    "pinv": lambda la, m: la.pinv(m),
    "rank": lambda la, m: la.matrix_rank(m),
    "condition": lambda la, m: la.cond(m),
    "norm": lambda la, m: la.norm(m, 2),
    "least_squares": lambda la, m: la.lstsq(m, m[:, 0])[0],
}


@pytest.mark.parametrize("name", DECOMPOSITIONS)
def test_what_stands_on_eigh(jax, device, cpu, name):
    matrix = np.random.default_rng(3).standard_normal((6, 4)).astype(np.float32)
    function = jax.jit(lambda m: DECOMPOSITIONS[name](jax.numpy.linalg, m))
    there, here = function(jax.device_put(matrix, device)), function(jax.device_put(matrix, cpu))
    np.testing.assert_allclose(np.asarray(there), np.asarray(here), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@pytest.mark.parametrize("shape", [(1, 1), (2, 5, 3), (3, 5), (70, 70), (2, 33, 40)])
def test_lu_is_what_lapack_makes(jax, device, cpu, shape, dtype):
    random = np.random.default_rng(5)
    matrix = random.standard_normal(shape)
    if dtype == np.complex64:
        matrix = matrix + 1j * random.standard_normal(shape)
    matrix = matrix.astype(dtype)
    function = jax.jit(jax.lax.linalg.lu)
    there, here = function(jax.device_put(matrix, device)), function(jax.device_put(matrix, cpu))
    np.testing.assert_allclose(np.asarray(there[0]), np.asarray(here[0]), rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(np.asarray(there[1]), np.asarray(here[1]))
    np.testing.assert_array_equal(np.asarray(there[2]), np.asarray(here[2]))


def test_solve_of_several_panels_and_of_a_singular_matrix(jax, device):
    random = np.random.default_rng(6)
    matrix, right = random.standard_normal((90, 90)), random.standard_normal((90, 7))
    solve = jax.jit(jax.numpy.linalg.solve)
    found = np.asarray(solve(*jax.device_put((matrix.astype(np.float32), right.astype(np.float32)), device)))
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-2, atol=1e-3)
    matrix[:, 3] = 0
    assert np.asarray(jax.numpy.linalg.det(jax.device_put(matrix.astype(np.float32), device))) == 0


@pytest.mark.parametrize("shape", [(2, 40, 40), (50, 35), (35, 50), (33, 1)])
def test_qr_of_several_panels(jax, device, shape):
    matrix = np.random.default_rng(7).standard_normal(shape).astype(np.float32)
    matrix[..., :, 0] *= 1e-20
    q, r = map(np.asarray, jax.jit(jax.numpy.linalg.qr)(jax.device_put(matrix, device)))
    scale = np.abs(matrix).max(axis=-2, keepdims=True) * 10
    assert np.all(np.abs(q @ r - matrix) <= 2e-6 * scale)
    identity = np.swapaxes(q, -1, -2) @ q
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(q.shape[-1]), identity.shape), atol=5e-6)
    assert np.all(np.tril(r, -1) == 0)


def test_checks_raise_what_they_say(jax, device):
    from jax.experimental import checkify

    def half(x):
        checkify.check(x > 0, "{x} is not positive", x=x)
        return x / 2

    checked = jax.jit(checkify.checkify(half))
    error, value = checked(jax.device_put(np.float32(4), device))
    error.throw()
    assert float(value) == 2
    error, _ = checked(jax.device_put(np.float32(-1), device))
    with pytest.raises(Exception, match="is not positive"):
        error.throw()


@pytest.mark.parametrize("name", [*DECOMPOSITIONS, "eigenvalues"])
def test_linear_algebra_ignores_strict_type_promotion(jax, device, cpu, name):
    """Rules are our code and JAX's: a user's stricter settings are not meant for them."""
    matrix = symmetric(4, np.complex64)
    functions = {**DECOMPOSITIONS, "eigenvalues": lambda la, m: la.eigh(m)[0]}
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        function = jax.jit(lambda m: functions[name](jax.numpy.linalg, m))
        there, here = function(jax.device_put(matrix, device)), function(jax.device_put(matrix, cpu))
    np.testing.assert_allclose(np.asarray(there), np.asarray(here), rtol=1e-4, atol=1e-5)


def test_eigh_of_a_part(jax, device):
    matrix = symmetric(6, np.float32)
    vectors, values = jax.lax.linalg.eigh(jax.device_put(matrix, device), subset_by_index=(1, 3))
    np.testing.assert_allclose(np.asarray(values), np.linalg.eigvalsh(matrix)[1:3], atol=1e-5)
    np.testing.assert_allclose(matrix @ np.asarray(vectors), np.asarray(vectors * values), atol=1e-5)


def tridiagonal(dtype, *batch, size, width):
    """lower, diagonal, upper and right-hand side; every other diagonal element is zero, so that rows are exchanged."""
    random = np.random.default_rng(size)
    parts = [random.standard_normal((*batch, size)) for _ in range(3)] + [random.standard_normal((*batch, size, width))]
    if np.issubdtype(dtype, np.complexfloating):
        parts = [part + 1j * random.standard_normal(part.shape) for part in parts]
    parts[1][..., ::2] = 0
    parts[0][..., :1] = parts[2][..., -1:] = 0
    return [part.astype(dtype) for part in parts]


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@pytest.mark.parametrize("size", [2, 8, 30])
@pytest.mark.parametrize("perturb", [False, True])
def test_tridiagonal_systems_are_pivoted(jax, device, dtype, size, perturb):
    lower, diagonal, upper, rhs = parts = tridiagonal(dtype, 2, size=size, width=3)
    solve = jax.jit(lambda *given: jax.lax.linalg.tridiagonal_solve(*given, perturb_singular=perturb))
    dense = [
        np.diag(middle) + np.diag(above[:-1], 1) + np.diag(below[1:], -1)
        for below, middle, above in zip(lower, diagonal, upper)
    ]
    exact = np.result_type(dtype, np.float64)
    expected = np.linalg.solve(np.stack(dense).astype(exact), rhs.astype(exact))
    solution = np.asarray(solve(*jax.device_put(parts, device)))
    np.testing.assert_allclose(solution, expected, rtol=2e-3, atol=2e-4 * np.abs(expected).max())


def test_singular_tridiagonal_systems(jax, device):
    """NaN, or, perturbed, a finite solution along the null space; the other systems of the batch do not notice."""
    ones = np.ones((2, 4), np.float32)
    diagonal = np.stack([np.array([1, 1, 0, 1], np.float32), 2 * ones[0]])
    parts = jax.device_put([0 * ones, diagonal, 0 * ones, np.ones((2, 4, 1), np.float32)], device)
    solution = np.asarray(jax.lax.linalg.tridiagonal_solve(*parts))
    assert np.all(np.isnan(solution[0])) and np.all(solution[1] == 0.5)
    perturbed = np.asarray(jax.lax.linalg.tridiagonal_solve(*parts, perturb_singular=True))[..., 0]
    np.testing.assert_allclose(perturbed, [[1, 1, 2**23, 1], [0.5] * 4], rtol=1e-6)


def test_vectors_of_a_tridiagonal_matrix(jax, device):
    _, diagonal, upper, _ = tridiagonal(np.float32, size=8, width=1)
    matrix = np.diag(diagonal) + np.diag(upper[:-1], 1) + np.diag(upper[:-1], -1)
    given = jax.device_put([diagonal, upper[:-1]], device)
    values, vectors = map(np.asarray, jax.scipy.linalg.eigh_tridiagonal(*given))
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix), atol=1e-5)
    np.testing.assert_allclose(matrix @ vectors, vectors * values, atol=1e-4)


def leaves(jax, results):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(results)]


ROUTINES = {
    "eigh": lambda la, m: la.eigh(m),
    "lu": lambda la, m: la.lu(m),
    "qr": lambda la, m: la.qr(m),
    "svd": lambda la, m: la.svd(m),
    "thin_svd": lambda la, m: la.svd(m, full_matrices=False),
    "singular_values": lambda la, m: la.svd(m, compute_uv=False),
    "cholesky": lambda la, m: la.cholesky(m),
    "triangular_solve": lambda la, m: la.triangular_solve(m, m),
    "tridiagonal_solve": lambda la, m: la.tridiagonal_solve(*[m[..., 0] if m.shape[-1] else m.sum(-1)] * 3, m),
}
EMPTY = [(0, 0), (2, 0, 0), (0, 2, 2)]


@pytest.mark.parametrize("name", ROUTINES)
def test_empty_matrices(jax, device, cpu, name):
    is_square_only = name in ("eigh", "cholesky", "triangular_solve", "tridiagonal_solve")
    for shape in EMPTY if is_square_only else [*EMPTY, (0, 3), (3, 0), (2, 0, 3), (0, 2, 3)]:
        function = jax.jit(lambda m: ROUTINES[name](jax.lax.linalg, m))
        there, here = [leaves(jax, function(jax.device_put(np.ones(shape, np.float32), to))) for to in (device, cpu)]
        for one, other in zip(there, here, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ROUTINES)
def test_linear_algebra_within_shard_map(jax, device, name):
    """Rules that loop start from constants, whose types know nothing of the mesh."""
    matrix = symmetric(3, np.float32, batch=(2,)) + 9 * np.eye(3, dtype=np.float32)
    function = jax.tree_util.Partial(ROUTINES[name], jax.lax.linalg)
    spec, mesh = jax.sharding.PartitionSpec("x"), jax.sharding.Mesh(np.array([device]), ("x",))
    mapped = jax.jit(jax.shard_map(function, mesh=mesh, in_specs=spec, out_specs=spec))
    plain = leaves(jax, jax.jit(function)(jax.device_put(matrix, device)))
    for one, other in zip(leaves(jax, mapped(matrix)), plain, strict=True):
        np.testing.assert_array_equal(one, other)


def exported(jax, function, dtype, constraints=()):
    """The function of a matrix, exported for all sizes."""
    from jax import export

    sizes = export.symbolic_shape("m, n", constraints=constraints)
    program = export.export(jax.jit(function), platforms=["dragoman"])(jax.ShapeDtypeStruct(sizes, dtype))
    return jax.jit(program.call)


def unlike_matrices(dtype):
    """Tall, wide, square, a row; of less than full rank; zero."""
    tall = symmetric(6, dtype)[:, :4]
    deficient = tall.copy()
    deficient[:, 1], deficient[:, 3] = 2 * deficient[:, 0], 0
    return [tall, tall.T, tall[:4], tall[:1], deficient, deficient.T, np.zeros((3, 2), dtype)]


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_lu_of_unknown_sizes(jax, device, cpu, dtype):
    for_all = exported(jax, jax.lax.linalg.lu, dtype)
    for matrix in unlike_matrices(dtype):
        packed, pivots, permutation = leaves(jax, for_all(jax.device_put(matrix, device)))
        rows, rank = len(matrix), min(matrix.shape)
        lower, upper = np.tril(packed[:, :rank], -1) + np.eye(rows, rank), np.triu(packed[:rank])
        np.testing.assert_allclose(lower @ upper, matrix[permutation], atol=1e-5)
        assert np.all(np.abs(lower) <= 1.5)  # pivoted: LAPACK's measure of complex numbers allows sqrt(2)
        swapped = jax.lax.linalg.lu_pivots_to_permutation(jax.device_put(pivots, cpu), rows)
        np.testing.assert_array_equal(permutation, swapped)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@pytest.mark.parametrize("full_matrices", [False, True])
@pytest.mark.parametrize("constraint", ["", "n <= m", "m <= n"])
def test_svd_of_unknown_sizes(jax, device, dtype, full_matrices, constraint):
    constraints = [constraint] if constraint else []
    for_all = exported(jax, lambda m: jax.lax.linalg.svd(m, full_matrices=full_matrices), dtype, constraints)
    only_values = exported(jax, lambda m: jax.lax.linalg.svd(m, compute_uv=False), dtype, constraints)
    for matrix in unlike_matrices(dtype):
        rows, columns = matrix.shape
        if constraint and (rows < columns if constraint == "n <= m" else columns < rows):
            continue
        u, s, vh = leaves(jax, for_all(jax.device_put(matrix, device)))
        expected = np.linalg.svd(matrix, full_matrices=full_matrices)
        assert [u.shape, s.shape, vh.shape] == [part.shape for part in expected]
        np.testing.assert_allclose(s, expected[1], atol=1e-5)
        np.testing.assert_allclose(np.asarray(only_values(jax.device_put(matrix, device))), s, atol=1e-5)
        np.testing.assert_allclose((u[:, : s.size] * s) @ vh[: s.size], matrix, atol=2e-5)
        np.testing.assert_allclose(np.conj(u.T) @ u, np.eye(u.shape[1]), atol=5e-6)
        np.testing.assert_allclose(vh @ np.conj(vh.T), np.eye(len(vh)), atol=5e-6)
