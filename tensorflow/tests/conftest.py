# SPDX-License-Identifier: Apache-2.0
"""Tests of the installed package dragoman-tensorflow. Which devices TensorFlow sees is settled once in a process, so
every test is a program of its own.
"""

import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys

import pytest

SCRIPTS = pathlib.Path(__file__).resolve().parent / "scripts"
TIMEOUT_SECONDS = 3000 if os.environ.get("DRAGOMAN_TEST_ALL") else 300


def missing():
    """Why these tests cannot run here, or None."""
    found = importlib.metadata.packages_distributions()
    absent = [module for module in ("tensorflow", "dragoman_tensorflow") if module not in found]
    cures = {"tensorflow": 'pip install "tensorflow-cpu==2.21.*"', "dragoman_tensorflow": "pip install ./tensorflow"}
    return f"{absent[0]} is not installed; {cures[absent[0]]} brings it." if absent else None


def pytest_collection_modifyitems(items):
    reason = missing()
    if reason:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


class Result:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def answer(self, word="ANSWER"):
        """What the program printed as JSON after this word."""
        for line in self.out.splitlines():
            if line.startswith(word + " "):
                return json.loads(line.removeprefix(word + " ").replace("'", '"'))
        raise AssertionError(f"No line {word} in:\n{self.out}\n{self.err}")

    def dragoman_lines(self):
        return [line for line in self.err.splitlines() if line.startswith("dragoman: TensorFlow")]


@pytest.fixture
def run(tmp_path):
    """Runs a program (a script's name or path, or source) with these variables set; checks its exit code."""

    def run_program(program, code=0, arguments=(), **variables):
        path = SCRIPTS / program
        if not program.endswith(".py"):
            path = tmp_path / "program.py"
            path.write_text(program)
        environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "1", **variables}
        done = subprocess.run(
            [sys.executable, str(path), *arguments],
            capture_output=True, text=True, timeout=TIMEOUT_SECONDS, env=environment, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return Result(done)

    return run_program
