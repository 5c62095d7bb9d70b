#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains one of the small models and prints the loss of each epoch as JSON.

    python examples/train.py lstm --optimizer adamw --policy mixed_bfloat16 --epochs 3

The device is JAX's default; JAX_PLATFORMS=cpu trains on JAX's CPU backend for comparison.
"""
import argparse
import json
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import jax
import keras
from models import MODELS, OPTIMIZERS


def train(name, optimizer, policy, epochs, seed=0):
    """The history of losses, one an epoch."""
    keras.utils.set_random_seed(seed)
    keras.mixed_precision.set_global_policy(policy)
    model, x, y, loss = MODELS[name]()
    model.compile(optimizer=OPTIMIZERS[optimizer](), loss=loss)
    history = model.fit(x, y, batch_size=64, epochs=epochs, verbose=0, shuffle=False)
    return [float(value) for value in history.history["loss"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--optimizer", choices=sorted(OPTIMIZERS), default="adam")
    parser.add_argument("--policy", default="float32")
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    losses = train(args.model, args.optimizer, args.policy, args.epochs)
    print(json.dumps({"model": args.model, "device": str(jax.devices()[0].device_kind), "losses": losses}))


if __name__ == "__main__":
    main()
