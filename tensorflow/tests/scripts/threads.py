# SPDX-License-Identifier: Apache-2.0
"""Models that several threads train at once, with prefetched pipelines, beside threads that run single operations; each
gets the numbers that it gets alone.
"""

import threading

import keras
import numpy as np
import tensorflow as tf


def make(seed):
    random = np.random.default_rng(seed)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="tanh"), keras.layers.Dense(1)])
    model.set_weights([0.1 * random.standard_normal(weight.shape).astype("float32") for weight in model.weights])
    model.compile("adam", "mse")
    return model


def train(seed, model):
    x = np.random.default_rng(seed).standard_normal((256, 8)).astype("float32")
    batches = tf.data.Dataset.from_tensor_slices((x, x.sum(1))).batch(16).prefetch(4)
    return model.fit(batches, epochs=4, verbose=0).history["loss"]


def operate(seed, _):
    value = tf.constant(np.random.default_rng(seed).standard_normal((32, 32)).astype("float32"))
    found = []
    for _ in range(100):
        product = tf.linalg.matmul(value, value, transpose_b=True)
        value = product / tf.reduce_max(tf.abs(product)) - 0.1
        found.append(float(tf.reduce_sum(tf.abs(value))))
    return found


work = [(train, 0), (train, 1), (operate, 2), (operate, 3)]
alone = [action(seed, make(seed)) for action, seed in work]
for _ in range(2):
    together, models = [None] * len(work), [make(seed) for _, seed in work]

    def run(i):
        action, seed = work[i]
        together[i] = action(seed, models[i])

    threads = [threading.Thread(target=run, args=[i]) for i in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone, (together, alone)
assert alone[0][-1] < alone[0][0]
print("ALL", len(work))
