#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains one of the small models and prints the loss of each epoch as JSON.

    python examples/train.py lstm --optimizer adamw --policy mixed_bfloat16 --epochs 3

KERAS_BACKEND=tensorflow trains through TensorFlow, otherwise it is JAX. The device is that framework's default; JAX_PLATFORMS=cpu
trains on JAX's CPU backend for comparison.
"""
import argparse
import json
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import keras
from models import MODELS, OPTIMIZERS


def train(build, optimizer, policy, epochs, **options):
    """The history of losses, one an epoch, of a builder of models.py; the options are those of compile."""
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy(policy)
    model, x, y, loss = build()
    model.compile(optimizer=OPTIMIZERS[optimizer](), loss=loss, **options)
    history = model.fit(x, y, batch_size=64, epochs=epochs, verbose=0, shuffle=False)
    return [float(value) for value in history.history["loss"]]


def device_name():
    if keras.backend.backend() == "jax":
        import jax

        return str(jax.devices()[0].device_kind)
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU") or tf.config.list_physical_devices("CPU")
    return tf.config.experimental.get_device_details(devices[0]).get("device_name", devices[0].name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--optimizer", choices=sorted(OPTIMIZERS), default="adam")
    parser.add_argument("--policy", default="float32")
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    losses = train(MODELS[args.model], args.optimizer, args.policy, args.epochs)
    print(json.dumps({"model": args.model, "device": device_name(), "losses": losses}))


if __name__ == "__main__":
    main()
