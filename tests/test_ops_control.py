# SPDX-License-Identifier: Apache-2.0
"""Loops, branches, random numbers, linear algebra and Fourier transforms against JAX's CPU backend."""

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed.")

import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402
from op_compare import compare, random_array  # noqa: E402

pytestmark = pytest.mark.usefixtures("jax")


def f32(*shape, seed=0):
    return random_array("float32", shape, seed, -1, 1)


def collatz(n):
    def step(state):
        n, steps = state
        return jnp.where(n % 2 == 0, n // 2, 3 * n + 1), steps + 1

    return lax.while_loop(lambda state: state[0] > 1, step, (n, 0))


def recurrent(x, w):
    def cell(h, row):
        h = jnp.tanh(row + h @ w)
        return h, h * 2

    return lax.scan(cell, jnp.zeros(w.shape[0]), x)


def written_in_place(rearrange):
    """A loop whose carried value is updated in place, and then rearranged: into the memory that it is read from, or not."""

    def loop(x):
        def step(i, x):
            y = lax.dynamic_update_slice(x, jnp.full(1, i * 1.5, x.dtype), (i * 7,))
            return rearrange(y.at[i * 11 + jnp.arange(3)].add(2.0))

        return lax.fori_loop(0, 9, step, x)

    return loop


def changing_places(x, y):
    """Each carried value becomes another's next one, updated in place."""

    def step(i, carried):
        x, y, z = carried
        return jnp.flip(y), lax.dynamic_update_slice(x, y[:2] + i, (i * 3,)), x * 0.5 + jnp.roll(z, 5)

    return lax.fori_loop(0, 7, step, (x, y, x + y))


LOOPS = {
    "flipped": (written_in_place(jnp.flip), f32(5000)), "transposed": (written_in_place(lambda x: x.reshape(50, 100).T.ravel()), f32(5000)),
    "neighbours": (written_in_place(lambda x: jnp.roll(x, 1) + x), f32(5000)), "changing_places": (changing_places, f32(5000), f32(5000, seed=1)),
    "while": (collatz, np.int32(27)), "fori": (lambda x: lax.fori_loop(0, 5, lambda i, y: y * 1.5 + i, x), f32(7)),
    "fori_to_data": (lambda n, x: lax.fori_loop(0, n, lambda i, y: y.at[i].add(y.sum() * 0.1), x), np.int32(4), f32(7)),
    "no_iteration": (lambda n, x: lax.fori_loop(0, n, lambda i, y: y + 1, x), np.int32(0), f32(3)),
    "scan": (recurrent, f32(11, 6), f32(6, 6)), "scan_backwards": (lambda x: lax.scan(lambda c, y: (c * 0.5 + y, c), 0.0, x, reverse=True), f32(9)),
    "scan_gradient": (jax.grad(lambda x, w: jnp.sum(recurrent(x, w)[1] ** 2), argnums=(0, 1)), f32(11, 6), f32(6, 6)),
    "nested": (lambda x: lax.fori_loop(0, 3, lambda i, y: lax.fori_loop(0, i + 1, lambda j, z: z * 1.1 + j, y), x), f32(5)),
    "map": (lambda x: lax.map(lambda row: jnp.sort(row) * row.sum(), x), f32(4, 5)), "unused_state": (
        lambda x: lax.fori_loop(0, 3, lambda i, s: (s[1], s[0]), (x, x * 2)), f32(5)),
    "associative_scan": (lambda x: lax.associative_scan(lambda a, b: (a[0] * b[0], a[1] * b[0] + b[1]), (x, x + 1)), f32(13)),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOPS)
def test_loops(name):
    function, *arguments = LOOPS[name]
    compare(function, *arguments)


@pytest.mark.parametrize("which", range(-1, 4))
def test_branches(which):
    x = f32(6)
    branches = [lambda x: x * 2, lambda x: jnp.sort(x), lambda x: x - x.sum()]
    compare(lambda i, x: lax.switch(i, branches, x), np.int32(which), x)
    compare(lambda i, x: lax.cond(i > 0, lambda x: (x, x.max()), lambda x: (jnp.cumsum(x), x[0]), x), np.int32(which), x)
    compare(jax.grad(lambda x, i: lax.cond(i > 0, jnp.sin, jnp.cos, x).sum()), x, np.int32(which))


def test_a_branch_in_a_loop_in_a_branch():
    def step(i, x):
        return lax.cond(x.sum() > 0, lambda x: x - i, lambda x: x * 0.5 + 1, x)

    compare(lambda x: lax.cond(x[0] > 9, lambda x: x, lambda x: lax.fori_loop(0, 6, step, x), x), f32(4))


RANDOM = {
    "bits": lambda key: jax.random.bits(key, (37,)), "small_bits": lambda key: jax.random.bits(key, (9,), "uint8"),
    "uniform": lambda key: jax.random.uniform(key, (37, 5)), "normal": lambda key: jax.random.normal(key, (301,)),
    "bernoulli": lambda key: jax.random.bernoulli(key, 0.3, (200,)), "randint": lambda key: jax.random.randint(key, (50,), -7, 90),
    "permutation": lambda key: jax.random.permutation(key, 20), "split": lambda key: jax.random.split(key, 5),
    "categorical": lambda key: jax.random.categorical(key, jnp.arange(4.0), shape=(30,)),
    "truncated": lambda key: jax.random.truncated_normal(key, -2, 2, (100,)), "gumbel": lambda key: jax.random.gumbel(key, (40,)),
    "bfloat16": lambda key: jax.random.normal(key, (50,), jnp.bfloat16), "choice": lambda key: jax.random.choice(key, 9, (20,)),
    "exponential": lambda key: jax.random.exponential(key, (40,)), "gamma": lambda key: jax.random.gamma(key, 2.5, (20,)),
}  # fmt: skip


@pytest.mark.parametrize("name", RANDOM)
def test_random_numbers_are_those_of_every_other_backend(name):
    compare(RANDOM[name], np.array([3, 17], np.uint32), tolerance=2e-2 if name == "bfloat16" else 3e-5)


def well_conditioned(n, seed=0):
    return f32(n, n, seed=seed) + np.eye(n, dtype=np.float32) * n


def positive_definite(n):
    a = f32(2, n, n)
    return a @ a.transpose(0, 2, 1) + np.eye(n, dtype=np.float32) * n


def reconstructed_qr(a):
    q, r = jnp.linalg.qr(a)
    return q @ r, jnp.abs(jnp.diagonal(r, axis1=-2, axis2=-1)), jnp.swapaxes(q, -1, -2) @ q


LINALG = {
    "cholesky": (jnp.linalg.cholesky, positive_definite(9)), "solve": (jnp.linalg.solve, well_conditioned(8), f32(8, 3)),
    "inverse": (jnp.linalg.inv, well_conditioned(7)), "determinant": (lambda a: (jnp.linalg.det(a), jnp.linalg.slogdet(a)), well_conditioned(5)),
    "qr": (reconstructed_qr, f32(2, 9, 5)), "wide_qr": (reconstructed_qr, f32(4, 7)),
    "triangular_lower": (lambda a, b: jax.scipy.linalg.solve_triangular(a, b, lower=True), well_conditioned(9), f32(9, 2)),
    "triangular_upper": (lambda a, b: jax.scipy.linalg.solve_triangular(a, b, trans=1), well_conditioned(9), f32(9)),
    "cholesky_gradient": (jax.grad(lambda a: jnp.linalg.cholesky(a).sum()), positive_definite(4)),
    "eigenvalues": (jnp.linalg.eigvalsh, positive_definite(6)), "matrix_power": (lambda a: jnp.linalg.matrix_power(a, 5), f32(4, 4)),
    "orthogonal": (lambda a: jnp.abs(jnp.linalg.qr(a)[0]), f32(12, 12)), "exponential": (jax.scipy.linalg.expm, f32(4, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", LINALG)
def test_linear_algebra(name):
    function, *arguments = LINALG[name]
    compare(function, *arguments, tolerance=3e-4)


@pytest.mark.parametrize("n", [1, 2, 8, 12, 17, 100, 128, 330, 1024, 6000])
def test_fourier_transforms(n):
    x, z = f32(3, n), random_array("complex64", (3, n), 0, -1, 1)
    compare(lambda x, z: (jnp.fft.fft(z), jnp.fft.ifft(z), jnp.fft.rfft(x), jnp.fft.irfft(z, n)), x, z, tolerance=1e-4)


def test_fourier_transforms_in_two_dimensions():
    compare(lambda z: (jnp.fft.fft2(z), jnp.fft.ifft2(z)), random_array("complex64", (2, 6, 8), 0, -1, 1), tolerance=1e-4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_fourier_transforms_along_an_axis(axis):
    z = random_array("complex64", (12, 48, 35), 0, -1, 1)
    compare(lambda z: (jnp.fft.fft(z, axis=axis) * 2, jnp.fft.ifft(z * z, axis=axis).real), z, tolerance=1e-4)


def test_fourier_transforms_of_what_is_not_finite():
    z = random_array("complex64", (4, 48), 0, -1, 1)
    z[1, 5], z[2, 7] = np.nan, np.inf
    for transform in (jnp.fft.fft, jnp.fft.ifft, lambda z: jnp.fft.rfft(z.real), lambda z: jnp.fft.irfft(z, 94)):
        is_finite = np.isfinite(np.asarray(jax.jit(transform)(z)))
        assert is_finite[[0, 3]].all() and not is_finite[[1, 2]].any()


def test_real_fourier_transforms_in_several_dimensions():
    x, z = f32(4, 6, 9), random_array("complex64", (4, 6, 9), 0, -1, 1)
    compare(lambda x, z: (jnp.fft.rfftn(x), jnp.fft.irfft2(z), jnp.fft.irfftn(z, (4, 6, 17))), x, z, tolerance=1e-4)
    compare(jax.grad(lambda x: jnp.sum(jnp.abs(jnp.fft.rfft2(x)) ** 2)), x, tolerance=1e-3)


def test_many_results_of_a_large_program():
    def network(x, *weights):
        for w in weights:
            x = jax.nn.gelu(x @ w) + x
        return jnp.mean(x**2)

    weights = [f32(16, 16, seed=seed) * 0.3 for seed in range(8)]
    compare(lambda x, *w: jax.value_and_grad(network, argnums=tuple(range(9)))(x, *w), f32(5, 16), *weights, tolerance=1e-4)
