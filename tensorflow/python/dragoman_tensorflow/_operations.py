# SPDX-License-Identifier: Apache-2.0
"""Operations that TensorFlow's compiler does not do, or does wrongly, and that cannot go to the CPU or are in the way of
compiled functions: here they become others that mean the same.
"""

import functools

from dragoman_tensorflow import _names


def in_image_grad(module):
    """The compiled gradient of a bilinear resize is float32, whatever the image's type: it is computed as that."""
    images = module.gen_image_ops
    function = images.resize_bilinear_grad

    @functools.wraps(function)
    def resize_bilinear_grad(grads, original_image, *arguments, **options):
        import tensorflow as tf

        if original_image.dtype == tf.float32 or not _names.is_in_use():
            return function(grads, original_image, *arguments, **options)
        wide = function(grads, tf.cast(original_image, tf.float32), *arguments, **options)
        return tf.cast(wide, original_image.dtype)

    images.resize_bilinear_grad = resize_bilinear_grad


def in_math_grad(module):
    """The compiled gradients of square roots and reciprocals of complex numbers lack a conjugate."""
    math = module.gen_math_ops
    _on_complex(math, "sqrt_grad", lambda y, dy: dy * 0.5 / module.math_ops.conj(y))
    _on_complex(math, "rsqrt_grad", lambda y, dy: dy * -0.5 * module.math_ops.conj(y) ** 3)
    _on_complex(math, "reciprocal_grad", lambda y, dy: -dy * module.math_ops.conj(y) ** 2)


def _on_complex(module, name, instead):
    function = getattr(module, name)

    @functools.wraps(function)
    def gradient(y, dy, *arguments, **options):
        if getattr(getattr(y, "dtype", None), "is_complex", False) and _names.is_in_use():
            return instead(y, dy)
        return function(y, dy, *arguments, **options)

    setattr(module, name, gradient)


def in_stateful_random_ops(module):
    """Numbers of a generator are not drawn in float16: they are made of those in float32."""
    draws = module.gen_stateful_random_ops
    for name in ("stateful_uniform", "stateful_truncated_normal"):
        setattr(draws, name, _in_float32(getattr(draws, name)))


def _in_float32(function):
    @functools.wraps(function)
    def draw(resource, algorithm, shape, dtype=None, name=None):
        import tensorflow as tf

        dtype = tf.dtypes.as_dtype(dtype or tf.float32)
        if dtype != tf.float16 or not _names.is_in_use():
            return function(resource, algorithm, shape, dtype, name)
        drawn = tf.cast(function(resource, algorithm, shape, tf.float32, name), dtype)
        # A uniform number stays below 1, which those next to it round to.
        return tf.minimum(drawn, 1 - 2**-11) if function.__name__ == "stateful_uniform" else drawn

    return draw


def in_resource_variable_ops(module):
    """`variable[::2].assign(...)`: compiled with steps of 1 and -1 only, and a variable cannot leave its device. With other
    steps the elements are scattered.
    """
    variable = module.BaseResourceVariable
    method = variable._strided_slice_assign

    @functools.wraps(method)
    def assign(self, begin, end, strides, value, name, **masks):
        if has_unit_steps(strides) or not _names.is_in_use():
            return method(self, begin, end, strides, value, name, **masks)
        return scatter(self, (begin, end, strides), value, name, masks)

    variable._strided_slice_assign = assign


def has_unit_steps(strides):
    from tensorflow.python.framework import tensor_util

    known = tensor_util.constant_value(strides)
    return known is None or all(abs(step) == 1 for step in known)


def scatter(variable, bounds, value, name, masks):
    import tensorflow as tf

    shape = tf.shape(variable, out_type=tf.int64)
    places = tf.reshape(tf.range(tf.reduce_prod(shape)), shape)
    chosen = tf.strided_slice(places, *bounds, **masks)
    values = tf.broadcast_to(tf.convert_to_tensor(value, variable.dtype), tf.shape(chosen))
    flat = tf.reshape(variable, [-1])
    flat = tf.tensor_scatter_nd_update(flat, tf.reshape(chosen, [-1, 1]), tf.reshape(values, [-1]))
    return variable.assign(tf.reshape(flat, shape), name=name)
