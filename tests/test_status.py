# SPDX-License-Identifier: Apache-2.0
"""docs/status.md says what the op tables and the tests say."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def test_the_tables_are_those_of_the_source():
    done = subprocess.run([sys.executable, ROOT / "tools/status", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_test_that_it_names_exists():
    named = re.findall(r"tests/test_\w+\.py", (ROOT / "docs/status.md").read_text())
    assert len(named) > 10
    for path in named:
        assert (ROOT / path).exists(), path
