# SPDX-License-Identifier: Apache-2.0
"""DLPack for arrays in the host's memory: JAX exports those of platforms that it knows."""


def enable(platform):
    """`np.from_dlpack(x)` and the like, where x lies in memory that is the host's.

    The consumer gets a copy of its own: JAX cannot wrap another platform's memory, and it must not be overwritten.
    """
    import numpy as np
    from jax._src import array
    from jax._src.dlpack import DLDeviceType

    array_type = array.ArrayImpl
    device_of, export = array_type.__dlpack_device__, array_type.__dlpack__

    def own_device(x):
        devices = x.sharding.device_set
        return next(iter(devices)) if len(devices) == 1 and next(iter(devices)).platform == platform else None

    def is_in_host_memory(x):
        device = own_device(x)
        return device is not None and (
            bool(getattr(device, "unified_memory", False)) or x.sharding.memory_kind != "device"
        )

    def __dlpack_device__(self):
        return (DLDeviceType.kDLCPU, 0) if is_in_host_memory(self) else device_of(self)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        if own_device(self) is not None and not is_in_host_memory(self):
            raise BufferError("The array lies in the device's memory: np.asarray(x) gives a copy in the host's.")
        if not is_in_host_memory(self):
            return export(self, stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)
        if copy is False:
            raise BufferError("Dragoman's arrays go to other libraries as copies, and copy=False forbids one.")
        if dl_device is not None and int(dl_device[0]) != int(DLDeviceType.kDLCPU):
            raise BufferError(f"The array lies in the host's memory, and the device {dl_device} is asked for.")
        return np.array(self).__dlpack__(max_version=max_version)

    array_type.__dlpack_device__ = __dlpack_device__
    array_type.__dlpack__ = __dlpack__
