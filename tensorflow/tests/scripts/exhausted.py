# SPDX-License-Identifier: Apache-2.0
"""Asks for more memory than there is (layer.c is the layer named), at once and bit by bit; trains after each refusal."""

import ctypes
import sys

import keras
import numpy as np
import tensorflow as tf

x = np.random.default_rng(0).standard_normal((64, 4)).astype("float32")
y = x.sum(1)


def new_model():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def train(model):
    losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    return model.weights[0].value.device.rsplit("/", 1)[1]


@tf.function(jit_compile=True)
def result(x):
    return tf.broadcast_to(x, [1 << 18, 1 << 18]) * 2.0


@tf.function(jit_compile=True)
def intermediates(x):
    rows = tf.sort(tf.broadcast_to(x, [1 << 18, 1 << 10]) + tf.cast(tf.range(1 << 10), tf.float32), axis=0)
    columns = tf.sort(tf.transpose(rows) * 3.0 + tf.cast(tf.range(1 << 18), tf.float32), axis=0)
    return tf.reduce_sum(columns), tf.reduce_sum(rows)


def steadily():
    parts = []
    while len(parts) < 9:  # a quarter of the bound each
        parts.append(tf.fill([1 << 26], float(len(parts))))


attempts = {
    "eager": lambda: tf.zeros([1 << 19, 1 << 19]) + 1.0,
    "result": lambda: result(tf.constant(1.0)),
    "intermediates": lambda: intermediates(tf.constant(1.0)),
    "steadily": steadily,
}
model = new_model()
train(model)
ctypes.CDLL(sys.argv[1]).bound_memory(ctypes.c_uint64(1 << 30))
for name, attempt in attempts.items():
    try:
        attempt()
    except tf.errors.ResourceExhaustedError as error:
        print("EXHAUSTED", name, "Out of memory on" in str(error))
    print("TRAINED on", train(model))
with tf.device("/CPU:0"):
    print("TRAINED on", train(new_model()))
