# SPDX-License-Identifier: Apache-2.0
"""The `dragoman` command: the compiled program beside this file, to whose `doctor` Python's half is added."""

import os
import sys


def program_path():
    """The compiled command; beside the library when $DRAGOMAN_LIBRARY names one in a build folder."""
    name = "dragoman.exe" if sys.platform == "win32" else "dragoman"
    folders = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin")]
    if os.environ.get("DRAGOMAN_LIBRARY"):
        folders.insert(0, os.path.dirname(os.path.abspath(os.environ["DRAGOMAN_LIBRARY"])))
    for folder in folders:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    raise FileNotFoundError(f"The compiled command is not in {' or '.join(folders)}. Install the package again.")


def main():
    arguments = sys.argv[1:]
    try:
        program = program_path()
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments[:1] == ["doctor"] and set(arguments[1:]) <= {"--json"}:
        from dragoman import _doctor

        return _doctor.main(program, as_json="--json" in arguments)
    if sys.platform == "win32":  # which has no exec that keeps the exit code
        import subprocess

        return subprocess.run([program, *arguments]).returncode
    os.execv(program, [program, *arguments])


if __name__ == "__main__":
    sys.exit(main())
