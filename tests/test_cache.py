# SPDX-License-Identifier: Apache-2.0
"""The cache folder as processes see it: whose it is, what the command says, several processes at once, killed ones."""

import os
import pathlib
import subprocess
import sys
import time

import pytest
from processes import PREAMBLE, ROOT, run_command, run_python

PROGRAM = """
import jax, numpy
for n in range(1, 4):
    print(float(jax.jit(lambda a: (a * n).sum())(numpy.ones(5, "float32"))))
"""
RIGHT = ["5.0", "10.0", "15.0"]


def files(folder):
    """Programs and pipelines with the time of their last writing."""
    found = [path for kind in ("program", "pipeline") for path in pathlib.Path(folder).glob(f"*.{kind}")]
    return {path.name: path.stat().st_ino for path in found}


def start(folder, **more):
    source = PREAMBLE.format(python=str(ROOT / "python")) + PROGRAM
    environment = {**os.environ, "JAX_PLATFORMS": "dragoman", "DRAGOMAN_CACHE_DIR": str(folder), **more}
    return subprocess.Popen(
        [sys.executable, "-c", source], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(folder):
    done = run_python(PROGRAM, JAX_PLATFORMS="dragoman", DRAGOMAN_CACHE_DIR=str(folder))
    assert done.returncode == 0 and done.stdout.split() == RIGHT, done.stderr
    return done


@pytest.mark.usefixtures("jax")
def test_the_command_says_where_and_how_large_and_empties(tmp_path):
    folder = tmp_path / "new" / "cache"
    run(folder)
    (folder / "notes.txt").write_text("not the cache's")
    there = {"DRAGOMAN_CACHE_DIR": str(folder)}
    said = run_command("cache", DRAGOMAN_CACHE_MAX_MIB="123", **there).stdout
    programs = len(list(folder.glob("*.program")))
    assert str(folder) in said and f"programs {programs:>9} files" in said and "MiB of 123" in said, said
    done = run_command("cache", "clear", **there)
    assert done.returncode == 0 and f"{programs} programs" in done.stdout, done.stderr
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert "programs         0 files" in run_command("cache", **there).stdout
    run(folder)


def test_the_command_says_what_is_wrong(tmp_path):
    assert "off" in run_command("cache", DRAGOMAN_CACHE_DIR="off").stdout
    for folder, cause in ((tmp_path, "Others may write"), ("/dev/null/nowhere", "cannot be opened")):
        tmp_path.chmod(0o777)
        done = run_command("cache", DRAGOMAN_CACHE_DIR=str(folder))
        assert done.returncode == 1 and cause in done.stderr and not done.stdout, done.stdout + done.stderr
    assert run_command("cache", "clean").returncode == 2


@pytest.mark.usefixtures("jax")
def test_a_folder_that_others_may_write_is_not_used(tmp_path):
    run(tmp_path)
    kept = files(tmp_path)
    assert kept
    tmp_path.chmod(0o770)
    done = run(tmp_path)
    assert done.stderr.count(f"Others may write in the cache folder {tmp_path}") == 1, "It is said, and once."
    for path in tmp_path.glob("*.program"):
        path.unlink()
    run(tmp_path)
    assert not list(tmp_path.glob("*.program"))


@pytest.mark.usefixtures("jax")
def test_processes_at_once_lose_nothing(tmp_path):
    processes = [start(tmp_path) for _ in range(3)]
    for process in processes:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0 and output.split() == RIGHT, errors
    kept = files(tmp_path)
    run(tmp_path)
    assert files(tmp_path) == kept, "Everything was there."
    assert not list((tmp_path / "unfinished").iterdir()) and not list(tmp_path.glob("*.mark"))


@pytest.mark.usefixtures("jax")
def test_processes_at_once_also_trim(tmp_path):
    limit = {"DRAGOMAN_CACHE_MAX_MIB": "1"}
    for number in range(12):
        ballast = tmp_path / f"{number:032x}.program"
        ballast.write_bytes(bytes(1 << 20))
        os.utime(ballast, (number, number))
    processes = [start(tmp_path, **limit) for _ in range(3)]
    for process in processes:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0 and output.split() == RIGHT, errors
    assert not list(tmp_path.glob("000000*.program")) and files(tmp_path)
    run(tmp_path)


@pytest.mark.usefixtures("jax")
def test_killed_processes_lose_nothing(tmp_path):
    whole = time.monotonic()
    run(tmp_path / "whole")
    whole = time.monotonic() - whole
    folder = tmp_path / "killed"
    kept = {}
    for part in (0.5, 0.6, 0.7, 0.8, 0.9):
        process = start(folder)
        time.sleep(whole * part)
        process.kill()
        process.communicate()
        now = files(folder)
        assert kept.items() <= now.items(), "What was there is there."
        kept = now
    run(folder)
    assert files(folder).keys() == files(tmp_path / "whole").keys()
    assert not list((folder / "unfinished").iterdir()) and not list(folder.glob("*.mark"))
