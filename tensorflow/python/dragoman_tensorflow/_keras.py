# SPDX-License-Identifier: Apache-2.0
"""Places where Keras's backend for TensorFlow does for a GPU what Dragoman's device cannot: cuDNN, and tensors whose
extents depend on values; and where Keras 2 (tf_keras) does less for a device of a plug-in than this one can.
"""

import functools

from dragoman_tensorflow import _names


def in_rnn(module):
    """Keras asks for 'GPU' to use cuDNN's recurrent operations, which only TensorFlow's own GPU has."""
    is_available = module._is_gpu_available

    @functools.wraps(is_available)
    def is_gpu_available():
        with _names.untranslated():
            return is_available()

    module._is_gpu_available = is_gpu_available


def in_sparse(module):
    """The gradient of an embedding is a set of rows. Some optimizers (RMSprop, Adagrad) unite two such sets, or divide one
    by a tensor: how many rows that gives depends on values, so in compiled functions more rows are given here.
    """
    import tensorflow as tf
    from tensorflow.python.framework import ops
    from tensorflow.python.ops import control_flow_util

    def is_compiled():
        return _names.is_in_use() and control_flow_util.GraphOrParentsInXlaContext(ops.get_default_graph())

    unite = module.indexed_slices_union_indices_and_values

    @functools.wraps(unite)
    def indexed_slices_union_indices_and_values(x1, x2_indices, x2_values=None):
        return (_unite_to_all_rows if is_compiled() else unite)(x1, x2_indices, x2_values)

    divide_sparsely = module.elementwise_division

    @functools.wraps(divide_sparsely)
    def elementwise_division(function):
        sparsely = divide_sparsely(function)

        @functools.wraps(sparsely)
        def divide(x1, x2):
            is_sparse_by_dense = isinstance(x1, tf.IndexedSlices) and not isinstance(x2, tf.IndexedSlices)
            if not is_sparse_by_dense or len(getattr(x2, "shape", ())) == 0 or not is_compiled():
                return sparsely(x1, x2)
            return _divide_by_tensor(function, x1, tf.convert_to_tensor(x2))

        return divide

    module.indexed_slices_union_indices_and_values = indexed_slices_union_indices_and_values
    module.elementwise_division = elementwise_division


def _unite_to_all_rows(x1, x2_indices, x2_values=None):
    """Every row, zero where neither set has it."""
    import tensorflow as tf

    rows = x1.dense_shape[0]

    def spread(indices, values):
        shape = tf.concat([[tf.cast(rows, tf.int32)], tf.shape(values)[1:]], axis=0)
        return tf.scatter_nd(tf.cast(indices, tf.int32)[:, None], values, shape)

    second = None if x2_values is None else spread(x2_indices, x2_values)
    return tf.range(rows), spread(x1.indices, x1.values), second


def _divide_by_tensor(function, x1, divisor):
    """The same rows, and then those that have a zero or NaN in the divisor; as many as the divisor has rows, of which the
    others have an index out of bounds, which compiled operations leave out. A row may be in a set more than once, and Adam
    squares each of these: what is divided must not be added up here.
    """
    import tensorflow as tf

    values = function(x1.values, tf.gather(divisor, x1.indices))
    others = function(tf.zeros_like(divisor, x1.values.dtype), divisor)
    is_special = divisor == 0
    if not divisor.dtype.is_integer:
        is_special |= tf.math.is_nan(divisor)
    is_special = tf.reduce_any(is_special, axis=list(range(1, divisor.shape.rank)))
    rows = tf.where(is_special, tf.range(tf.shape(divisor)[0]), -1)
    indices = tf.concat([x1.indices, tf.cast(rows, x1.indices.dtype)], axis=0)
    return tf.IndexedSlices(tf.concat([values, others], axis=0), indices, x1.dense_shape)


def in_callback_list(module):
    """Keras's own callbacks, which only read a step's loss and metrics, do so in a thread, as they do with JAX: otherwise
    host and device work in turns. With TensorFlow Keras uses none, for two threads that assign to a variable may lose one of
    the assignments (tensorflow issue 78338); callbacks of other people that look at batches keep to that.
    """
    configure = module.CallbackList._configure_async_dispatch

    @functools.wraps(configure)
    def configure_async_dispatch(self, callbacks):
        backend = module.backend
        if backend.backend() != "tensorflow" or not _names.is_in_use():
            return configure(self, callbacks)
        safe, backend.IS_THREAD_SAFE = backend.IS_THREAD_SAFE, True
        try:
            return configure(self, callbacks)
        finally:
            backend.IS_THREAD_SAFE = safe

    module.CallbackList._configure_async_dispatch = configure_async_dispatch


def in_keras2_utils(module):
    """tf_keras ignores jit_compile=True where there is a device of a plug-in. Only models ask with a warning."""
    can_compile = module.can_jit_compile

    @functools.wraps(can_compile)
    def can_jit_compile(warn=False):
        return (warn and _names.is_in_use()) or can_compile(warn)

    module.can_jit_compile = can_jit_compile
