# SPDX-License-Identifier: Apache-2.0
"""`dragoman doctor`: what it says of a healthy machine and of broken ones."""

import json
import sys

import pytest
from processes import ROOT, run_command, run_python

from dragoman import _doctor_rows

HIDE = """
import importlib.metadata, sys
version = importlib.metadata.version
def hidden(name):
    if name == {package!r}:
        raise importlib.metadata.PackageNotFoundError(name)
    return {found!r} if name == {other!r} else version(name)
importlib.metadata.version = hidden
from dragoman import _command
sys.exit(_command.main())
"""


def checks_of(done):
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["ok"] else 1)
    assert report["ok"] == all(check["ok"] for check in report["checks"])
    for check in report["checks"]:
        assert check["found"] and bool(check["cure"]) != check["ok"]
    return {check["check"]: check for check in report["checks"]}


def test_a_healthy_machine_trains(jax):
    pytest.importorskip("keras", reason="Keras is not installed.")
    done = run_command("doctor", JAX_PLATFORMS=None, KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WRONG" not in done.stdout
    for name in ("Vulkan", "First kernel", "Python", "JAX", "JAX plugin", "Keras", "JAX devices", "Keras fit"):
        assert f"ok    {name}: " in done.stdout


def test_json_has_the_same_checks(jax):
    checks = checks_of(run_command("doctor", "--json", JAX_PLATFORMS=None, KERAS_BACKEND="jax"))
    assert checks["JAX"]["ok"] and checks["First kernel"]["ok"]
    assert sys.version.split()[0].rstrip("+") in checks["Python"]["found"]


def test_a_laid_over_profile_is_named(jax):
    checks = checks_of(run_command("doctor", "--json", DRAGOMAN_PROFILE=str(ROOT / "tests/profiles/navi31.json")))
    assert "choices of AMD Radeon RX 7900 XTX" in checks["Laid-over profile"]["found"]
    assert checks["First kernel"]["ok"]
    checks = checks_of(run_command("doctor", "--json", DRAGOMAN_PROFILE="no.json"))
    assert not checks["Laid-over profile"]["ok"] and "'no.json' cannot be read" in checks["Laid-over profile"]["found"]


def test_no_jax(jax):
    done = run_python(HIDE.format(package="jax", found=None, other=None), "doctor", "--json")
    checks = checks_of(done)
    assert not checks["JAX"]["ok"] and "pip install" in checks["JAX"]["cure"]
    assert "Keras fit" not in checks


def test_an_old_jax(jax):
    done = run_python(HIDE.format(package=None, found="0.4.30", other="jax"), "doctor", "--json")
    assert "at least 0.10" in checks_of(done)["JAX"]["found"]


def test_another_backend_of_keras(jax):
    pytest.importorskip("keras", reason="Keras is not installed.")
    checks = checks_of(run_command("doctor", "--json", JAX_PLATFORMS=None, KERAS_BACKEND="tensorflow"))
    assert checks["Keras"]["cure"] == _doctor_rows.setting("KERAS_BACKEND", "jax")


@pytest.mark.parametrize("system, gives, removes", [
    ("linux", "export KERAS_BACKEND=jax", "unset KERAS_BACKEND"),
    ("win32", 'set KERAS_BACKEND=jax (in PowerShell: $env:KERAS_BACKEND = "jax")',
     'set KERAS_BACKEND= (in PowerShell: $env:KERAS_BACKEND = "")'),
])  # fmt: skip
def test_cures_are_in_the_words_of_the_system(monkeypatch, system, gives, removes):
    monkeypatch.setattr(sys, "platform", system)
    assert _doctor_rows.setting("KERAS_BACKEND", "jax") == gives
    assert _doctor_rows.setting("KERAS_BACKEND", None) == removes


def test_a_device_that_is_not_there(jax):
    checks = checks_of(run_command("doctor", "--json", DRAGOMAN_VISIBLE_DEVICES="no such card"))
    assert "no such card" in checks["Device opens"]["found"]
    assert "DRAGOMAN_VISIBLE_DEVICES" in checks["Device opens"]["cure"]


def test_the_command_is_a_module_too():
    done = run_python("import runpy, sys; sys.argv[0] = ''; runpy.run_module('dragoman', run_name='__main__')", "--help")
    assert done.returncode == 0 and "doctor" in done.stdout, done.stderr


def test_other_arguments_go_to_the_compiled_command():
    done = run_command("--help")
    assert done.returncode == 0 and "doctor" in done.stdout
    assert run_command("nonsense").returncode == 2
