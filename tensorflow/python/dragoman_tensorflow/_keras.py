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
    by a tensor: how many rows that gives depends on values. In compiled functions the first gives every row here, zero where
    neither set has it, and the second a dense tensor, which mean the same.
    """
    import tensorflow as tf
    from tensorflow.python.framework import ops
    from tensorflow.python.ops import control_flow_util

    def is_compiled():
        return _names.is_in_use() and control_flow_util.GraphOrParentsInXlaContext(ops.get_default_graph())

    unite = module.indexed_slices_union_indices_and_values

    @functools.wraps(unite)
    def unite_to_all_rows(x1, x2_indices, x2_values=None):
        if not is_compiled():
            return unite(x1, x2_indices, x2_values)
        rows = x1.dense_shape[0]

        def spread(indices, values):
            shape = tf.concat([[tf.cast(rows, tf.int32)], tf.shape(values)[1:]], axis=0)
            return tf.scatter_nd(tf.cast(indices, tf.int32)[:, None], values, shape)

        second = None if x2_values is None else spread(x2_indices, x2_values)
        return tf.range(rows), spread(x1.indices, x1.values), second

    divide_sparsely = module.elementwise_division

    @functools.wraps(divide_sparsely)
    def elementwise_division(function):
        sparsely = divide_sparsely(function)

        @functools.wraps(sparsely)
        def divide(x1, x2):
            if isinstance(x1, tf.IndexedSlices) and is_compiled():
                return function(tf.convert_to_tensor(x1), x2)
            return sparsely(x1, x2)

        return divide

    module.indexed_slices_union_indices_and_values = unite_to_all_rows
    module.elementwise_division = elementwise_division


def in_keras2_utils(module):
    """tf_keras ignores jit_compile=True where there is a device of a plug-in. Only models ask with a warning."""
    can_compile = module.can_jit_compile

    @functools.wraps(can_compile)
    def can_jit_compile(warn=False):
        return (warn and _names.is_in_use()) or can_compile(warn)

    module.can_jit_compile = can_jit_compile
