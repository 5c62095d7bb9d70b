# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(2)])
model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mean_squared_error")
model.fit(np.zeros((16, 4), "float32"), np.zeros((16, 2), "float32"), batch_size=16, verbose=0)
