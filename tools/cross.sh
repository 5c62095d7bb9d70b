# SPDX-License-Identifier: Apache-2.0
# Sourced by tools/windows, tools/aarch64 and tools/wheels after setup.sh: zig's clang, libc++ and C libraries from PyPI,
# for other systems and for older ones than this machine's.
cross=$build/cross
compiler=$root/tools/cross-compiler.txt  # pinned by its hash
jobs=${DRAGOMAN_JOBS:-$(nproc)}
emulator_packages=(qemu-user libc6-arm64-cross)
emulator=(qemu-aarch64 -L /usr/aarch64-linux-gnu)
# The compilers are scripts; this says which they are, in every checkout.
export CCACHE_COMPILERTYPE=clang CCACHE_COMPILERCHECK="string:$(cat "$compiler")"

need_cross() {
  [ -x "$cross/venv/bin/pip" ] || python3 -m venv "$cross/venv"
  cross_pip "$compiler"
  tools_for windows x86_64-windows-gnu
  tools_for zig x86_64-linux-gnu.2.28
  tools_for aarch64 aarch64-linux-gnu.2.28
}

# Installs what a file names and pins.
cross_pip() {
  "$cross/venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r "$1"
}

# What cmake/toolchains/NAME.cmake names: the programs of a compiler for this target, and headers that Debian brings,
# without those of Debian's own C library.
tools_for() {
  local tools=$cross/$1 zig program header
  zig=$(echo "$cross"/venv/lib/python3*/site-packages/ziglang/zig)
  mkdir -p "$tools/include"
  for program in cc c++; do tool "$tools/$program" "exec $zig $program -target $2 \"\$@\""; done
  for program in ar ranlib; do tool "$tools/$program" "exec $zig $program \"\$@\""; done
  for header in fmt CLI nlohmann spirv vulkan vk_video xxhash.h xxh3.h; do ln -sfn "/usr/include/$header" "$tools/include/$header"; done
}

tool() { printf '%s\n' '#!/bin/sh' "${@:2}" >"$1" && chmod +x "$1"; }

configured() {  # folder, toolchain, more options
  [ -e "$1/build.ninja" ] || configure "$1" -DCMAKE_BUILD_TYPE=Release "-DCMAKE_TOOLCHAIN_FILE=$root/cmake/toolchains/$2.cmake" \
    "-DDRAGOMAN_CROSS=$cross/$2" "${@:3}"
}
