// SPDX-License-Identifier: Apache-2.0
// How the symbols of Vulkan drivers are bound. A process may hold libraries that export the names which a driver takes
// from its own dependencies (TensorFlow exports an LLVM of its own): found first, they would be bound in their place.
#pragma once

namespace dragoman::os {

// Flags for opening what a driver or loader is: RTLD_DEEPBIND, so that a library's symbols are searched for among it
// and its dependencies before the rest of the process; 0 where the C library has no such flag, or where something
// replaces malloc (a sanitizer, a preloaded allocator): a deeply bound driver would free with another allocator what
// the C library allocated for it.
int DeepBindingFlags();

// Makes the Vulkan loader `library` (of OpenLibrary, never closed) open all drivers and layers with those flags,
// for everybody in this process. Drivers that are open already stay as they are. False where nothing was changed: no
// flags, or a loader whose import of dlopen is not found; drivers are then bound as the rest of the process is.
bool OpenDriversDeeply(void* library);

}  // namespace dragoman::os
