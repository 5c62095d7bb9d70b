# SPDX-License-Identifier: Apache-2.0
"""Python's half of `dragoman doctor`: from the interpreter to a Keras model that trains.

Every check is a row {"check", "ok", "found", "cure"} as the compiled half prints them. What imports JAX runs in a
process of its own, so that a crash there is a finding here.
"""

import importlib.metadata
import json
import os
import subprocess
import sys

from dragoman import _doctor_tensorflow
from dragoman._doctor_rows import TRAIN, installed, row, run, setting

OLDEST_PYTHON = (3, 11)
OLDEST_JAX, NEWEST_TESTED_JAX = (0, 10), (0, 12)

LIST_DEVICES = """
import os
if os.environ.get("DRAGOMAN_LIBRARY"):
    from dragoman import _jax_plugin
    _jax_plugin.initialize()
import jax
devices = jax.devices("dragoman")
print("FOUND", ", ".join(device.device_kind for device in devices))
"""

FIT = """
import os
if os.environ.get("DRAGOMAN_LIBRARY"):
    from dragoman import _jax_plugin
    _jax_plugin.initialize()
import jax
jax.config.update("jax_default_device", jax.devices("dragoman")[0])
""" + TRAIN + """
print("FOUND", found)
"""


def main(program, as_json):
    """Runs both halves; 0 when all is well, 1 otherwise."""
    done = subprocess.run([program, "doctor", "--json"], capture_output=True, text=True)
    try:
        checks = json.loads(done.stdout)["checks"]
    except ValueError:
        reason = done.stderr.strip() or f"no answer, exit code {done.returncode}"
        checks = [row("Compiled half", False, reason, "pip install --force-reinstall dragoman")]
    checks += python_checks(all(check["ok"] for check in checks))
    is_ok = all(check["ok"] for check in checks)
    if as_json:
        print(json.dumps({"ok": is_ok, "checks": checks}, indent=2))
        return 0 if is_ok else 1
    for check in checks:
        print(f"{'ok   ' if check['ok'] else 'WRONG'} {check['check']}: {check['found']}")
        if not check["ok"]:
            print(f"      to mend it: {check['cure']}")
    return 0 if is_ok else 1


def python_checks(has_device):
    """What does not need what was found wrong before."""
    checks = [python_version(), jax_version()]
    has_jax = checks[-1]["ok"] and installed("jax")
    if has_jax:
        checks.append(plugin_is_found())
    keras = keras_backend()
    checks.append(keras)
    if has_jax and has_device and checks[2]["ok"]:
        checks.append(jax_devices())
        if checks[-1]["ok"] and installed("keras") and configured_backend()[0] == "jax":
            checks.append(keras_fit())
    return checks + _doctor_tensorflow.checks(has_device, bool(installed("keras")))


def dotted(version):
    return ".".join(map(str, version))


def python_version():
    is_ok = sys.version_info[:2] >= OLDEST_PYTHON
    cure = f"install Python {dotted(OLDEST_PYTHON)} or newer and make a virtual environment with it."
    return row("Python", is_ok, f"{dotted(sys.version_info[:3])} at {sys.executable}", cure)


def jax_version():
    found, cure = installed("jax"), 'pip install -U "jax>=0.10"'
    if found is None and _doctor_tensorflow.has_door():
        return row("JAX", True, "not installed; only JAX programs need it", "")
    if found is None:
        return row("JAX", False, "not installed", cure)
    version = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
    if version < OLDEST_JAX:
        return row("JAX", False, f"{found}; at least {dotted(OLDEST_JAX)} is needed", cure)
    if version > NEWEST_TESTED_JAX:
        return row("JAX", True, f"{found}, newer than what is tested ({dotted(NEWEST_TESTED_JAX)})", "")
    return row("JAX", True, found, "")


def plugin_is_found():
    check = "JAX plugin"
    if os.environ.get("DRAGOMAN_LIBRARY"):
        return row(check, True, f"DRAGOMAN_LIBRARY names {os.environ['DRAGOMAN_LIBRARY']}", "")
    entries = importlib.metadata.entry_points(group="jax_plugins")
    found = [entry.value for entry in entries if entry.name == "dragoman"]
    if not found:
        cure = "pip install --force-reinstall dragoman"
        return row(check, False, f"not among the packages that {sys.executable} finds", cure)
    platforms = os.environ.get("JAX_PLATFORMS", "")
    if platforms and "dragoman" not in platforms.split(",") and "gpu" not in platforms.split(","):
        return row(check, False, f"hidden by JAX_PLATFORMS={platforms}", setting("JAX_PLATFORMS", None))
    return row(check, True, f"registered ({found[0]})", "")


def keras_backend():
    found = installed("keras")
    if found is None:
        return row("Keras", True, "not installed; only Keras programs need it (pip install keras)", "")
    backend, source = configured_backend()
    is_ok = backend == "jax" or (backend == "tensorflow" and _doctor_tensorflow.has_door())
    cure = setting("KERAS_BACKEND", "jax")
    if backend == "tensorflow" and _doctor_tensorflow.tensorflow():
        cure += f", or for this backend: {_doctor_tensorflow.INSTALL}"
    return row("Keras", is_ok, f"{found}, backend {backend} ({source})", cure)


def configured_backend():
    """(name, who says so), without importing Keras, which would import the backend."""
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"], "KERAS_BACKEND"
    folder = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    path = os.path.join(folder, "keras.json")
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)["backend"], path
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow", "Keras's default"


def jax_devices():
    is_ok, found = run(LIST_DEVICES)
    return row("JAX devices", is_ok, found, setting("DRAGOMAN_VISIBLE_DEVICES", None) + "; pip install -U jax jaxlib")


def keras_fit():
    is_ok, found = run(FIT)
    cure = "dragoman doctor with DRAGOMAN_LOG=debug and KERAS_BACKEND=jax says more; report what it prints."
    return row("Keras fit", is_ok, found, cure)
