# SPDX-License-Identifier: Apache-2.0
"""Training on the device follows TensorFlow's CPU device."""

import os
import pathlib

import pytest

LAYERS = pathlib.Path("/usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json")
TOLERANCE = {"mixed_float16": 5e-3, "mixed_bfloat16": 4e-2}


def test_losses_follow_the_cpu_device(run):
    models = ["all"] if os.environ.get("DRAGOMAN_TEST_ALL") else []
    ours = run("train.py", arguments=["device", *models]).answer()
    expected = run("train.py", arguments=["cpu", *models]).answer()
    assert ours.pop("device") == ["CPU", "DirectML"]
    assert expected.pop("device") == ["CPU"]
    wrong = {}
    for name, values in expected.items():
        bound = TOLERANCE.get(name, 2e-5)
        difference = max(abs(a - b) / (1 + abs(b)) for a, b in zip(ours[name], values, strict=True))
        if not difference <= bound:
            wrong[name] = f"differs by {difference}, at most {bound} is allowed: {ours[name]} and {values}"
    assert not wrong
    assert expected["mlp"][2] < expected["mlp"][0] and expected["loop"][-1] < expected["loop"][0]


def test_checkpoints_under_validation_layers(run):
    """Nothing that TensorFlow's programs make of the device is against Vulkan's rules."""
    if not LAYERS.exists():
        pytest.skip("Vulkan's validation layers are not installed; `apt install vulkan-validationlayers` brings them.")
    result = run("checkpoints.py", DRAGOMAN_VALIDATION="1")
    assert "ALL mlp cnn lstm" in result.out
    assert "Vulkan validation" not in result.err


@pytest.mark.skipif(not os.environ.get("DRAGOMAN_TEST_ALL"), reason="It takes long; DRAGOMAN_TEST_ALL=1 runs it.")
def test_threads_get_the_numbers_of_one(run):
    assert "ALL 4" in run("threads.py").out
