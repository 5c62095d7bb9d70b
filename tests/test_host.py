# SPDX-License-Identifier: Apache-2.0
"""What runs on the host through JAX's CPU backend, and what is refused, against JAX's CPU backend and NumPy."""

import numpy as np
import pytest
from processes import run_python


def matrices(dtype, *shape):
    random = np.random.default_rng(sum(shape))
    matrix = random.standard_normal(shape)
    if np.issubdtype(dtype, np.complexfloating):
        matrix = matrix + 1j * random.standard_normal(shape)
    return matrix.astype(dtype)


def on_both(jax, device, cpu, function, *operands):
    """What both devices give; the first must be computed where it was asked for."""
    results = []
    for place in (device, cpu):
        leaves = jax.tree.leaves(jax.jit(function)(*jax.device_put(operands, place)))
        assert all(leaf.devices() == {place} for leaf in leaves)
        results.append([np.asarray(leaf) for leaf in leaves])
    return results


def assert_same(jax, device, cpu, function, *operands, tolerance=2e-5):
    there, here = on_both(jax, device, cpu, function, *operands)
    assert len(there) == len(here) > 0
    for actual, expected in zip(there, here):
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


HOST_FUNCTIONS = {
    "eig": lambda jax, x: jax.numpy.linalg.eig(x),
    "left_eig": lambda jax, x: jax.lax.linalg.eig(x, compute_left_eigenvectors=True),
    "schur": lambda jax, x: jax.lax.linalg.schur(x),
    "hessenberg": lambda jax, x: jax.lax.linalg.hessenberg(x),
    "pivoted_qr": lambda jax, x: jax.lax.linalg.qr(x, pivoting=True),
}


@pytest.mark.parametrize("name", HOST_FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (2, 3, 4, 4), (0, 3, 3)])
def test_lapacks_decompositions(jax, device, cpu, name, dtype, shape):
    assert_same(jax, device, cpu, lambda x: HOST_FUNCTIONS[name](jax, x), matrices(dtype, *shape))


