# SPDX-License-Identifier: Apache-2.0
"""A row of `dragoman doctor`, and how a row finds out."""

import importlib.metadata
import os
import subprocess
import sys

TIMEOUT_SECONDS = 300
TRAIN = """
import keras, numpy
keras.utils.set_random_seed(0)
x = numpy.random.default_rng(0).standard_normal((256, 8)).astype("float32")
y = x @ numpy.linspace(-1, 1, 8, dtype="float32")[:, None]
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)])
model.compile(optimizer="adam", loss="mse")
losses = model.fit(x, y, batch_size=32, epochs=3, verbose=0).history["loss"]
assert losses[-1] < losses[0], f"The losses {losses} do not fall."
found = f"the loss falls from {losses[0]:.3f} to {losses[-1]:.3f} in 24 steps"
"""  # leaves `model`, and what to say in `found`


def row(check, ok, found, cure):
    return {"check": check, "ok": ok, "found": found, "cure": "" if ok else cure}


def setting(name, value):
    """What a person types to give the environment variable this value; None removes it."""
    if sys.platform == "win32":
        return f'set {name}={value or ""} (in PowerShell: $env:{name} = "{value or ""}")'
    return f"unset {name}" if value is None else f"export {name}={value}"


def installed(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def run(code):
    """(whether it printed FOUND, what it found or the last line of its error)."""
    package_folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    source = f"import sys; sys.path.append({package_folder!r})\n{code}"
    try:
        done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        return False, f"no answer in {TIMEOUT_SECONDS} seconds"
    for line in done.stdout.splitlines():
        if done.returncode == 0 and line.startswith("FOUND "):
            return True, line.removeprefix("FOUND ")
    errors = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith(" ")]
    return False, errors[-1] if errors else f"exit code {done.returncode}"
