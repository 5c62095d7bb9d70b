#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a script on Dragoman's backend from the source tree, without installing the package: zoo_train.py SCRIPT [ARG...]"""
import os
import runpy
import sys

from dragoman import _jax_plugin

_jax_plugin.initialize()
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
