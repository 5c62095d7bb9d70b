# SPDX-License-Identifier: Apache-2.0
"""What the library says about the speed of programs: files, tables and traces."""

from processes import ROOT, run_python

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


PROFILE = """
import gzip, json, pathlib, sys
import jax, jax.numpy as jnp, numpy
step = jax.jit(lambda w, x: jnp.tanh(x @ w).sum(0))
w, x = numpy.ones((16, 8), "float32"), numpy.ones((32, 16), "float32")
expected = numpy.asarray(step(w, x))
with jax.profiler.trace(sys.argv[1], create_perfetto_trace=True):
    for _ in range(3):
        result = numpy.asarray(step(w, x))
assert (result == expected).all()
assert (numpy.asarray(step(w, x)) == expected).all()
(file,) = pathlib.Path(sys.argv[1]).rglob("perfetto_trace.json.gz")
events = json.loads(gzip.open(file).read())["traceEvents"]
processes = {e["pid"]: e["args"]["name"] for e in events if e.get("name") == "process_name"}
threads = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e.get("name") == "thread_name"}
of_device = [e for e in events if e.get("ph") == "X" and "/device:GPU:0" in processes.get(e["pid"], "")]
for e in of_device:
    print(threads[e["pid"], e["tid"]], "|", e["name"], "|", e["dur"], e.get("args"))
host = [e for e in events if e.get("ph") == "X" and "host" in processes.get(e["pid"], "")]
low, high = min(e["ts"] for e in host), max(e["ts"] + e["dur"] for e in host)
assert all(low <= e["ts"] <= high for e in of_device)
"""


def test_jaxs_profiler_shows_kernels_and_transfers(tmp_path):
    done = run_python(PROFILE, str(tmp_path), JAX_PLATFORMS="dragoman")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    kernels = [line for line in lines if line.startswith("Kernels | dot_general")]
    assert len(kernels) == 3 and "<string>:" in kernels[0] and "FLOPs" in kernels[0], done.stdout
    assert sum(line.startswith("Programs | jit__lambda") for line in lines) == 3, done.stdout
    assert any("| host to device |" in line for line in lines), done.stdout
    assert any("| device to host |" in line for line in lines), done.stdout


PRODUCT = """
import jax, numpy
rng = numpy.random.default_rng(0)
x, y = (rng.normal(size=(128, 128)).astype("float32") for _ in range(2))
print(numpy.asarray(jax.jit(lambda x, y: x @ y)(x, y)).tobytes().hex()[:4000])
"""


def test_a_variable_tunes_products_for_all_later_programs(tmp_path):
    common = {
        "JAX_PLATFORMS": "dragoman",
        "DRAGOMAN_PROFILE": str(ROOT / "tests/profiles/navi31.json"),  # tiles are for GPUs
        "DRAGOMAN_CACHE_DIR": str(tmp_path / "cache"),
    }
    before = run_python(PRODUCT, **common)
    tuned = run_python(PRODUCT, **common, DRAGOMAN_TUNE="1")
    folder = tmp_path / "reports"
    after = run_python(PRODUCT, **common, DRAGOMAN_EXPLAIN=str(folder))
    for done in (before, tuned, after):
        assert done.returncode == 0, done.stderr
        assert done.stdout == before.stdout
    (report,) = [path for path in folder.iterdir() if "lambda" in path.name]
    assert "was measured to be the fastest" in report.read_text()
