# SPDX-License-Identifier: Apache-2.0
"""What JAX users see of the PJRT door: transfers, donation, deletion, asynchrony, errors, callbacks, serialisation."""

import contextlib
import gc
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from processes import without_vulkan

DTYPES = ["bool_", "int8", "int16", "int32", "uint8", "uint16", "uint32", "float16", "float32", "complex64"]
SMALL_DTYPES = [
    "bfloat16", "int4", "uint4", "int2", "uint2", "float8_e4m3fn", "float8_e5m2", "float8_e4m3b11fnuz",
    "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e4m3", "float8_e3m4", "float8_e8m0fnu", "float4_e2m1fn",
]  # fmt: skip


def dtype_named(name):
    if hasattr(np, name):
        return np.dtype(getattr(np, name))
    return np.dtype(getattr(pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed."), name))


def random_array(dtype, shape):
    """Every bit pattern that the type has, NaNs and denormals included."""
    random = np.random.default_rng(0)
    if dtype == np.bool_:
        return random.integers(0, 2, shape).astype(dtype)
    if dtype.name in ("int4", "int2", "uint4", "uint2", "float4_e2m1fn"):
        return random.integers(0, 2, shape).astype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    return random.integers(0, 256, size, dtype=np.uint8).view(dtype).reshape(shape)


VIEWS = {
    "dense": lambda a: a,
    "transposed": lambda a: a.transpose(2, 0, 1),
    "reversed": lambda a: a[::-1, :, ::-1],
    "strided": lambda a: a[:, ::2, 1::2],
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
    "empty": lambda a: a[:, :0],
    "scalar": lambda a: a[0, 0, 0],
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", DTYPES + SMALL_DTYPES)
def test_every_dtype_and_stride_comes_back_bit_by_bit(jax, device, name, view):
    dtype = dtype_named(name)
    array = np.asarray(VIEWS[view](random_array(dtype, (4, 5, 6))))
    back = np.asarray(jax.device_put(array, device))
    assert back.dtype == dtype and back.shape == array.shape
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize("name", ["int64", "uint64", "float64", "complex128"])
def test_64_bit_types_come_back_with_x64(jax, device, name):
    array = random_array(np.dtype(name), (3, 5))
    with jax.enable_x64(True):
        back = np.asarray(jax.device_put(array, device))
    assert back.dtype == array.dtype and back.tobytes() == array.tobytes()


def test_a_large_array_comes_back(jax, device):
    array = np.random.default_rng(1).standard_normal((1024, 2049)).astype(np.float32)
    assert np.array_equal(np.asarray(jax.device_put(array, device)), array)


def test_the_host_array_may_change_after_device_put(jax, device):
    array = np.ones((1 << 20,), np.float32)
    placed = jax.device_put(array, device)
    placed.block_until_ready()
    array[:] = 2
    assert float(placed[0]) == 1.0 and np.all(np.asarray(placed) == 1.0)


def test_copies_go_to_the_cpu_backend_and_back(jax, device, cpu):
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    there = jax.device_put(jax.device_put(array, cpu), device)
    back = jax.device_put(there, cpu)
    assert there.devices() == {device} and back.devices() == {cpu}
    assert np.array_equal(np.asarray(back), array)


def test_the_device_says_what_it_is(jax, device):
    import dragoman

    assert device.platform == "dragoman"
    assert device.device_kind in [found.name for found in dragoman.devices()]
    assert device.client.platform == "dragoman"
    assert jax.devices("gpu") == [device]
    assert str(device) == f"dragoman:{device.id}"
    assert device.driver and device.vulkan_version
    assert device.default_memory().kind == "device"


def test_a_program_computes(jax, device):
    import jax.numpy as jnp

    @jax.jit
    def run(x, y):
        return jnp.tanh(x) + y, (x * y).sum()

    x, y = np.linspace(-1, 1, 8, dtype=np.float32), np.arange(8, dtype=np.float32)
    total, product = run(jax.device_put(x, device), jax.device_put(y, device))
    np.testing.assert_allclose(np.asarray(total), np.tanh(x) + y, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(float(product), (x * y).sum(), rtol=1e-6)


def test_donated_arrays_are_deleted_and_others_stay(jax, device):
    step = jax.jit(lambda state, x: (state + x, state * 2), donate_argnums=0)
    state, x = jax.device_put(np.ones(1000, np.float32), device), jax.device_put(np.ones(1000, np.float32), device)
    new, doubled = step(state, x)
    assert state.is_deleted() and not x.is_deleted()
    with pytest.raises(RuntimeError, match="deleted"):
        np.asarray(state)
    assert np.all(np.asarray(new) == 2) and np.all(np.asarray(doubled) == 2) and np.all(np.asarray(x) == 1)


def test_donation_keeps_the_memory_of_a_training_loop_flat(jax, device):
    step = jax.jit(lambda state: state * 0.5 + 1, donate_argnums=0)
    state = step(jax.device_put(np.ones(1 << 20, np.float32), device))
    state.block_until_ready()
    before = device.memory_stats()["bytes_in_use"]
    for _ in range(20):
        state = step(state)
    state.block_until_ready()
    assert device.memory_stats()["bytes_in_use"] == before


def test_donated_arrays_are_updated_where_they_are(jax, device):
    jnp = jax.numpy
    changes = {
        "slice": lambda c, i: jax.lax.dynamic_update_slice(c, c[:1] * 2, (i, 0)),
        "set": lambda c, i: c.at[i].set(7),
        "add": lambda c, i: c.at[jnp.array([1, 1, 3])].add(i),
        "loop": lambda c, i: jax.lax.fori_loop(0, 9, lambda k, c: c.at[k, i].set(c[k + 1, i] + 1), c),
        "scan": lambda c, i: jax.lax.scan(lambda c, k: (c.at[k].add(i), None), c, jnp.arange(9))[0],
    }
    start = np.arange(40000, dtype=np.float32).reshape(400, 100)
    for name, change in changes.items():
        expected = np.asarray(jax.jit(change)(jax.device_put(start, jax.devices("cpu")[0]), 5))
        state = jax.device_put(start, device)
        kept = np.asarray(jax.jit(change)(state, 5))
        address = state.unsafe_buffer_pointer()
        state = jax.jit(change, donate_argnums=0)(state, 5)
        assert state.unsafe_buffer_pointer() == address, name
        np.testing.assert_array_equal(np.asarray(state), expected, err_msg=name)
        np.testing.assert_array_equal(kept, expected, err_msg=name)


def test_a_donated_array_that_is_used_twice_is_refused(jax, device):
    step = jax.jit(lambda state, x: state + x, donate_argnums=0)
    x = jax.device_put(np.ones(8, np.float32), device)
    with pytest.raises(Exception, match="donate"):
        step(x, x)
    assert np.all(np.asarray(x) == 1)


def test_memory_goes_back_to_where_it_was(jax, device):
    gc.collect()
    before = device.memory_stats()["bytes_in_use"]
    arrays = [jax.device_put(np.ones(1 << 18, np.float32), device) for _ in range(4)]
    jax.block_until_ready(arrays)
    stats = device.memory_stats()
    assert stats["bytes_in_use"] - before >= 4 << 20
    assert stats["peak_bytes_in_use"] >= stats["bytes_in_use"]
    assert stats["bytes_limit"] > 0
    arrays[0].delete()
    assert arrays[0].is_deleted()
    del arrays
    gc.collect()
    assert device.memory_stats()["bytes_in_use"] == before


def test_dispatch_runs_ahead_of_the_device(jax, device):
    import time

    import jax.numpy as jnp

    @jax.jit
    def slow(x):
        return jax.lax.fori_loop(0, 300, lambda _, y: jnp.tanh(y @ y) + 1, x)

    x = jax.device_put(np.eye(128, dtype=np.float32), device)
    slow(slow(slow(x))).block_until_ready()  # three executions at once have what they need, from now on
    start = time.perf_counter()
    slow(x).block_until_ready()
    once = time.perf_counter() - start
    start = time.perf_counter()
    y = slow(slow(slow(x)))
    dispatched = time.perf_counter() - start
    y.block_until_ready()
    assert dispatched < once, f"Three calls return after {dispatched:.3f} s; one takes {once:.3f} s."


def test_compiled_programs_tell_their_cost_and_memory(jax, device):
    x = jax.device_put(np.ones((64, 64), np.float32), device)
    compiled = jax.jit(lambda a: a @ a).lower(x).compile()
    memory = compiled.memory_analysis()
    assert memory.argument_size_in_bytes == memory.output_size_in_bytes == 64 * 64 * 4
    cost = compiled.cost_analysis()
    assert cost["flops"] >= 2 * 64**3 and cost["bytes accessed"] >= 2 * 64 * 64 * 4


def test_compiled_programs_can_be_serialised(jax, device):
    from jax.experimental import serialize_executable

    x = jax.device_put(np.arange(8, dtype=np.float32), device)
    compiled = jax.jit(lambda a: (a * 3, a.sum())).lower(x).compile()
    loaded = serialize_executable.deserialize_and_load(*serialize_executable.serialize(compiled))
    tripled, total = loaded(x)
    assert np.array_equal(np.asarray(tripled), np.arange(8) * 3) and float(total) == 28


def test_many_threads_compile_and_run_at_once(jax, device):
    errors = []

    def work(number):
        try:
            step = jax.jit(lambda a: a * 2 + number)
            x = jax.device_put(np.full(100, number, np.float32), device)
            expected = np.full(100, number, np.float32)
            for _ in range(10):
                x, expected = step(x), expected * 2 + number
            assert np.array_equal(np.asarray(x), expected)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_several_partitions_are_refused_with_a_reason(jax, device):
    if len(jax.devices("dragoman")) < 2:
        pytest.skip("Only one Vulkan device is visible; a program over two needs two.")
    with pytest.raises(Exception, match="partitions"):
        jax.pmap(lambda x: x)(np.ones((2, 3), np.float32))


def test_collectives_over_one_device(jax, device):
    lax, mesh = jax.lax, jax.sharding.Mesh(np.array([device]), ("d",))
    x = np.arange(8, dtype=np.float32).reshape(4, 2)

    def exchange(x):
        moved = [lax.ppermute(x, "d", [(0, 0)]), lax.ppermute(x, "d", [])]
        parts = [lax.all_gather(x, "d", tiled=True), lax.psum_scatter(x, "d", tiled=True), lax.all_to_all(x, "d", 0, 1, tiled=True)]
        return [lax.psum(x, "d"), lax.pmax(x, "d"), *parts, *moved, lax.axis_index("d")]

    spec = jax.sharding.PartitionSpec()
    results = jax.jit(jax.shard_map(exchange, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False))(x)
    for result, wanted in zip(results, [x, x, x, x, x, x, np.zeros_like(x), 0], strict=True):
        np.testing.assert_array_equal(result, wanted)


def test_compiler_options_are_checked(jax, device):
    x = jax.device_put(np.ones(4, np.float32), device)
    assert float(jax.jit(lambda a: a.sum(), compiler_options={"dragoman_fuse": False})(x)) == 4
    assert float(jax.jit(lambda a: a.sum(), compiler_options={"xla_embed_ir_in_executable": True})(x)) == 4
    for name in ("dragoman_nonsense", "nonsense"):
        with pytest.raises(Exception, match=f"No such compile option: '{name}'"):
            jax.jit(lambda a: a + 1, compiler_options={name: True})(x)
    for name in ("dragoman_fuse", "xla_embed_ir_in_executable"):
        with pytest.raises(Exception, match=f"{name}, 'maybe' is not a valid bool value"):
            jax.jit(lambda a: a + 1, compiler_options={name: "maybe"})(x)


def test_python_callbacks_run_in_order(jax, device, capfd):
    from jax.experimental import io_callback

    seen = []

    @jax.jit
    def run(x):
        y = jax.pure_callback(lambda a: np.sin(a), jax.ShapeDtypeStruct(x.shape, x.dtype), x)
        io_callback(lambda a: seen.append(float(a[0])), None, x, ordered=True)
        io_callback(lambda a: seen.append(float(a[1])), None, x, ordered=True)
        jax.debug.print("first is {first}", first=x[0])
        return y + 1

    x = np.array([0.25, 0.5], np.float32)
    result = np.asarray(run(jax.device_put(x, device)))
    jax.effects_barrier()
    np.testing.assert_allclose(result, np.sin(x) + 1, rtol=1e-6)
    assert seen == [0.25, 0.5]
    assert "first is 0.25" in capfd.readouterr().out


def test_callbacks_run_in_every_iteration_of_a_loop(jax, device):
    from jax.experimental import io_callback

    seen = []

    @jax.jit
    def run(x):
        def body(i, y):
            io_callback(lambda v: seen.append(int(v)), None, i, ordered=True)
            return y + i

        return jax.lax.fori_loop(0, 4, body, x)

    assert int(run(jax.device_put(np.int32(0), device))) == 6
    jax.effects_barrier()
    assert seen == [0, 1, 2, 3]


def test_an_exception_in_a_callback_fails_the_program(jax, device):
    def fail(_):
        raise ValueError("this callback fails")

    @jax.jit
    def run(x):
        return jax.pure_callback(fail, jax.ShapeDtypeStruct(x.shape, x.dtype), x)

    with pytest.raises(Exception, match="this callback fails"):
        np.asarray(run(jax.device_put(np.ones(2, np.float32), device)))
    with contextlib.suppress(jax.errors.JaxRuntimeError):  # JAX may say it a second time
        jax.effects_barrier()
    assert float(jax.jit(lambda a: a.sum())(jax.device_put(np.ones(2, np.float32), device))) == 2


def run_python(code, **environment):
    source = f"import sys; sys.path[:0] = {sys.path!r}\n" + code
    return subprocess.run(
        [sys.executable, "-c", source], env={**os.environ, **environment}, capture_output=True, text=True, timeout=300
    )


ADD = """
from dragoman import _jax_plugin; _jax_plugin.initialize()
import jax
print(float(jax.jit(lambda a: (a * 3).sum())(jax.numpy.arange(5.0))))
"""


def test_programs_are_kept_on_disk(jax, device, tmp_path):
    kept = []
    for _ in range(2):
        done = run_python(ADD, DRAGOMAN_CACHE_DIR=str(tmp_path))
        assert done.returncode == 0 and done.stdout.split() == ["30.0"], done.stderr
        kept.append({path.name: path.stat().st_ino for path in tmp_path.glob("*.program")})
    assert kept[0] and kept[0] == kept[1], "The second process compiles again."
    for path in tmp_path.glob("*.program"):
        path.write_bytes(path.read_bytes()[:-5] + b"wrong")
    done = run_python(ADD, DRAGOMAN_CACHE_DIR=str(tmp_path))
    assert done.stdout.split() == ["30.0"], done.stderr


def test_without_a_vulkan_device_the_cpu_backend_goes_on(jax, tmp_path):
    code = """
from dragoman import _jax_plugin; _jax_plugin.initialize()
import jax
print(jax.default_backend(), float(jax.numpy.arange(3.0).sum()))
try:
    jax.devices("dragoman")
except RuntimeError as error:
    print(error)
"""
    none = without_vulkan(tmp_path)
    done = run_python(code, JAX_PLATFORMS="", **none)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] in (["cpu", "3.0"], ["gpu", "3.0"])  # "gpu" where JAX has one of its own
    assert "Vulkan" in done.stdout
    asked = run_python("import jax; from dragoman import _jax_plugin; _jax_plugin.initialize(); jax.devices()",
                       JAX_PLATFORMS="dragoman", **none)  # fmt: skip
    assert asked.returncode != 0
    assert "RuntimeError" in asked.stderr and "Vulkan" in asked.stderr


def test_importing_dragoman_imports_neither_jax_nor_numpy():
    code = "import dragoman, sys; print('jax' in sys.modules, 'numpy' in sys.modules, 'ctypes' in sys.modules)"
    assert run_python(code).stdout.split() == ["False", "False", "False"]


def test_devices_are_chosen_before_jax_starts(jax, device):
    import dragoman

    with pytest.raises(RuntimeError, match="before"):
        dragoman.set_visible_devices(0)
    code = """
import os, dragoman
dragoman.set_visible_devices([dragoman.devices()[0], "amd"])
print(os.environ["DRAGOMAN_VISIBLE_DEVICES"])
"""
    assert run_python(code).stdout.strip() == "0,amd"
