# SPDX-License-Identifier: Apache-2.0
"""Trains models of examples/models.py in one process; not a test, but what tests/test_training.py runs.

    python tests/train_models.py '[["mlp", "sgd", "float32"], ...]'   prints {"mlp sgd float32": [its losses], ...}
    python tests/train_models.py --steps mlp                          writes "BATCH" to stderr after every step
    python tests/train_models.py --first-step cnn                     prints the processor's seconds until the first step is done
    python tests/train_models.py --memory cnn                         prints the bytes in use before and after

The first two work with KERAS_BACKEND=tensorflow too, which TENSORFLOW_CPU=1 in the environment keeps to the CPU.
"""

import functools
import gc
import json
import os
import pathlib
import sys
import time

os.environ.setdefault("KERAS_BACKEND", "jax")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples"))
if os.environ.get("DRAGOMAN_LIBRARY") and os.environ["KERAS_BACKEND"] == "jax":
    sys.path.insert(0, str(ROOT / "python"))
    from dragoman import _jax_plugin

    _jax_plugin.initialize()

import keras  # noqa: E402
from models import MODELS, OPTIMIZERS  # noqa: E402
from train import train  # noqa: E402

EPOCHS = 3


class Marker(keras.callbacks.Callback):
    """A line on stderr, where Dragoman's log goes too, after every step."""

    def on_train_batch_end(self, batch, logs=None):
        os.write(2, b"BATCH\n")


class FirstStep(keras.callbacks.Callback):
    """The processor's seconds, which other processes do not lengthen, from the start to the end of the first step."""

    def on_train_begin(self, logs=None):
        self.start, self.seconds = time.process_time(), None

    def on_train_batch_end(self, batch, logs=None):
        if self.seconds is None:
            float(logs["loss"])
            self.seconds = time.process_time() - self.start


def seconds_of_first_step(name):
    marker = FirstStep()
    model, x, y, loss = MODELS[name]()
    model.compile(optimizer=OPTIMIZERS["adam"](), loss=loss)
    model.fit(x[:64], y[:64], batch_size=64, epochs=1, verbose=0, callbacks=[marker])
    return marker.seconds


def train_marked(name):
    keras.utils.set_random_seed(0)
    model, x, y, loss = MODELS[name]()
    model.compile(optimizer=OPTIMIZERS["adam"](), loss=loss)
    model.fit(x, y, batch_size=64, epochs=2, verbose=0, callbacks=[Marker()])


def bytes_around_training(name):
    import jax

    device = jax.devices()[0]
    gc.collect()
    before = device.memory_stats()["bytes_in_use"]
    train(MODELS[name], "adam", "float32", 1)
    keras.utils.clear_session()
    jax.clear_caches()
    gc.collect()
    return before, device.memory_stats()["bytes_in_use"]


def draw_alike(tf):
    """The same numbers on each device: TensorFlow's generator depends on the device, and a single operation's numbers do too."""

    def alike(module, name, **generator):
        draw = getattr(module, name)

        @functools.wraps(draw)
        def drawn(*arguments, **options):
            with tf.device("CPU:0" if tf.executing_eagerly() else None):
                return draw(*arguments, **{**options, **generator})

        setattr(module, name, drawn)

    for name in ("stateless_uniform", "stateless_normal", "stateless_truncated_normal"):
        alike(tf.random, name, alg="philox")
    alike(tf.nn.experimental, "stateless_dropout", rng_alg="philox")


def losses(name, optimizer, policy):
    options = {"jit_compile": True} if keras.backend.backend() == "tensorflow" else {}
    return train(MODELS[name], optimizer, policy, EPOCHS, **options)


def losses_or_error(run):
    """What went wrong is a result too, so that the other runs go on."""
    try:
        return losses(*run)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def start_tensorflow():
    import tensorflow as tf

    if os.environ.get("TENSORFLOW_CPU") == "1":
        tf.config.set_visible_devices([], "GPU")
    draw_alike(tf)


def main():
    if keras.backend.backend() == "tensorflow":
        start_tensorflow()
    if sys.argv[1] == "--steps":
        train_marked(sys.argv[2])
    elif sys.argv[1] == "--first-step":
        print(json.dumps(seconds_of_first_step(sys.argv[2])))
    elif sys.argv[1] == "--memory":
        print(json.dumps(bytes_around_training(sys.argv[2])))
    else:
        print(json.dumps({" ".join(run): losses_or_error(run) for run in json.loads(sys.argv[1])}))


if __name__ == "__main__":
    main()