@pytest.mark.parametrize("name", HOST_FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_lapacks_decompositions_of_64_bit_types(jax, device, cpu, name, dtype):
    with jax.enable_x64(True):
        assert_same(jax, device, cpu, lambda x: HOST_FUNCTIONS[name](jax, x), matrices(dtype, 5, 5), tolerance=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@pytest.mark.parametrize("lower", [True, False])
def test_tridiagonal(jax, device, cpu, dtype, lower):
    matrix = matrices(dtype, 3, 5, 5)
    matrix = matrix + np.conj(np.swapaxes(matrix, -1, -2))
    assert_same(jax, device, cpu, lambda x: jax.lax.linalg.tridiagonal(x, lower=lower), matrix)


def test_host_functions_are_differentiated_and_mapped(jax, device, cpu):
    def size(x):
        return jax.numpy.sum(jax.numpy.abs(jax.numpy.linalg.eigvals(x)))

    batch = matrices(np.float32, 3, 4, 4)
    assert_same(jax, device, cpu, jax.vmap(jax.grad(size)), batch, tolerance=1e-3)
    assert_same(jax, device, cpu, lambda x: jax.lax.map(jax.numpy.linalg.eigvals, x), batch)


def test_a_host_function_may_occur_many_times(jax, device, cpu):
    """Each call has its own operands and results, also within one function that is traced once."""
    eigvals = jax.jit(jax.numpy.linalg.eigvals)
    first, second = matrices(np.float32, 2, 4, 4)
    assert_same(jax, device, cpu, lambda x, y: [eigvals(x), eigvals(y), eigvals(x @ y), eigvals(x - y)], first, second)


def test_host_functions_ignore_the_users_settings(jax, device, cpu):
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"), jax.debug_infs(True):
        assert_same(jax, device, cpu, jax.lax.linalg.eig, matrices(np.float32, 3, 3))
    operand = jax.device_put(matrices(np.float32, 3, 3), device)
    with jax.transfer_guard("disallow"):
        jax.block_until_ready(jax.jit(jax.numpy.linalg.eigvals)(operand))


def test_host_functions_within_a_mesh(jax, device):
    matrix = matrices(np.float32, 4, 4)
    with jax.set_mesh(jax.sharding.Mesh(np.array([device]), ("x",))):
        values = np.asarray(jax.jit(jax.numpy.linalg.eigvals)(matrix))
    np.testing.assert_allclose(np.sort_complex(values), np.sort_complex(np.linalg.eigvals(matrix)), rtol=1e-4)


def test_what_the_cpu_backend_refuses_is_refused_before_the_program_runs(jax, device):
    matrix = jax.ShapeDtypeStruct((3, 3), np.float16, sharding=jax.sharding.SingleDeviceSharding(device))
    with pytest.raises((NotImplementedError, TypeError), match="dtype float16"):  # JAX 0.8 knows it earlier
        jax.jit(jax.lax.linalg.schur).lower(matrix)


def test_spsolve(jax, device, cpu):
    sparse = pytest.importorskip("scipy.sparse", reason="SciPy is not installed.")
    from jax.experimental.sparse.linalg import spsolve

    matrix = sparse.csr_matrix(np.diag([4.0, 3, 5, 2]) + np.diag([1.0, 2, 3], 1), dtype=np.float32)
    indices, starts = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)

    def solve(data, rhs):
        return spsolve(data, indices, starts, rhs)

    rhs = np.arange(4, dtype=np.float32)
    assert_same(jax, device, cpu, solve, matrix.data, rhs)
    assert_same(jax, device, cpu, jax.grad(lambda *given: solve(*given).sum(), (0, 1)), matrix.data, rhs)


def test_the_log_says_once_what_runs_on_the_host():
    code = """
import jax, numpy as np
for size in (2, 3):
    print(np.sort(np.asarray(jax.numpy.linalg.eigvals(np.diag(np.arange(1.0, size + 1))).real)))
"""
    done = run_python(code, JAX_PLATFORMS="dragoman,cpu")
    assert done.returncode == 0 and done.stdout.split("\n")[:2] == ["[1. 2.]", "[1. 2. 3.]"], done.stderr
    assert done.stderr.count("eig runs on the host") == 1


def test_the_host_needs_the_cpu_backend():
    done = run_python("import jax; jax.numpy.linalg.eigvals(jax.numpy.eye(2))", JAX_PLATFORMS="dragoman")
    assert done.returncode == 1 and "Set JAX_PLATFORMS=dragoman,cpu." in done.stderr


@pytest.fixture
def lapack():
    """JAX's LAPACK as targets of XLA's FFI, which want their matrices column by column."""
    from jaxlib import lapack

    lapack._lapack.initialize()
    return lapack._lapack.registrations()


def unpivoted_qr(jax, x):
    results = (jax.ShapeDtypeStruct(x.shape, x.dtype), jax.ShapeDtypeStruct((min(x.shape),), x.dtype))
    layouts = {"input_layouts": [(1, 0)], "output_layouts": [(1, 0), None]}
    return jax.ffi.ffi_call("lapack_sgeqrf_ffi", results, input_output_aliases={0: 0}, **layouts)(x)


@pytest.mark.usefixtures("lapack")
def test_ffi_targets_for_the_cpu_run_on_the_host(jax, device, cpu):
    assert_same(jax, device, cpu, lambda x: unpivoted_qr(jax, x), matrices(np.float32, 5, 3))


def test_ffi_targets_for_dragoman_run_on_the_host(jax, device, lapack):
    """Any C function of XLA's FFI will do: LAPACK's Cholesky factorization, under another name."""
    jax.ffi.register_ffi_target("our_cholesky", lapack["lapack_spotrf_ffi"], platform="dragoman")
    matrix = matrices(np.float32, 4, 4)
    matrix = matrix @ matrix.T + np.eye(4, dtype=np.float32)

    def factor(x):
        results = (jax.ShapeDtypeStruct(x.shape, x.dtype), jax.ShapeDtypeStruct((), np.int32))
        layouts = {"input_layouts": [(1, 0)], "output_layouts": [(1, 0), None]}
        call = jax.ffi.ffi_call("our_cholesky", results, input_output_aliases={0: 0}, **layouts)
        return jax.numpy.tril(call(x, uplo=np.uint8(ord("L")))[0])

    result = jax.jit(factor)(jax.device_put(matrix, device))
    np.testing.assert_allclose(np.asarray(result), np.linalg.cholesky(matrix), rtol=1e-5, atol=1e-5)


def test_an_ffi_target_that_nobody_registered_is_refused_with_a_way_on(jax, device):
    call = jax.ffi.ffi_call("nobody", jax.ShapeDtypeStruct((3,), np.float32))
    with pytest.raises(Exception, match="nobody.*is not supported.*register_ffi_target"):
        jax.jit(call)(jax.device_put(np.ones(3, np.float32), device))


def add_one(source, destination):
    destination[...] = source[...] + 1


def test_pallas_is_interpreted_or_refused_with_a_way_on(jax, device):
    pallas = pytest.importorskip("jax.experimental.pallas", reason="JAX with Pallas is not installed.")
    ones = jax.device_put(np.ones(4, np.float32), device)

    def call(interpret):
        return jax.jit(pallas.pallas_call(add_one, out_shape=ones, interpret=interpret))(ones)

    np.testing.assert_array_equal(np.asarray(call(True)), 2)
    with pytest.raises(NotImplementedError, match="platform dragoman.*interpret=True"):
        call(False)


def test_other_platforms_primitives_are_refused_by_name(jax, device):
    from jax._src import core
    from jax._src.interpreters import mlir

    primitive = core.Primitive("of_another_vendor")
    primitive.def_abstract_eval(lambda x: x)
    mlir.register_lowering(primitive, lambda ctx, x: [x], platform="cuda")
    with pytest.raises(NotImplementedError, match="of_another_vendor exists for the platforms cuda only"):
        jax.jit(primitive.bind)(jax.device_put(np.ones(3, np.float32), device))
