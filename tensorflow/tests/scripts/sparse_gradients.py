# SPDX-License-Identifier: Apache-2.0
"""Optimizers of Keras ("all", or few) on an embedding whose rows occur several times in a batch, some not at all, with and without loss
scaling: on the device ("device") and on TensorFlow's CPU device ("cpu"). Prints {name: the embedding after three steps}.
"""
import json
import sys

import tensorflow as tf

if sys.argv[1] == "cpu":
    tf.config.set_visible_devices([], "GPU")
import keras
import numpy as np

FEW = ["Adam", "Adagrad", "RMSprop"]
ALL = ["SGD", "Adam", "AdamW", "Adagrad", "RMSprop", "Adadelta", "Adamax", "Nadam", "Ftrl", "Lion", "Lamb"]


def train(name, is_scaled):
    random = np.random.default_rng(0)
    net = keras.Sequential([keras.Input((5,), dtype="int32"), keras.layers.Embedding(7, 3), keras.layers.Flatten(),
                            keras.layers.Dense(1)])  # fmt: skip
    for variable in net.variables:
        variable.assign(random.standard_normal(variable.shape))
    optimizer = getattr(keras.optimizers, name)(0.05)
    if is_scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1024.0)
    net.compile(optimizer, "mse", jit_compile=True)
    for _ in range(3):
        net.train_on_batch(random.integers(0, 5, (8, 5)).astype("int32"), random.standard_normal((8, 1)).astype("float32"))
    return net.variables[0].numpy().ravel().tolist()


def main():
    names = ALL if "all" in sys.argv else FEW
    print("ANSWER", json.dumps({f"{name} {is_scaled}": train(name, is_scaled) for name in names for is_scaled in (False, True)}))


main()
