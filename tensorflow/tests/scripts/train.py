# SPDX-License-Identifier: Apache-2.0
"""Trains small models with set weights, on the device or (argument "cpu") on TensorFlow's CPU device; prints losses."""

import json
import sys

import numpy as np
import tensorflow as tf

if sys.argv[1] == "cpu":
    tf.config.set_visible_devices([], "GPU")

import keras  # noqa: E402
from keras import layers  # noqa: E402


def mlp():
    return (8,), [layers.Dense(16, activation="relu"), layers.BatchNormalization()]


def cnn():
    return (12, 12, 1), [layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten()]


def lstm():
    return (10, 4), [layers.LSTM(8)]


def gru():
    return (10, 4), [layers.Bidirectional(layers.GRU(8))]


def words():
    return (10,), [layers.Embedding(20, 8), layers.GlobalAveragePooling1D()]


def train(make, optimizer="adam", **options):
    random = np.random.default_rng(0)
    shape, body = make()
    x, y = random.standard_normal((128, *shape)).astype("float32"), random.integers(0, 3, 128)
    x = x if make != words else np.abs(x * 6).astype("int32")
    model = keras.Sequential([keras.Input(shape), *body, layers.Dense(3, activation="softmax", dtype="float32")])
    fixed = ("variance", "seed", "gamma")
    model.set_weights([
        weight.numpy() if any(word in weight.path for word in fixed)
        else (0.2 * random.standard_normal(weight.shape)).astype("float32")
        for weight in model.weights
    ])  # fmt: skip
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    losses = model.fit(x, y, batch_size=32, epochs=3, shuffle=False, verbose=0).history["loss"]
    return losses + [float(model.evaluate(x, y, verbose=0)[0])] + model.predict(x[:2], verbose=0).ravel().tolist()


def loop():
    """A training loop by hand."""
    random = np.random.default_rng(0)
    x = tf.constant(random.standard_normal((64, 4)).astype("float32"))
    y = tf.linalg.matvec(x, [1.0, -2.0, 3.0, 0.5])
    weights = tf.Variable(tf.zeros([4]))
    losses = []

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((tf.linalg.matvec(x, weights) - y) ** 2)
        weights.assign_sub(0.1 * tape.gradient(loss, weights))
        return loss

    for run in (step, tf.function(step), tf.function(step, jit_compile=True)):
        losses += [float(run()) for _ in range(3)]
    return losses


def half(policy):
    keras.mixed_precision.set_global_policy(policy)
    try:
        return train(cnn)
    finally:
        keras.mixed_precision.set_global_policy("float32")


answers = {
    "mlp": train(mlp),
    "cnn": train(cnn),
    "lstm": train(lstm),
    "words": train(words, "rmsprop"),
    "lstm without jit": train(lstm, jit_compile=False),
    "loop": loop(),
    "mixed_float16": half("mixed_float16"),
}
if sys.argv[2:] == ["all"]:
    answers |= {
        "mixed_bfloat16": half("mixed_bfloat16"),
        "cnn without jit": train(cnn, jit_compile=False),
        "gru without jit": train(gru, jit_compile=False),
        "mlp eagerly": train(mlp, run_eagerly=True),
    }
answers["device"] = [device.device_type for device in tf.config.list_logical_devices()]
print("ANSWER", json.dumps(answers))
