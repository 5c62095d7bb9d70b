# SPDX-License-Identifier: Apache-2.0
"""Imported at every start of Python (dragoman_tensorflow.pth), so it does next to nothing: it notes which modules of
TensorFlow and Keras `_names` has something to say to, and calls it right after such a module was imported.
"""

import importlib.machinery
import os
import sys

# Module: the function of _names that is given it.
MODULES = {
    "tensorflow.python.framework.device_spec": "in_device_spec",
    "tensorflow.python.eager.context": "in_context",
    "tensorflow.python.framework.test_util": "in_test_util",
    "keras.src.backend.tensorflow.rnn": "in_keras_rnn",
}


class Finder:
    """Finds the modules of MODULES as Python would, and lets their loaders tell when they are done."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in MODULES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            tell_when_done(spec.loader, MODULES[name])
        return spec


def tell_when_done(loader, function):
    load = loader.exec_module

    def exec_module(module):
        load(module)
        from dragoman_tensorflow import _names

        _names.guarded(getattr(_names, function), module)

    loader.exec_module = exec_module


if os.environ.get("DRAGOMAN_TENSORFLOW_GPU_NAME", "1") != "0" and Finder not in sys.meta_path:
    sys.meta_path.insert(0, Finder)
