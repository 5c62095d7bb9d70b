# SPDX-License-Identifier: Apache-2.0
"""Memory kinds, programs exported for several platforms, and memory that others see: addresses and DLPack."""

import numpy as np
import pytest
from processes import run_command

HOST_KINDS = ["pinned_host", "unpinned_host"]


def placed(jax, device, kind):
    return jax.sharding.SingleDeviceSharding(device, memory_kind=kind)


def test_the_device_has_three_memories(jax, device):
    kinds = {memory.kind for memory in device.addressable_memories()}
    assert kinds == {"device", *HOST_KINDS}
    assert device.default_memory().kind == "device"
    assert len({str(memory) for memory in device.addressable_memories()}) == 3
    with pytest.raises(ValueError, match="Could not find memory addressable by device"):
        placed(jax, device, "hbm")


@pytest.mark.parametrize("kind", HOST_KINDS)
def test_arrays_move_between_memories(jax, device, kind):
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    on_host = jax.device_put(values, placed(jax, device, kind))
    assert on_host.sharding.memory_kind == kind
    np.testing.assert_array_equal(on_host, values)
    back = jax.device_put(on_host, placed(jax, device, "device"))
    assert back.sharding.memory_kind == "device"
    np.testing.assert_array_equal(back, values)
    again = jax.device_put(back, placed(jax, device, kind))
    assert again.sharding.memory_kind == kind
    assert again.unsafe_buffer_pointer() != back.unsafe_buffer_pointer()
    np.testing.assert_array_equal(again, values)


@pytest.mark.parametrize("kind", HOST_KINDS)
def test_results_go_to_the_memory_that_is_asked_for(jax, device, kind):
    x = jax.device_put(np.arange(6, dtype=np.float32), device)
    host = placed(jax, device, kind)
    computed = jax.jit(lambda a: a * 2 + 1, out_shardings=host)(x)
    assert computed.sharding.memory_kind == kind
    np.testing.assert_array_equal(computed, np.arange(6) * 2 + 1)
    both = jax.jit(lambda a: (a + 1, a), out_shardings=(placed(jax, device, "device"), host))(x)
    assert [y.sharding.memory_kind for y in both] == ["device", kind]
    np.testing.assert_array_equal(both[1], x)


@pytest.mark.parametrize("kind", HOST_KINDS)
def test_arguments_stream_in_from_the_host(jax, device, kind):
    w = jax.device_put(np.full((3, 4), 2, np.float32), placed(jax, device, kind))
    x = jax.device_put(np.arange(6, dtype=np.float32).reshape(2, 3), device)

    @jax.jit
    def step(w, x):
        w = jax.device_put(w, placed(jax, device, "device"))
        return x @ w, jax.device_put(w * 3, placed(jax, device, kind))

    y, new = step(w, x)
    # JAX knows two memories while it traces: the default one, and pinned_host.
    assert y.sharding.memory_kind == "device"
    assert new.sharding.memory_kind == ("pinned_host" if kind == "pinned_host" else "device")
    np.testing.assert_array_equal(y, np.asarray(x) @ np.asarray(w))
    np.testing.assert_array_equal(new, np.full((3, 4), 6))


def test_a_donated_argument_changes_its_memory(jax, device):
    x = jax.device_put(np.arange(8, dtype=np.float32), device)
    y = jax.jit(lambda a: a + 1, donate_argnums=0, out_shardings=placed(jax, device, "pinned_host"))(x)
    assert y.sharding.memory_kind == "pinned_host"
    np.testing.assert_array_equal(y, np.arange(8) + 1)


def test_training_with_its_state_in_the_hosts_memory(jax, device):
    import functools

    jnp = jax.numpy
    here, host = placed(jax, device, "device"), placed(jax, device, "pinned_host")

    @functools.partial(jax.jit, donate_argnums=(0, 1), out_shardings=(host, host, here))
    def step(w, momentum, x):
        w, momentum = jax.device_put((w, momentum), here)
        loss, gradient = jax.value_and_grad(lambda w: jnp.sum((x @ w) ** 2))(w)
        momentum = 0.9 * momentum + gradient
        return w - 0.01 * momentum, momentum, loss

    rng = np.random.default_rng(0)
    right_w, x = (rng.normal(size=size).astype(np.float32) for size in ((3, 4), (2, 3)))
    right_momentum = np.zeros((3, 4), np.float32)
    w, momentum = (jax.device_put(value, host) for value in (right_w, right_momentum))
    for _ in range(5):
        before, address = w, w.unsafe_buffer_pointer()
        w, momentum, _ = step(w, momentum, jax.device_put(x, device))
        assert before.is_deleted() and w.unsafe_buffer_pointer() == address
        right_momentum = 0.9 * right_momentum + 2 * x.T @ (x @ right_w)
        right_w = right_w - 0.01 * right_momentum
    assert w.sharding.memory_kind == momentum.sharding.memory_kind == "pinned_host"
    np.testing.assert_allclose(w, right_w, rtol=1e-5, atol=1e-6)


