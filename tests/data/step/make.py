# SPDX-License-Identifier: Apache-2.0
"""Makes step.bc and step.mlir beside it: what JAX sends for one training step of the model in fit.py.

Usage: python make.py, with Dragoman, Keras and jaxlib installed; docs/following-a-step.md follows the step from there.
"""

import os
import pathlib
import runpy
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

with tempfile.TemporaryDirectory() as folder:
    os.environ.update(DRAGOMAN_DUMP_PROGRAMS=folder, KERAS_BACKEND="jax", DRAGOMAN_CACHE_DIR="off")
    import jax

    # Locations must not depend on where this repository and its packages lie.
    jax.config.update("jax_hlo_source_file_canonicalization_regex", ".*/")
    runpy.run_path(str(HERE / "fit.py"))
    sent = max(pathlib.Path(folder).glob("*.bc"), key=lambda path: path.stat().st_size).read_bytes()

from jax._src.interpreters import mlir  # noqa: E402
from jax._src.lib import _jax  # noqa: E402

(HERE / "step.bc").write_bytes(sent)
with mlir.make_ir_context():
    (HERE / "step.mlir").write_text(str(_jax.mlir.deserialize_portable_artifact(sent)))
