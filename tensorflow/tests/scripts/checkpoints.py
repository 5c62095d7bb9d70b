# SPDX-License-Identifier: Apache-2.0
"""Trains an MLP, a CNN and an LSTM with pipelines and checkpoints, and goes on from what they saved."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

BODIES = {
    "mlp": ((8,), [layers.Dense(16, activation="relu"), layers.BatchNormalization()]),
    "cnn": ((12, 12, 1), [layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten()]),
    "lstm": ((6, 4), [layers.LSTM(8)]),
}
keras.utils.set_random_seed(0)  # four epochs from some weights end higher than they begin
random = np.random.default_rng(0)
for name, (shape, body) in BODIES.items():
    x, y = random.standard_normal((96, *shape)).astype("float32"), random.integers(0, 3, 96)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(96, seed=0).batch(32).prefetch(tf.data.AUTOTUNE)
    model = keras.Sequential([keras.Input(shape), *body, layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    saved = keras.callbacks.ModelCheckpoint(f"{name}.keras")
    losses = model.fit(batches, epochs=4, verbose=0, callbacks=[saved]).history["loss"]
    assert losses[-1] < losses[0], losses
    assert np.allclose(keras.saving.load_model(f"{name}.keras").predict(x, verbose=0), model.predict(x, verbose=0))
    checkpoint = tf.train.Checkpoint(model=model)
    expected, path = [weight.numpy() for weight in model.weights], checkpoint.save(f"checkpoints/{name}")
    for weight in model.weights:
        weight.assign(tf.zeros_like(weight.value))
    checkpoint.restore(path).assert_existing_objects_matched()
    assert all(np.array_equal(weight.numpy(), was) for weight, was in zip(model.weights, expected, strict=True))
    assert "DirectML" in model.weights[0].value.device
print("ALL", *BODIES)