def test_checkpoint_offloads_to_the_host(jax, device):
    from jax.ad_checkpoint import checkpoint_name

    jnp = jax.numpy
    policy = jax.checkpoint_policies.save_and_offload_only_these_names(
        names_which_can_be_saved=["y"], names_which_can_be_offloaded=["z", "w"], offload_src="device", offload_dst="pinned_host"
    )

    def f(x):
        def body(y, _):
            y = checkpoint_name(y, "y")
            z = checkpoint_name(jnp.sin(y), "z")
            w = checkpoint_name(jnp.cos(z), "w")
            return w @ w.T, None

        return jnp.sum(jax.lax.scan(jax.remat(body, policy=policy), x, None, length=3)[0])

    def plain(x):
        def body(y, _):
            w = jnp.cos(jnp.sin(y))
            return w @ w.T, None

        return jnp.sum(jax.lax.scan(body, x, None, length=3)[0])

    x = jax.device_put(np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4), device)
    offloaded = jax.jit(jax.grad(f))(x)
    np.testing.assert_allclose(offloaded, jax.jit(jax.grad(plain))(x), rtol=2e-5, atol=1e-6)


def test_a_copy_has_memory_of_its_own(jax, device):
    x = jax.device_put(np.arange(5, dtype=np.float32), device)
    y = jax.numpy.copy(x)
    z = jax.numpy.array(x)
    addresses = {a.unsafe_buffer_pointer() for a in (x, y, z)}
    assert len(addresses) == 3
    x.delete()
    np.testing.assert_array_equal(y, np.arange(5))


def test_numpy_takes_arrays_in_the_hosts_memory(jax, device):
    x = jax.device_put(np.arange(12, dtype=np.float32).reshape(3, 4), placed(jax, device, "pinned_host"))
    taken = np.from_dlpack(x)
    np.testing.assert_array_equal(taken, np.arange(12).reshape(3, 4))
    on_device = jax.device_put(x, placed(jax, device, "device"))
    if device.unified_memory:
        np.testing.assert_array_equal(np.from_dlpack(on_device), taken)
        with pytest.raises(BufferError, match="copy=False"):
            np.from_dlpack(on_device, copy=False)
    else:
        with pytest.raises(BufferError, match="np.asarray"):
            np.from_dlpack(on_device)


@pytest.mark.parametrize("is_serialized", [False, True])
@pytest.mark.parametrize("platforms", [("dragoman",), ("cpu", "dragoman"), ("cuda", "dragoman", "tpu")])
def test_exported_programs_run(jax, device, platforms, is_serialized):
    from jax import export

    jnp = jax.numpy

    def f(x):
        return jnp.sort(jnp.sin(x) @ x.T, axis=0), jax.random.normal(jax.random.key(3), (4,))

    x = np.linspace(0, 3, 12, dtype=np.float32).reshape(4, 3)
    exported = export.export(jax.jit(f), platforms=platforms)(jax.ShapeDtypeStruct(x.shape, x.dtype))
    assert exported.platforms == platforms
    if is_serialized:
        pytest.importorskip("flatbuffers", reason="JAX serializes exported programs with flatbuffers.")
        exported = export.deserialize(exported.serialize())
    with jax.default_device(device):
        results = jax.jit(exported.call)(jax.device_put(x, device))
        expected = jax.jit(f)(jax.device_put(x, device))
    for result, right in zip(results, expected):
        assert result.devices() == {device}
        np.testing.assert_allclose(result, right, rtol=1e-6)


def test_export_prefers_this_platform(jax, device):
    from jax import export

    with jax.default_device(device):
        exported = export.export(jax.jit(lambda x: x + 1))(np.float32(1))
    assert exported.platforms == ("dragoman",)
    assert exported.mlir_module_serialized[:4] == b"ML\xefR"


def test_branches_of_other_platforms_are_not_compiled(jax, device):
    from jax import export

    def f(x):
        return jax.numpy.linalg.qr(x)[1]  # a call of LAPACK in the CPU's branch

    x = np.array([[3, 1], [4, 2]], np.float32)
    exported = export.export(jax.jit(f), platforms=("cpu", "dragoman"))(x)
    r = jax.jit(exported.call)(jax.device_put(x, device))
    np.testing.assert_allclose(np.abs(np.asarray(r)), np.abs(np.linalg.qr(x)[1]), rtol=1e-5, atol=1e-6)


