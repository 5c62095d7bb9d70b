# SPDX-License-Identifier: Apache-2.0
"""Tests run on the installed package, or on this source tree when DRAGOMAN_LIBRARY names a built library.

They ask for Dragoman's backend beside JAX's CPU backend, which says what is right.
"""

import os
import pathlib
import shutil
import sys

os.environ.setdefault("JAX_PLATFORMS", "dragoman,cpu")
os.environ.setdefault("KERAS_BACKEND", "jax")

if os.environ.get("DRAGOMAN_LIBRARY"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))

import pytest  # noqa: E402


@pytest.fixture(scope="session")
def jax():
    """JAX with Dragoman as its first backend; skips where there is no JAX or no Vulkan device."""
    jax = pytest.importorskip("jax", reason="JAX is not installed.")
    from dragoman import _jax_plugin

    _jax_plugin.initialize()
    try:
        jax.devices("dragoman")
    except RuntimeError as error:
        # ./test installs a driver: there, skipping everything would hide that nothing ran.
        if "Vulkan" not in str(error) or os.environ.get("DRAGOMAN_REQUIRE_DEVICE") == "1":
            raise
        pytest.skip(str(error))
    return jax


@pytest.fixture(scope="session")
def command():
    """The dragoman command beside the library under test, or on the path."""
    library = os.environ.get("DRAGOMAN_LIBRARY")
    name = "dragoman.exe" if sys.platform == "win32" else "dragoman"
    beside = pathlib.Path(library).parent / name if library else None
    found = str(beside) if beside and beside.exists() else shutil.which("dragoman")
    if found is None:
        pytest.skip("The dragoman command is neither beside DRAGOMAN_LIBRARY nor on the PATH; pip install . brings it.")
    return found


@pytest.fixture(scope="session")
def device(jax):
    return jax.devices("dragoman")[0]


@pytest.fixture(scope="session")
def cpu(jax):
    return jax.devices("cpu")[0]
