# SPDX-License-Identifier: Apache-2.0
# Linux on 64-bit ARM with glibc 2.28 or newer; what is built runs under QEMU with Debian's C library of that machine.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
# Optimized without symbols from CMake's first try on: zig makes its libraries anew for each kind of program.
set(CMAKE_C_FLAGS_INIT "-O2 -s")
set(CMAKE_CXX_FLAGS_INIT "-O2 -s")
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
