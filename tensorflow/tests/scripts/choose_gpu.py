# SPDX-License-Identifier: Apache-2.0
"""A user's script: shows all GPUs, as many do, and trains."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

try:
    tf.config.set_visible_devices(tf.config.list_physical_devices('GPU'), 'GPU')
except RuntimeError as e:
    print(e)

random = np.random.default_rng(0)
labels = random.integers(0, 4, 256)
images = random.standard_normal((256, 12, 12, 1)).astype('float32') + labels[:, None, None, None]

model = keras.Sequential([
    keras.layers.Conv2D(8, 3, activation='relu', input_shape=(12, 12, 1)),
    keras.layers.MaxPooling2D(),
    keras.layers.Flatten(),
    keras.layers.Dense(4, activation='softmax'),
])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
history = model.fit(images, labels, epochs=3, batch_size=32)
print('LOSSES', history.history['loss'])
print('DEVICE', model.weights[0].value.device)
