# SPDX-License-Identifier: Apache-2.0
"""Not TensorFlow: the source folder of Dragoman's plug-in for it, which is no part of any package.

A Python that is started in the folder above finds it under this name; it hands on to the TensorFlow that is installed.
"""

import importlib.machinery
import importlib.util
import os
import sys

_above = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
_path = [folder for folder in sys.path if os.path.realpath(folder or os.curdir) != _above]
_spec = importlib.machinery.PathFinder.find_spec("tensorflow", _path)
if _spec is None or _spec.loader is None:
    raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")
_module = importlib.util.module_from_spec(_spec)
sys.modules["tensorflow"] = _module
_spec.loader.exec_module(_module)
