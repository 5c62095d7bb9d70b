// SPDX-License-Identifier: Apache-2.0
// Linked into every test under a sanitizer: drivers stay loaded, so that their leaks and races bear their name, by which
// leaks.txt and races.txt know them. After an unload they would be "unknown module".
extern "C" __attribute__((visibility("default"))) int dlclose(void*) { return 0; }
