# SPDX-License-Identifier: Apache-2.0
"""docs/adding-an-op.md, executed: its edits are made in a copy of the source, and the compiler asks for what is missing."""

import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/adding-an-op.md"
EDIT = re.compile(r"^In `([^`]+)`, (after|instead of) `([^`]+)`:\n```\n(.*?)```$", re.M | re.S)
FLAGS = ["-std=c++20", "-fsyntax-only", "-Isrc"]


def edits():
    found = EDIT.findall(PAGE.read_text())
    assert len(found) == 6
    return found


def make(folder, edit):
    path, where, anchor, text = edit
    source = (folder / path).read_text()
    assert source.count(f"{anchor}\n") == 1, f"{path} has the line {anchor!r} not once."
    kept = f"{anchor}\n" if where == "after" else ""
    (folder / path).write_text(source.replace(f"{anchor}\n", kept + text))


def compiles(folder, path):
    """Empty when it does, the compiler's words otherwise."""
    done = subprocess.run([shutil.which("g++"), *FLAGS, path], cwd=folder, capture_output=True, text=True)
    return done.stderr if done.returncode else ""


@pytest.mark.skipif(shutil.which("g++") is None, reason="There is no g++ to build the new operation with.")
def test_the_compiler_asks_for_each_row(tmp_path):
    shutil.copytree(ROOT / "src", tmp_path / "src")
    table, *rest = edits()
    assert table[0] == "src/types/scalar_ops.h"
    make(tmp_path, table)
    complaints = {
        "src/reference/scalar_eval.cc": "one row for each row of types/scalar_ops.h",
        "src/scalar/scalar_float.cc": "A scalar op on floats has no row",
    }
    for path, sentence in complaints.items():
        assert sentence in PAGE.read_text()
        assert sentence in compiles(tmp_path, path)
    for edit in rest:
        make(tmp_path, edit)
    for path in sorted({edit[0] for edit in rest}):
        assert compiles(tmp_path, path) == ""


def test_every_place_that_the_page_names_exists():
    for path in re.findall(r"`?((?:src|tests)/[a-z_/-]+\.(?:cc|h|py))\b", PAGE.read_text()):
        assert (ROOT / path).exists(), path