def test_exported_programs_know_the_platform_they_run_on(jax, device):
    from jax import export

    def f(x):
        return jax.lax.platform_dependent(x, cpu=lambda x: x + 1, dragoman=lambda x: x + 2, default=lambda x: x + 3)

    x = jax.device_put(np.zeros(3, np.float32), device)
    for platforms in (["cpu", "dragoman", "tpu"], ["dragoman", "cpu"], ["dragoman"]):
        exported = export.export(jax.jit(f), platforms=platforms)(x)
        np.testing.assert_array_equal(exported.call(x), np.full(3, 2))
    cpu = jax.device_put(np.zeros(3, np.float32), jax.devices("cpu")[0])
    both = export.export(jax.jit(f), platforms=["cpu", "dragoman"])(x)
    np.testing.assert_array_equal(both.call(cpu), np.full(3, 1))
    with pytest.raises(ValueError, match="exported for platforms"):
        export.export(jax.jit(f), platforms=["cpu"])(x).call(x)


def test_exported_programs_have_shapes_and_memories_of_the_caller(jax, device):
    from jax import export

    jnp = jax.numpy
    rows, columns = export.symbolic_shape("rows, columns")
    exported = export.export(jax.jit(lambda x: jnp.tanh(x @ x.T).sum()), platforms=["cpu", "dragoman"])(
        jax.ShapeDtypeStruct((rows, columns), np.float32)
    )
    for shape in ((3, 4), (1, 7)):
        x = np.linspace(-1, 1, np.prod(shape), dtype=np.float32).reshape(shape)
        np.testing.assert_allclose(exported.call(jax.device_put(x, device)), np.tanh(x @ x.T).sum(), rtol=1e-5)
    host = placed(jax, device, "pinned_host")
    doubled = jax.jit(lambda x: jax.device_put(x, placed(jax, device, "device")) * 2, in_shardings=host, out_shardings=host)
    x = jax.device_put(np.arange(3, dtype=np.float32), host)
    y = jax.jit(export.export(doubled)(x).call)(x)
    assert y.sharding.memory_kind == "pinned_host"
    np.testing.assert_array_equal(y, [0, 2, 4])


def test_derivatives_of_exported_programs(jax, device):
    from jax import export

    pytest.importorskip("flatbuffers", reason="JAX serializes exported programs with flatbuffers.")
    jnp = jax.numpy
    f = jax.jit(lambda x: jnp.linalg.inv(x @ x.T + jnp.eye(3)).sum())
    x = jax.device_put(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4), device)
    again = export.deserialize(export.export(f, platforms=["cpu", "dragoman"])(np.asarray(x)).serialize(vjp_order=1))
    np.testing.assert_allclose(jax.grad(again.call)(x), jax.grad(f)(x), rtol=1e-4, atol=1e-5)


def test_the_command_takes_what_jax_exports(jax, tmp_path):
    from jax import export

    x = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    exported = export.export(jax.jit(lambda x: jax.numpy.sin(x) @ x.T), platforms=["dragoman"])(x)
    path, data, results = (str(tmp_path / name) for name in ("step.bc", "arguments.bin", "results.bin"))
    open(path, "wb").write(exported.mlir_module_serialized)
    x.tofile(data)
    compiled = run_command("compile", path)
    assert compiled.returncode == 0 and " kernels, " in compiled.stdout, compiled.stderr
    evaluated = run_command("evaluate", path, "--data", data, "-o", results)
    assert evaluated.returncode == 0, evaluated.stderr
    np.testing.assert_allclose(np.fromfile(results, np.float32).reshape(3, 3), np.sin(x) @ x.T, rtol=1e-6)
    text = tmp_path / "step.mlir"
    text.write_text(str(exported.mlir_module()))
    refused = run_command("compile", str(text))
    assert refused.returncode == 1 and refused.stderr.startswith("dragoman: ") and "mlir_module_serialized" in refused.stderr


def test_programs_for_tensorflow_are_for_its_cpu(jax, device):
    """What jax2tf asks of JAX's exporter; jax2tf itself needs TensorFlow."""
    source = """
from jax._src.export import _export
export = getattr(_export, "_export_internal", None) or _export.export
def platforms_of(function, argument, platforms):
    return export(function, platforms=platforms)(argument).platforms
"""
    jax2tf = {"__name__": "jax.experimental.jax2tf.jax2tf"}
    exec(source, jax2tf)
    function = jax.jit(lambda x: x * 2)
    argument = jax.ShapeDtypeStruct((3,), "float32")
    for platforms, expected in ((None, ("cpu",)), (("dragoman",), ("dragoman",)), (("cpu", "tpu"), ("cpu", "tpu"))):
        assert jax2tf["platforms_of"](function, argument, platforms) == expected
    assert jax.export.export(function)(argument).platforms == ("dragoman",)
