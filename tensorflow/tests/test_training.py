# SPDX-License-Identifier: Apache-2.0
"""Training on the device follows TensorFlow's CPU device."""

import json
import os
import pathlib

import pytest

TRAIN = pathlib.Path(__file__).resolve().parents[2] / "tests/train_models.py"
FEW = [["vae", "adam", "float32"]]
# The others take minutes.
ALL = [["mlp", "sgd", "float32"], ["cnn", "adam", "float32"], ["lstm", "adamw", "float32"], ["gru", "rmsprop", "float32"],
       ["transformer", "adamw", "float32"], ["resnet", "sgd", "float32"]] + [
    [model, "adam", policy] for policy in ("mixed_bfloat16", "mixed_float16") for model in ("mlp", "cnn", "transformer", "lstm")
]  # fmt: skip
# Sums are in another order than on the CPU; batch normalisation with momentum amplifies a rounding most.
MODEL_TOLERANCE = {"float32": 2e-3, "mixed_bfloat16": 5e-2, "mixed_float16": 5e-2}
# TensorFlow's CPU device with one thread is 0.4 % from itself with two after these three epochs.
SPECIAL_TOLERANCE = {"resnet sgd float32": 1e-2}

LAYERS = pathlib.Path("/usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json")
TOLERANCE = {"mixed_float16": 5e-3, "mixed_bfloat16": 4e-2}


def test_losses_follow_the_cpu_device(run):
    models = ["all"] if os.environ.get("DRAGOMAN_TEST_ALL") else []
    ours = run("train.py", arguments=["device", *models]).answer()
    expected = run("train.py", arguments=["cpu", *models]).answer()
    assert ours.pop("device") == ["CPU", "DirectML"]
    assert expected.pop("device") == ["CPU"]
    wrong = {}
    for name, values in expected.items():
        bound = TOLERANCE.get(name, 2e-5)
        difference = max(abs(a - b) / (1 + abs(b)) for a, b in zip(ours[name], values, strict=True))
        if not difference <= bound:
            wrong[name] = f"differs by {difference}, at most {bound} is allowed: {ours[name]} and {values}"
    assert not wrong
    assert expected["mlp"][2] < expected["mlp"][0] and expected["loop"][-1] < expected["loop"][0]


def test_checkpoints_under_validation_layers(run):
    """Nothing that TensorFlow's programs make of the device is against Vulkan's rules."""
    if not LAYERS.exists():
        pytest.skip("Vulkan's validation layers are not installed; `apt install vulkan-validationlayers` brings them.")
    result = run("checkpoints.py", DRAGOMAN_VALIDATION="1")
    assert "ALL mlp cnn lstm" in result.out
    assert "Vulkan validation" not in result.err


@pytest.mark.skipif(not os.environ.get("DRAGOMAN_TEST_ALL"), reason="It trains six models; ./test --all runs it (DRAGOMAN_TEST_ALL=1).")
def test_threads_get_the_numbers_of_one(run):
    assert "ALL 4" in run("threads.py").out


@pytest.mark.skipif(not TRAIN.exists(), reason="This folder stands alone: the models, tests/train_models.py, are not beside it.")
def test_models_of_examples_follow_the_cpu_device(run):
    """Three epochs with equal weights and equal random numbers, each step compiled on both devices."""
    models = FEW + (ALL if os.environ.get("DRAGOMAN_TEST_ALL") else [])
    ours, expected = (
        json.loads(run(str(TRAIN), arguments=[json.dumps(models)], TENSORFLOW_CPU=cpu).out.splitlines()[-1])
        for cpu in ("0", "1")
    )
    assert len(expected) == len(models)
    wrong = {}
    for name, values in expected.items():
        assert isinstance(values, list) and values[-1] < values[0], (name, values)
        bound = SPECIAL_TOLERANCE.get(name, MODEL_TOLERANCE[name.split()[-1]])
        if not isinstance(ours[name], list) or not max(abs(a / b - 1) for a, b in zip(ours[name], values, strict=True)) <= bound:
            wrong[name] = f"{ours[name]} and on the CPU device {values}"
    assert not wrong


def test_optimizers_on_rows_of_an_embedding(run):
    """Gradients of rows, some several times in one batch, through optimizers, with loss scaling and without."""
    which = ["all"] if os.environ.get("DRAGOMAN_TEST_ALL") else []
    ours, expected = (run("sparse_gradients.py", arguments=[device, *which]).answer() for device in ("device", "cpu"))
    assert len(expected) == (22 if which else 6) and set(ours) == set(expected)
    wrong = {
        name: ours[name]
        for name, values in expected.items()
        if not max(abs(a - b) for a, b in zip(ours[name], values, strict=True)) < 5e-6
    }
    assert not wrong


def test_losses_are_read_while_the_next_step_runs(run):
    """Keras's own callbacks read them in a thread; those that look at batches get every loss before the next step."""
    program = """
import keras
import numpy as np
from keras.src import backend
from keras.src.callbacks.callback_list import CallbackList

class Steps(keras.callbacks.Callback):
    losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])

print("THREADS", CallbackList([])._async_train, CallbackList([Steps()])._async_train, backend.IS_THREAD_SAFE)
net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
net.compile("sgd", "mse", metrics=["mae"])
x, y = np.ones((64, 4), "float32"), np.zeros((64, 1), "float32")
history = net.fit(x, y, batch_size=8, epochs=2, verbose=2)
net.fit(x, y, batch_size=8, callbacks=[Steps()], verbose=0)
print("LOSSES", [type(value) is float for value in history.history["loss"]], len(Steps.losses), type(Steps.losses[0]))
"""
    out = run(program).out
    assert "THREADS True False False" in out
    assert "LOSSES [True, True] 8 <class 'float'>" in out
    assert "mae" in out  # the line of an epoch


def test_what_optionals_hold_stays_on_the_device(run):
    """Keras gives each step's loss and metrics as one; on the CPU it would wait for the device in every step."""
    program = """
import tensorflow as tf

@tf.function
def pack(x):
    return tf.experimental.Optional.from_value({"loss": x * 2, "count": tf.size(x), "text": tf.constant("step")})

@tf.function
def add_up(rows):
    total, texts, iterator = 0.0, tf.constant(""), iter(rows)
    for _ in tf.range(4):
        row = iterator.get_next_as_optional()
        if row.has_value():
            numbers, text = row.get_value()
            total += tf.reduce_sum(numbers)
            texts += text
    return total, texts

held = pack(tf.constant([1.0, 2.0]))
values = held.get_value()
print("HELD", bool(held.has_value()), values["loss"].device, values["loss"].numpy(), values["count"].numpy(), values["text"].numpy())
rows = tf.data.Dataset.from_tensor_slices((tf.range(6.0), list("abcdef"))).batch(2)
total, texts = add_up(rows.map(lambda numbers, text: (numbers, tf.strings.reduce_join(text))))
print("SUM", total.numpy(), texts.numpy())
"""
    out = run(program).out
    assert "HELD True /job:localhost/replica:0/task:0/device:DirectML:0 [2. 4.] 2 b'step'" in out
    assert "SUM 15.0 b'abcdef'" in out
