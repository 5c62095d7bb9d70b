# SPDX-License-Identifier: Apache-2.0
"""Imported at every start of Python (dragoman_tensorflow.pth), so it does next to nothing: it notes which modules of
TensorFlow and Keras this package has something to say to, and calls the function for it right after such a module was
imported.
"""

import importlib
import importlib.machinery
import os
import sys

# Module: the module here whose function is given it.
ALWAYS = {
    "tensorflow.python.framework.load_library": ("_one_plugin", "in_load_library"),
    "tensorflow.python.ops.image_grad": ("_operations", "in_image_grad"),
    "tensorflow.python.ops.math_grad": ("_operations", "in_math_grad"),
    "tensorflow.python.ops.stateful_random_ops": ("_operations", "in_stateful_random_ops"),
    "tensorflow.python.ops.resource_variable_ops": ("_operations", "in_resource_variable_ops"),
    "keras.src.backend.tensorflow.rnn": ("_keras", "in_rnn"),
    "keras.src.backend.tensorflow.sparse": ("_keras", "in_sparse"),
    "keras.src.callbacks.callback_list": ("_keras", "in_callback_list"),
    "tf_keras.src.utils.tf_utils": ("_keras", "in_keras2_utils"),
}
NAMES = {
    "tensorflow.python.framework.device_spec": ("_names", "in_device_spec"),
    "tensorflow.python.eager.context": ("_names", "in_context"),
    "tensorflow.python.framework.test_util": ("_names", "in_test_util"),
}


class Finder:
    """Finds these modules as Python would, and lets their loaders tell when they are done."""

    modules = ALWAYS | (NAMES if os.environ.get("DRAGOMAN_TENSORFLOW_GPU_NAME", "1") != "0" else {})

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in cls.modules:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            tell_when_done(spec.loader, *cls.modules[name])
        return spec


def tell_when_done(loader, own_module, function):
    load = loader.exec_module

    def exec_module(module):
        load(module)
        try:
            getattr(importlib.import_module(f"dragoman_tensorflow.{own_module}"), function)(module)
        except Exception as error:  # a TensorFlow that has changed its private parts costs only this purpose
            import logging

            logging.getLogger(__name__).debug("Dragoman's %s fails with this TensorFlow: %r", function, error)

    loader.exec_module = exec_module


if Finder not in sys.meta_path:
    sys.meta_path.insert(0, Finder)
