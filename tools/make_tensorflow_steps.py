#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training steps as TensorFlow hands them to the engine: writes tests/data/tensorflow/NAME.hlo, which drivers of many GPUs are
tried with (tools/zoo).

    tools/make_tensorflow_steps.py [NAME...]      needs the packages dragoman and dragoman-tensorflow"""

import os
import pathlib
import subprocess
import sys
import tempfile

from make_hlo import DATA, without_places

# Shape of one example, layers before the last one, optimizer, policy.
MODELS = {
    "mlp": ((20,), "[L.Dense(64, activation='relu'), L.BatchNormalization(), L.Dropout(0.2)]", "adam", "float32"),
    "cnn": ((28, 28, 1), "[L.Conv2D(16, 3, activation='relu'), L.MaxPooling2D(), L.Flatten()]", "adamw", "mixed_float16"),
    "lstm": ((12, 8), "[L.LSTM(16)]", "rmsprop", "float32"),
    "attention": ((16, 24), "[L.Dense(32), L.Attention(), L.LayerNormalization(), L.GlobalAveragePooling1D()]", "sgd", "mixed_bfloat16"),
}
TRAIN = """
import keras, numpy
from keras import layers as L
keras.utils.set_random_seed(0)
keras.mixed_precision.set_global_policy({policy!r})
inputs = outputs = keras.Input({shape})
for layer in {layers}:
    outputs = layer([outputs, outputs] if isinstance(layer, L.Attention) else outputs)
model = keras.Model(inputs, L.Dense(10, activation="softmax", dtype="float32")(outputs))
model.compile({optimizer!r}, "sparse_categorical_crossentropy", metrics=["accuracy"])
random = numpy.random.default_rng(0)
model.fit(random.standard_normal((32, *{shape})).astype("float32"), random.integers(0, 10, 32), verbose=0)
"""


def step(name):
    shape, layers, optimizer, policy = MODELS[name]
    program = TRAIN.format(shape=shape, layers=layers, optimizer=optimizer, policy=policy)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "DRAGOMAN_DUMP_PROGRAMS": folder}
        subprocess.run([sys.executable, "-c", program], check=True, env=environment)
        programs = [path.read_bytes() for path in pathlib.Path(folder).glob("*.hlo")]
    return without_places(max(programs, key=len))


if __name__ == "__main__":
    (DATA / "tensorflow").mkdir(exist_ok=True)
    for name in sys.argv[1:] or MODELS:
        program = step(name)
        (DATA / "tensorflow" / f"tf_{name}.hlo").write_bytes(program)
        print(f"{name}: {len(program)} bytes")
