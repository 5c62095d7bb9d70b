# SPDX-License-Identifier: Apache-2.0
"""Programs in which values are read at several positions, level upon level: transforms, stencils, scans by doubling."""

import numpy as np
import pytest

from op_compare import compare, random_array


@pytest.fixture(autouse=True)
def backends(jax):
    return jax


def heat(u):
    import jax.numpy as jnp

    return u + 0.1 * (jnp.roll(u, 1) + jnp.roll(u, -1) - 2 * u)


def laplacian(u):
    import jax.numpy as jnp

    return sum(jnp.roll(u, shift, axis) for shift in (1, -1) for axis in (0, 1)) - 4 * u


def runge_kutta(u, step=0.1):
    k1 = laplacian(u)
    k2 = laplacian(u + step / 2 * k1)
    k3 = laplacian(u + step / 2 * k2)
    k4 = laplacian(u + step * k3)
    return u + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def repeat(function, times):
    def repeated(x):
        for _ in range(times):
            x = function(x)
        return x

    return repeated


def prefix_sum(x):
    import jax.numpy as jnp

    by = 1
    while by < x.shape[0]:
        x = x + jnp.pad(x, (by, 0))[: x.shape[0]]
        by *= 2
    return x


def haar(x):
    import jax.numpy as jnp

    details = []
    while x.shape[0] > 1:
        details.append((x[0::2] - x[1::2]) * 0.5)
        x = (x[0::2] + x[1::2]) * 0.5
    return jnp.concatenate([x, *reversed(details)])


def inverse_haar(c):
    import jax.numpy as jnp

    x = c[:1]
    while x.shape[0] < c.shape[0]:
        d = c[x.shape[0] : 2 * x.shape[0]]
        x = jnp.stack([x + d, x - d], axis=-1).reshape(-1)
    return x


def fft(x):
    import jax.numpy as jnp

    count = x.shape[0]
    if count == 1:
        return x
    even, odd = fft(x[0::2]), fft(x[1::2])
    turned = odd * jnp.asarray(np.exp(-2j * np.pi * np.arange(count // 2) / count).astype(np.complex64))
    return jnp.concatenate([even + turned, even - turned])


def growing(x):
    import jax.numpy as jnp

    y = x[:1]
    for i in range(1, x.shape[0]):
        y = jnp.concatenate([y, y[-1:] * 0.9 + x[i : i + 1]])
    return y


def pyramid(x):
    import jax.numpy as jnp

    levels = []
    for _ in range(3):
        p = jnp.pad(x, 1, mode="edge")
        blurred = (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] + 4 * x) / 8
        small = blurred[::2, ::2]
        levels.append(x - jnp.repeat(jnp.repeat(small, 2, 0), 2, 1))
        x = small
    return levels, x


def affine(first, second):
    import jax.numpy as jnp

    return second[0] @ first[0], jnp.einsum("...ij,...j->...i", second[0], first[1]) + second[1]


@pytest.mark.parametrize("times", [1, 8, 40])
def test_heat_equation(times):
    compare(repeat(heat, times), random_array("float32", (300,)))


def test_runge_kutta_step_and_its_derivatives(jax):
    u = random_array("float32", (24, 20))
    compare(runge_kutta, u)
    compare(jax.grad(lambda u: (runge_kutta(u) ** 2).sum()), u, tolerance=1e-4)
    compare(lambda u: jax.jvp(runge_kutta, (u,), (u,)), u)
    compare(jax.jacobian(repeat(heat, 3)), random_array("float32", (16,)))


@pytest.mark.parametrize("size", [96, 255, 1000])
def test_associative_scan(jax, size):
    compare(lambda x: jax.lax.associative_scan(jax.numpy.add, x), random_array("int32", (size,)))


def test_associative_scans_of_other_elements(jax):
    scan = jax.lax.associative_scan
    compare(lambda x: scan(jax.numpy.logical_or, x, reverse=True), random_array("bool", (100,)))
    compare(jax.vmap(jax.vmap(lambda x: scan(jax.numpy.maximum, x))), random_array("float32", (3, 2, 37)))
    matrices = 0.3 * random_array("float32", (40, 3, 3), low=-1, high=1)
    vectors = random_array("float32", (40, 3))
    compare(lambda a, b: scan(affine, (a, b)), matrices, vectors)
    compare(jax.grad(lambda a, b: (scan(affine, (a, b))[1] ** 2).sum()), matrices, vectors, tolerance=1e-4)


def test_sums_by_doubling():
    compare(prefix_sum, random_array("int32", (4096,)))


def test_wavelets():
    x = random_array("float32", (256,))
    compare(haar, x)
    compare(lambda x: inverse_haar(haar(x)), x)


def test_transform_by_butterflies():
    compare(fft, random_array("complex64", (32,)), tolerance=1e-5)


def test_image_pyramid(jax):
    x = random_array("float32", (32, 32))
    compare(pyramid, x)
    compare(jax.grad(lambda x: sum((level**2).sum() for level in pyramid(x)[0])), x, tolerance=1e-4)


@pytest.mark.parametrize("size", [20, 128])
def test_concatenates_that_grow(size):
    # 80 branches within branches are more than llvmpipe counts.
    compare(growing, random_array("float32", (size,)))


def test_many_parts(jax):
    compare(lambda x: jax.numpy.stack([x[i] * i for i in range(100)]), random_array("float32", (100,)))


@pytest.mark.parametrize("times", [1, 2, 5])
def test_updates_from_neighbours(times):
    def inner(u):
        return u.at[1:-1].set(u[1:-1] + 0.1 * (u[2:] + u[:-2] - 2 * u[1:-1]))

    compare(repeat(inner, times), random_array("float32", (1000,)))
