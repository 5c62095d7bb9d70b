#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/runtime/*_spirv.inc from the .comp files beside this script. Needs glslangValidator."""
import pathlib
import struct
import subprocess
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
ROOM = FOLDER.parents[1] / "src" / "runtime"


def words_of(source: pathlib.Path) -> tuple[int, ...]:
    with tempfile.TemporaryDirectory() as folder:
        module = pathlib.Path(folder) / "module.spv"
        command = ["glslangValidator", "--quiet", "-g0", "--target-env", "vulkan1.2", "-o", module, source]
        subprocess.run(command, check=True)
        data = module.read_bytes()
    return struct.unpack(f"<{len(data) // 4}I", data)


def write(sources: pathlib.Path, target: pathlib.Path) -> None:
    text = "// SPDX-License-Identifier: Apache-2.0\n// Written by tools/builtin_kernels/generate.py; do not edit.\n"
    for source in sorted(sources.glob("*.comp")):
        words = words_of(source)
        text += f"\nconstexpr uint32_t k{source.stem.capitalize()}Spirv[] = {{\n"
        for i in range(0, len(words), 9):
            text += "    " + " ".join(f"0x{word:08x}," for word in words[i : i + 9]) + "\n"
        text += "};\n"
    target.write_text(text)


def main() -> None:
    write(FOLDER, ROOM / "builtin_spirv.inc")
    write(FOLDER / "testing", ROOM / "testing_spirv.inc")


if __name__ == "__main__":
    main()
