# SPDX-License-Identifier: Apache-2.0
"""Users' scripts as they are typed."""

import pytest


@pytest.mark.parametrize("script", ["choose_directml.py", "choose_gpu.py"])
def test_trains_on_the_device(run, script):
    result = run(script)
    losses = result.answer("LOSSES")
    assert losses[-1] < losses[0]
    assert "DEVICE /job:localhost/replica:0/task:0/device:DirectML:0" in result.out


def test_finds_the_device_under_both_names(run):
    result = run("look_for_directml.py")
    assert "PhysicalDevice(name='/physical_device:DirectML:0', device_type='DirectML')" in result.out
    assert result.out.splitlines()[-1] == "DirectML is there"
