# SPDX-License-Identifier: Apache-2.0
# Sourced by quickstart, test and tools/*: Debian packages, the virtual environment, the build. Debian 12 or Ubuntu 24.04.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${DRAGOMAN_VENV:-$root/.venv}
build=${DRAGOMAN_BUILD:-$root/build}
tensorflow_venv=${DRAGOMAN_TENSORFLOW_VENV:-$root/.venv-tensorflow}
tensorflow_package='tensorflow-cpu==2.21.*'  # the CPU's build is smaller; the plug-in is the same

say() { printf '\033[1m== %s\033[0m\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

build_packages=(g++ cmake ninja-build ccache pkg-config git python3-venv libvulkan1 libvulkan-dev mesa-vulkan-drivers
  libfmt-dev nlohmann-json3-dev libcli11-dev libxxhash-dev spirv-headers)
test_packages=(libgtest-dev libgmock-dev vulkan-validationlayers spirv-tools clang-14 libclang-rt-14-dev
  clang-format-14 clang-tidy-14)

# Installs what is missing of the named packages; when it may not, says what to type.
need_packages() {
  local missing=()
  local package
  command -v dpkg-query >/dev/null || { say "Not a Debian system: what is needed must be installed ($*)"; return; }
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get)  # sudo would drop the variable
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || fail "these Debian packages are missing; type: sudo apt install ${missing[*]}"
    apt=(sudo "${apt[@]}")
  fi
  say "Installing ${missing[*]}"
  "${apt[@]}" update -qq
  "${apt[@]}" install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The virtual environment, with the newest JAX and Keras that its Python takes.
need_venv() {
  local python=${DRAGOMAN_PYTHON:-python3}
  command -v "$python" >/dev/null || fail "there is no $python here; install Python 3.11 or newer, or name one with DRAGOMAN_PYTHON"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old, Python 3.11 is needed; name one with DRAGOMAN_PYTHON=/path/to/python3"
  if [ ! -x "$venv/bin/pip" ]; then  # comes last: an interrupted environment is made again
    say "Making the virtual environment $(basename "$venv") with $("$python" --version)"
    "$python" -m venv "$venv"
  fi
  "$venv/bin/python" -m pip install -q --disable-pip-version-check "$@"
}

export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1  # one checkout's compiled files serve another

# Several files of a room are compiled as one: a third of the time. A bare cmake compiles file by file, for editing.
unity=(-DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=8)
# DRAGOMAN_CMAKE_OPTIONS, for example "-DCMAKE_CXX_FLAGS_RELEASE=-O1", has the last word.
configure() {  # folder, then options for CMake
  local folder=$1
  shift
  mkdir -p "$folder"
  cmake -S "$root" -B "$folder" -G Ninja "${unity[@]}" "$@" ${DRAGOMAN_CMAKE_OPTIONS:-} >"$folder.configure.log" 2>&1 || { cat "$folder.configure.log"; return 1; }
}

# The Debian mirror that this machine's apt uses.
debian_mirror() {
  awk '$1 == "URIs:" { print $2 } $1 == "deb" { print ($2 ~ /^\[/ ? $3 : $2) }' \
    $(ls /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null) | awk '/\/debian\/?$/ && !found { print; found = 1 }'
}
