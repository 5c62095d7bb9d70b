# SPDX-License-Identifier: Apache-2.0
"""src/pjrt/c_api.h, with c_types.h, against the published PJRT header: every struct's size, every field's offset and
width, every enumerator, every slot of the table.

The published header is taken from $DRAGOMAN_PJRT_HEADER, or once from the tensorflow-cpu wheel into .cache/pjrt.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = ROOT / "src" / "pjrt" / "c_api.h"
CACHE = ROOT / ".cache" / "pjrt"
WHEEL = "tensorflow-cpu==2.21.0"  # carries header 0.90, the version declared
MEMBER = "tensorflow/include/xla/pjrt/c/pjrt_c_api.h"
COMPILER = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
OPTIONS = ["-std=c++20", f"-I{ROOT / 'src'}"]


def fetch_header():
    """The path of the published header, or a sentence that says why there is none."""
    named = os.environ.get("DRAGOMAN_PJRT_HEADER")
    if named:
        return pathlib.Path(named) if pathlib.Path(named).is_file() else f"DRAGOMAN_PJRT_HEADER={named} is not a file."
    header = CACHE / "pjrt_c_api.h"
    if header.is_file():
        return header
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", str(CACHE), WHEEL]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        return "The tensorflow-cpu wheel does not arrive within 600 seconds."
    wheels = sorted(CACHE.glob("tensorflow_cpu-*.whl"))
    if done.returncode or not wheels:
        return f"The tensorflow-cpu wheel cannot be fetched: {done.stderr.strip()[-300:]}"
    try:
        with zipfile.ZipFile(wheels[-1]) as wheel:
            header.write_bytes(wheel.read(MEMBER))
    finally:
        for wheel in wheels:
            wheel.unlink()
    return header


@pytest.fixture(scope="module")
def published():
    if not COMPILER:
        pytest.skip("There is no C++ compiler (c++, g++ or clang++) to lay out the published header with.")
    header = fetch_header()
    if isinstance(header, str):
        pytest.skip(header)
    return header


def preprocess(header):
    done = subprocess.run([COMPILER, *OPTIONS, "-E", "-P", "-x", "c++", str(header)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def body_at(text, start):
    """The text between the brace at `start` and its partner."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return text[start + 1 : at]
    raise AssertionError("unbalanced braces")


def structs_of(text):
    bodies = {}
    for match in re.finditer(r"\bstruct\s+(PJRT_\w+)\s*\{", text):
        bodies[match[1]] = body_at(text, match.end() - 1)
    return bodies


def fields_of(body):
    body = re.sub(r"\bunion\s*\{(.*?)\}\s*;", r"\1", body, flags=re.S)
    names = []
    for field in filter(None, (part.strip() for part in body.split(";"))):
        pointer = re.search(r"\(\s*\*\s*(\w+)\s*\)", field)
        names.append(pointer[1] if pointer else re.search(r"(\w+)$", field)[1])
    return names


def enumerators_of(text):
    names = []
    for match in re.finditer(r"\benum\b[^{;]*\{", text):
        names += re.findall(r"\b(PJRT_(?:NamedValue_k|Buffer_Type_|HostBufferSemantics_|Buffer_MemoryLayout_Type_)\w+)",
                            body_at(text, match.end() - 1))
    return [name for name in names if not name.endswith("_STRUCT_SIZE")]


def layout(header, structs, enumerators, folder):
    """What the compiler says of each name, one line each."""
    lines = []
    for struct, fields in structs.items():
        lines.append(f'std::printf("{struct} %zu\\n", sizeof({struct}));')
        for field in fields:
            lines.append(f'std::printf("{struct}.{field} %zu %zu\\n", offsetof({struct}, {field}), '
                         f"sizeof((({struct}*)nullptr)->{field}));")
    for name in enumerators:
        lines.append(f'std::printf("{name} %d\\n", static_cast<int>({name}));')
    folder.mkdir()
    source, program = folder / "layout.cc", folder / "layout"
    source.write_text(f'#include <cstddef>\n#include <cstdio>\n#include "{header}"\nint main() {{\n' +
                      "\n".join(lines) + "\n}\n")
    built = subprocess.run([COMPILER, *OPTIONS, "-w", str(source), "-o", str(program)], capture_output=True, text=True)
    assert built.returncode == 0, f"{header} lacks a name:\n{built.stderr[:3000]}"
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()


def test_every_struct_enumerator_and_slot_has_the_published_layout(published, tmp_path):
    ours, theirs = preprocess(OURS), preprocess(published)
    published_structs = structs_of(theirs)
    declared = structs_of(ours)
    assert len(declared) > 100
    assert set(declared) <= set(published_structs)
    structs = {name: fields_of(published_structs[name]) for name in declared}
    enumerators = enumerators_of(theirs)
    assert set(enumerators) == set(enumerators_of(ours))
    mine = layout(OURS, structs, enumerators, tmp_path / "ours")
    assert mine == layout(published, structs, enumerators, tmp_path / "theirs")
    assert sum(line.startswith("PJRT_Api.") for line in mine) > 130


def test_the_declared_version_is_the_published_one(published):
    text = pathlib.Path(published).read_text()
    version = {part: int(re.search(rf"define PJRT_API_{part} (\d+)", text)[1]) for part in ("MAJOR", "MINOR")}
    ours = OURS.read_text()
    declared = {part: int(re.search(rf"kPjrtApi{part.capitalize()} = (\d+)", ours)[1]) for part in ("MAJOR", "MINOR")}
    assert version == declared
