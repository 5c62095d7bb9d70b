# SPDX-License-Identifier: Apache-2.0
"""For a Python with sanitizers preloaded ($PYTHONPATH names this folder): opens Vulkan's CPU driver before TensorFlow.

A driver's LLVM must bind to itself, not to TensorFlow's. The engine binds drivers deeply for that, which it leaves where
the allocator is replaced, as AddressSanitizer does; what is bound before TensorFlow comes is bound rightly too.
"""

import ctypes
import json
import os
import pathlib

for manifest in pathlib.Path("/usr/share/vulkan/icd.d").glob("lvp*.json"):
    ctypes.CDLL(json.loads(manifest.read_text())["ICD"]["library_path"], os.RTLD_NOW)
