# SPDX-License-Identifier: Apache-2.0
"""Trains, loses the device (lose_device.c is the layer named), then prints what everything becomes, and trains on the CPU."""

import ctypes
import sys

import keras
import numpy as np
import tensorflow as tf

x = np.random.default_rng(0).standard_normal((64, 4)).astype("float32")
y = x.sum(1)


def train():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    return model


model = train()
value = tf.constant([1.0, 2.0])
ctypes.CDLL(sys.argv[1]).lose_device()
attempts = {
    "fit": lambda: model.fit(x, y, verbose=0),
    "predict": lambda: model.predict(x, verbose=0),
    "multiply": lambda: value * value,
    "read": value.numpy,
    "upload": lambda: tf.constant([5.0, 6.0]) + 1.0,
}
for name, attempt in attempts.items():
    try:
        attempt()
    except tf.errors.OpError as error:
        print("LOST", name, type(error).__name__, "the device is lost" in str(error))
with tf.device("/CPU:0"):
    print("TRAINED on", train().weights[0].value.device.rsplit("/", 1)[1])
