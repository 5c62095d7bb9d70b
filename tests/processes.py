# SPDX-License-Identifier: Apache-2.0
"""Python in a process of its own, with another environment."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What an installed package does by its entry point, a library in a build folder needs to be told.
PREAMBLE = """
import os, sys
if os.environ.get("DRAGOMAN_LIBRARY"):
    sys.path.insert(0, {python!r})
    from dragoman import _jax_plugin
    _jax_plugin.initialize()
"""


def run_python(code, *arguments, timeout=600, **environment):
    """The finished process; a variable given as None is removed."""
    merged = {**os.environ, **environment}
    source = PREAMBLE.format(python=str(ROOT / "python")) + code
    return subprocess.run(
        [sys.executable, "-c", source, *arguments], capture_output=True, text=True, timeout=timeout,
        env={name: value for name, value in merged.items() if value is not None},
    )  # fmt: skip


def run_command(*arguments, **environment):
    """The `dragoman` command as pip installs it."""
    code = "import sys; from dragoman import _command; sys.exit(_command.main())"
    return run_python(code, *arguments, **environment)


def without_vulkan(folder):
    """The environment of a machine whose loader finds no driver, or that has none."""
    nowhere = str(folder / "none.json")
    if sys.platform == "win32":  # Wine keeps variables of the loader from it
        return {"DRAGOMAN_VULKAN_LIBRARY": str(folder / "none.dll")}
    return {"VK_DRIVER_FILES": nowhere, "VK_ICD_FILENAMES": nowhere}
