# SPDX-License-Identifier: Apache-2.0
# Linux on x86-64 with glibc 2.28 or newer, with the compiler of windows.cmake: what its programs are compared with.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
# Optimized without symbols from CMake's first try on: zig makes its libraries anew for each kind of program.
set(CMAKE_C_FLAGS_INIT "-O2 -s")
set(CMAKE_CXX_FLAGS_INIT "-O2 -s")
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
