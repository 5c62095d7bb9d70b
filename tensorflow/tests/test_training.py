# SPDX-License-Identifier: Apache-2.0
"""Training on the device follows TensorFlow's CPU device."""

import os

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
