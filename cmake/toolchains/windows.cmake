# SPDX-License-Identifier: Apache-2.0
# Windows on x86-64, with the Universal C runtime; what is built runs under Wine.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR AMD64)
set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_CURRENT_LIST_DIR}/../../tools/windows run)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
