# SPDX-License-Identifier: Apache-2.0
"""What the build must know of the TensorFlow that is installed: which package, which version, where.

    python build_metadata.py folder|version

The build backend asks it for the package's dependencies (pyproject.toml). A build runs apart from the packages of its
Python, so they are looked for as files.
"""

import importlib.metadata
import os
import site
import sys
import sysconfig

SUPPORTED = ("2.20", "2.21")
# The packages that carry TensorFlow's libraries for Linux.
DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tf-nightly", "tf-nightly-cpu")


def site_folders():
    paths = [sysconfig.get_path(kind) for kind in ("platlib", "purelib")]
    paths += [sysconfig.get_path("platlib", vars={"base": sys.base_prefix, "platbase": sys.base_prefix})]
    paths += site.getsitepackages()
    if site.ENABLE_USER_SITE:
        paths.append(site.getusersitepackages())
    return list(dict.fromkeys(path for path in paths if path and os.path.isdir(path)))


def find():
    """(distribution, version, folder of the package); SystemExit with a sentence where there is none to build for."""
    supported = " or ".join(SUPPORTED)
    for folder in site_folders():
        for found in importlib.metadata.distributions(path=[folder]):
            name = (found.metadata["Name"] or "").lower().replace("_", "-")
            package = os.path.join(folder, "tensorflow")
            if name in DISTRIBUTIONS and os.path.exists(os.path.join(package, "libtensorflow_cc.so.2")):
                version = ".".join(found.version.split(".")[:2])
                if version not in SUPPORTED or "dev" in found.version:
                    raise SystemExit(
                        f"dragoman-tensorflow is made for TensorFlow {supported}, and {folder} has {name} "
                        f'{found.version}: pip install "{name.replace("tf-nightly", "tensorflow")}=={SUPPORTED[-1]}.*"'
                    )
                return name, version, package
    raise SystemExit(
        f"dragoman-tensorflow is built for the TensorFlow that is installed, and {sys.executable} has none: "
        f'pip install "tensorflow=={SUPPORTED[-1]}.*" (or tensorflow-cpu, which is smaller) first.'
    )


def dynamic_metadata(field, settings=None):
    assert field == "dependencies" and not settings
    name, version, _ = find()
    return ["dragoman", f"{name}=={version}.*"]


if __name__ == "__main__":
    print(dict(zip(("name", "version", "folder"), find()))[sys.argv[1]])
