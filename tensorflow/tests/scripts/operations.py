# SPDX-License-Identifier: Apache-2.0
"""Operations that TensorFlow's compiler refuses, or does otherwise than the CPU device, alone and in compiled functions."""

import numpy as np
import tensorflow as tf

GRID = np.arange(32, dtype=np.float32).reshape(4, 8)
CPU, OURS = "CPU:0", "DirectML:0"


def on(device, function):
    with tf.device(device):
        return function()


def assert_as_on_the_cpu(function, place, tolerance=1e-6):
    result = on(OURS, function)
    assert result.device.endswith(place), result.device
    expected = on(CPU, function)
    assert result.dtype == expected.dtype
    wide = np.complex128 if result.dtype.is_complex else np.float64
    np.testing.assert_allclose(result.numpy().astype(wide), expected.numpy().astype(wide), tolerance, tolerance)


# What the attributes of an operation keep from being compiled: the device's kernel leaves it to the CPU's.
DIAGONALS = np.array([[1, 2, 3, 0], [9, 8, 9, 8], [0, 1, 2, 3]], np.float32)
assert_as_on_the_cpu(lambda: tf.linalg.tridiagonal_solve(tf.constant(DIAGONALS), tf.ones([4, 2])), OURS)
assert_as_on_the_cpu(
    lambda: tf.raw_ops.TensorStridedSliceUpdate(
        input=tf.constant(GRID), begin=[1, 0], end=[4, 8], strides=[2, 3], value=-tf.ones([2, 3])
    ),
    OURS,
)
# Its gradient goes the same way, and a mistake of the user's is the CPU's sentence.
for device in (CPU, OURS):
    try:
        on(device, lambda: tf.linalg.matmul(tf.ones([2, 3]), tf.ones([2, 3])))
        raise SystemExit("matmul takes what it should not")
    except tf.errors.InvalidArgumentError as error:
        assert "Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3]" in str(error)

# What never can be compiled, and what only looks like it.
assert_as_on_the_cpu(lambda: tf.dynamic_partition(tf.constant(GRID), [0, 1, 1, 0], 2)[1], CPU)
assert_as_on_the_cpu(lambda: tf.raw_ops.RandomGammaGrad(alpha=tf.ones([3]), sample=tf.ones([3])), OURS, 1e-5)

# Compiled forms that are wrong on some types.
assert_as_on_the_cpu(lambda: tf.raw_ops.ConjugateTranspose(x=tf.constant(GRID), perm=[1, 0]), CPU)
Z = np.array([1 + 2j, 3 - 1j], np.complex64)
assert_as_on_the_cpu(lambda: tf.raw_ops.ReciprocalGrad(y=tf.constant(Z), dy=tf.constant(Z)), CPU)


EIG = np.array([[2, 1j], [-1j, 2]], np.complex64)
assert_as_on_the_cpu(lambda: tf.linalg.eigh(tf.constant(EIG))[0], CPU, 1e-5)


def complex_gradient():
    z = tf.constant(Z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        total = tf.reduce_sum(tf.sqrt(z) * tf.math.reciprocal(z) + tf.math.rsqrt(z))
    return tape.gradient(total, z)


def compiled(function):
    """On the device; as it is on the CPU."""
    is_ours = tf.constant(0.0).device.endswith(OURS)
    return tf.function(function, jit_compile=True)() if is_ours else function()


assert_as_on_the_cpu(complex_gradient, OURS)
assert_as_on_the_cpu(lambda: compiled(complex_gradient), OURS)


def resize_gradient():
    image = tf.cast(tf.reshape(tf.constant(GRID) / 8, (1, 4, 4, 2)), tf.float16)
    with tf.GradientTape() as tape:
        tape.watch(image)
        total = tf.reduce_sum(tf.image.resize(image, (7, 3)) ** 2)
    return tape.gradient(total, image)


assert_as_on_the_cpu(resize_gradient, OURS, 2e-3)
assert_as_on_the_cpu(lambda: compiled(resize_gradient), OURS, 2e-3)

# Types of four bits, and quantized ones.
SMALL = tf.constant(np.array([1, 2, 7], tf.dtypes.experimental.int4.as_numpy_dtype))
assert tf.cast(SMALL, tf.float32).numpy().tolist() == [1, 2, 7]
assert_as_on_the_cpu(lambda: tf.bitcast(tf.bitcast(tf.constant([1, -5], tf.int8), tf.qint8), tf.int8), OURS)


DRAWN = tf.random.Generator.from_seed(1)
for numbers in (DRAWN.truncated_normal([99], dtype=tf.float16), DRAWN.uniform([99], dtype=tf.float16)):
    assert numbers.dtype == tf.float16 and numbers.device.endswith(OURS)
    assert len(set(numbers.numpy().tolist())) > 50 and max(abs(numbers.numpy())) <= 2


# Slices of a variable with any step.
def assign(variable):
    variable[1:4:2, ::3].assign(-tf.ones([2, 3]))
    variable[0, 1:6:2].assign([7.0, 8.0, 9.0])
    variable[2, ::-2].assign(5.0)


EXPECTED = GRID.copy()
EXPECTED[1:4:2, ::3], EXPECTED[0, 1:6:2], EXPECTED[2, ::-2] = -1, [7, 8, 9], 5
for form in (assign, tf.function(assign), tf.function(assign, jit_compile=True)):
    variable = tf.Variable(GRID)
    form(variable)
    np.testing.assert_array_equal(variable.numpy(), EXPECTED)
print("ALL fine")
