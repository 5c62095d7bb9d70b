# SPDX-License-Identifier: Apache-2.0
"""Where single operations run, and what they give."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1] + "/tools")
import tensorflow_page, tensorflow_registry, tensorflow_worker as worker

registry = tensorflow_registry.read()
asked = tensorflow_page.placements(50)
wrong = []
for op, dtype, place in asked:
    found = worker.run_alone(worker.Call(op, dtype, registry), worker.OURS)[1]
    if found != place:
        wrong.append([op, place, found])
print("ANSWER", [len(asked), wrong])
"""


def test_operations_follow_the_cpu_device(run):
    assert "ALL fine" in run("operations.py").out


def test_the_page_tells_where_operations_run(run):
    """Of every so many operations of docs/tensorflow-operations.md."""
    count, wrong = run(PAGE_PROGRAM, arguments=[str(ROOT)]).answer()
    assert count >= 40
    assert not wrong, f"docs/tensorflow-operations.md is not true of {wrong}; tools/tensorflow-sweep writes it"
