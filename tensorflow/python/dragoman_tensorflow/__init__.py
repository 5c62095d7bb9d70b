# SPDX-License-Identifier: Apache-2.0
"""Dragoman's device for TensorFlow. Nothing needs to be imported: TensorFlow loads the plug-in that lies in its folder
site-packages/tensorflow-plugins, and dragoman_tensorflow.pth lets the name 'GPU' reach its device.
"""

__version__ = "0.1.0"


def library_path():
    """The plug-in that TensorFlow loads; $TF_PLUGGABLE_DEVICE_LIBRARY_PATH names another one, for example a build's."""
    import os

    named = os.environ.get("TF_PLUGGABLE_DEVICE_LIBRARY_PATH", "")
    if named.endswith(".so"):
        return named
    folder = named or os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tensorflow-plugins")
    return os.path.join(folder, "libdragoman_tensorflow.so")


def device_type():
    """What TensorFlow calls the device: 'DirectML', or what $DRAGOMAN_TENSORFLOW_DEVICE_TYPE says."""
    import os

    return os.environ.get("DRAGOMAN_TENSORFLOW_DEVICE_TYPE") or "DirectML"
