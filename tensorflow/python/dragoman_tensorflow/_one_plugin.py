# SPDX-License-Identifier: Apache-2.0
"""Keeps TensorFlow from loading a second plug-in of our kind (a next pluggable device), which ends the process.

TensorFlow holds one set of such a plug-in's functions. A second one comes easily: this package in a virtual environment
and in the user's site-packages, or another maker's. The first that TensorFlow finds is loaded, the others are left out.
"""

import functools
import mmap
import os
import sys

MARK = b"TFNPD_InitPlugin"  # the function by which TensorFlow knows the kind


def in_load_library(module):
    load = module.load_pluggable_device_library
    loaded = []

    @functools.wraps(load)
    def load_pluggable_device_library(library_location):
        for path in libraries(library_location):
            if not is_next_pluggable(path):
                load(path)
            elif not loaded:
                loaded.append(path)
                load(path)
            elif not os.path.samefile(path, loaded[0]):
                print(f"dragoman: TensorFlow takes one plug-in of this kind: {loaded[0]} is it, {path} is left out.",
                      file=sys.stderr)  # fmt: skip

    module.load_pluggable_device_library = load_pluggable_device_library


def libraries(location):
    """The files that TensorFlow would load of this file or folder; what is neither is TensorFlow's to refuse."""
    if not os.path.isdir(location):
        return [location]
    return [os.path.join(location, name) for name in sorted(os.listdir(location)) if name.endswith(".so")]


def is_next_pluggable(path):
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(MARK) >= 0
    except (OSError, ValueError):  # ValueError: an empty file
        return False
