# SPDX-License-Identifier: Apache-2.0
"""Memory kinds, programs exported for several platforms, and memory that others see: addresses and DLPack."""

import numpy as np
import pytest

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
        with pytest.raises(BufferError):
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
