# SPDX-License-Identifier: Apache-2.0
"""Makes the artifacts beside it: DRAGOMAN_DUMP_PROGRAMS=<folder> python make.py, with Dragoman installed."""

import os
import pathlib
import shutil
import tempfile

folder = tempfile.mkdtemp()
os.environ["DRAGOMAN_DUMP_PROGRAMS"] = folder
os.environ["DRAGOMAN_CACHE_DIR"] = "off"
os.environ.setdefault("JAX_PLATFORMS", "dragoman,cpu")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

jax.config.update("jax_traceback_in_locations_limit", 0)  # no paths of the machine that makes them
vector = jax.ShapeDtypeStruct((4,), jnp.float32)
large = jax.ShapeDtypeStruct((1 << 20,), jnp.float32)
PROGRAMS = {
    # x + y
    "add": (jax.jit(lambda x, y: x + y), (vector, vector)),
    # The state is donated: its memory becomes the first result's. state + step, and their sum.
    "step": (jax.jit(lambda state, step: (state + step, jnp.sum(state * step)), donate_argnums=0), (large, large)),
    # Returns its argument unchanged beside a constant.
    "forward": (jax.jit(lambda x: (x, jnp.arange(3))), (vector,)),
}

jax.devices()
for name, (function, shapes) in PROGRAMS.items():
    before = set(os.listdir(folder))
    lowered = function.lower(*shapes)
    lowered.compile()
    (new,) = set(os.listdir(folder)) - before
    shutil.copy(os.path.join(folder, new), pathlib.Path(__file__).with_name(f"{name}.bc"))
shutil.rmtree(folder)
