# SPDX-License-Identifier: Apache-2.0
"""docs/following-a-step.md shows what this build's stages print."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/following-a-step.md"
STEP = ROOT / "tests/data/step"


@pytest.fixture(scope="module")
def tool(command):
    """Runs the tool with that command."""
    if shutil.which("spirv-dis") is None and os.environ.get("DRAGOMAN_REQUIRE_DEVICE") != "1":
        pytest.skip("There is no spirv-dis; the Debian package spirv-tools brings it.")
    words = [sys.executable, ROOT / "tools/following-a-step", "--command", command]
    return lambda *arguments: subprocess.run([*words, *arguments], capture_output=True, text=True)


def test_the_page_shows_what_the_stages_print(tool):
    done = tool("--check")
    assert done.returncode == 0, done.stderr


def test_a_stale_page_is_found_and_mended(tool, tmp_path):
    page = tmp_path / "page.md"
    stale = PAGE.read_text().replace("group 0 dot:", "group 0 loop:")
    page.write_text(stale)
    done = tool("--check", "--page", page)
    assert done.returncode == 1
    assert "-group 0 loop:" in done.stderr and "+group 0 dot:" in done.stderr
    assert "Run tools/following-a-step" in done.stderr
    assert page.read_text() == stale
    assert tool("--page", page).returncode == 0
    assert page.read_text() == PAGE.read_text()


def test_a_rule_that_finds_nothing_is_an_error(tool, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- dump kernel from=no.such.line -->\n```text\n```\n")
    done = tool("--page", page)
    assert done.returncode == 1
    assert "no line of the dump matches 'no.such.line'" in done.stderr


def test_every_place_that_the_page_names_exists():
    named = re.findall(r"`((?:src|tests|tools|python)/[\w./-]+)`", PAGE.read_text())
    assert len(named) > 15
    for path in named:
        assert (ROOT / path).exists(), path


def test_the_text_is_that_of_the_artifact():
    pytest.importorskip("jax", reason="JAX is not installed.")
    from jax._src.interpreters import mlir
    from jax._src.lib import _jax

    if not hasattr(getattr(_jax, "mlir", None), "deserialize_portable_artifact"):
        pytest.skip("This JAX does not read portable artifacts.")
    with mlir.make_ir_context():
        module = _jax.mlir.deserialize_portable_artifact((STEP / "step.bc").read_bytes())
    assert str(module) == (STEP / "step.mlir").read_text()
