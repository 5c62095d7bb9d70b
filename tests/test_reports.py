# SPDX-License-Identifier: Apache-2.0
"""What the library says about the speed of programs: files, tables and traces."""

from processes import run_python

STEP = """
import jax, jax.numpy as jnp
@jax.jit
def step(w, x):
    return w - 0.1 * jax.grad(lambda w: (jnp.tanh(x @ w) ** 2).sum())(w)
w, x = jnp.ones((16, 8)), jnp.ones((32, 16))
for _ in range(4):
    w = step(w, x)
print(float(w.sum()))
"""


def test_a_variable_asks_for_a_report_of_each_program(tmp_path):
    cache = str(tmp_path / "cache")
    plain = run_python(STEP, JAX_PLATFORMS="dragoman", DRAGOMAN_CACHE_DIR=cache)
    assert plain.returncode == 0, plain.stderr
    folder = tmp_path / "reports"
    for _ in range(2):  # compiled, and found in the cache
        done = run_python(STEP, JAX_PLATFORMS="dragoman", DRAGOMAN_CACHE_DIR=cache, DRAGOMAN_EXPLAIN=str(folder))
        assert done.returncode == 0, done.stderr
        assert done.stdout == plain.stdout
        (report,) = [path for path in folder.iterdir() if "step" in path.name]
        text = report.read_text()
        assert "one after the other (median of 3)" in " ".join(text.split()), text
        assert "  <string>:" in text and "apart from the " in text and "form: " in text, text
        assert max(len(line) for line in text.splitlines()) <= 120
        for path in folder.iterdir():
            path.unlink()


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    done = run_python(STEP, JAX_PLATFORMS="dragoman", DRAGOMAN_EXPLAIN=str(file))
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stderr
