# SPDX-License-Identifier: Apache-2.0
"""What `dragoman doctor` says of TensorFlow's door: the package dragoman-tensorflow and a model that trains through it."""

import importlib.metadata

from dragoman import _doctor_rows
from dragoman._doctor_rows import row

DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu")
INSTALL = "pip install ./tensorflow in Dragoman's source folder (or the wheel dragoman-tensorflow)."

LIST_DEVICES = """
import tensorflow as tf
import dragoman_tensorflow
found = tf.config.list_physical_devices(dragoman_tensorflow.device_type())
assert found, "TensorFlow lists no device of the type " + dragoman_tensorflow.device_type()
kind = tf.config.experimental.get_device_details(found[0]).get("device_name", "")
print("FOUND", ", ".join(device.name for device in found), kind)
"""

FIT = """
import os
os.environ["KERAS_BACKEND"] = "tensorflow"
import dragoman_tensorflow
""" + _doctor_rows.TRAIN + """
device = model.weights[0].value.device
assert dragoman_tensorflow.device_type() in device, f"The model trained on {device}."
print("FOUND", found, "on", device.rsplit("/", 1)[1])
"""


def has_door():
    """Whether TensorFlow and the package for it are installed."""
    return tensorflow() is not None and _doctor_rows.installed("dragoman-tensorflow") is not None


def tensorflow():
    """(distribution, version) of the TensorFlow that is installed, or None."""
    for name in DISTRIBUTIONS:
        version = _doctor_rows.installed(name)
        if version:
            return name, version
    return None


def checks(has_device, has_keras):
    """Rows for TensorFlow; what is not installed is no fault."""
    found = tensorflow()
    if found is None:
        return [row("TensorFlow", True, "not installed; only TensorFlow programs need it", "")]
    rows = [row("TensorFlow", True, f"{found[1]} ({found[0]})", "")]
    version = _doctor_rows.installed("dragoman-tensorflow")
    if version is None:
        return rows + [row("TensorFlow plug-in", True, f"not installed; TensorFlow programs need it: {INSTALL}", "")]
    wanted = built_for()
    is_ok = wanted is None or found[1].startswith(wanted)
    text = f"dragoman-tensorflow {version}" + (f", built for TensorFlow {wanted}*" if wanted else "")
    rows.append(row("TensorFlow plug-in", is_ok, text, f"install it again beside TensorFlow {found[1]}: {INSTALL}"))
    if is_ok and has_device:
        is_ok, text = _doctor_rows.run(LIST_DEVICES)
        cure = "remove DRAGOMAN_VISIBLE_DEVICES and TF_PLUGGABLE_DEVICE_LIBRARY_PATH from the environment; DRAGOMAN_LOG=debug says more."
        rows.append(row("TensorFlow devices", is_ok, text, cure))
        if is_ok and has_keras:
            cure = "dragoman doctor with DRAGOMAN_LOG=debug and KERAS_BACKEND=tensorflow says more; report what it prints."
            rows.append(row("TensorFlow fit", *_doctor_rows.run(FIT), cure))
    return rows


def built_for():
    """'2.21.' of the requirement tensorflow==2.21.* in the plug-in's metadata, or None."""
    for requirement in importlib.metadata.requires("dragoman-tensorflow") or []:
        if requirement.startswith("tensorflow") and "==" in requirement:
            return requirement.split("==")[1].rstrip("*")
    return None
