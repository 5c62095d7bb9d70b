// SPDX-License-Identifier: Apache-2.0
// Between the plug-in, which knows TensorFlow's C interface alone and loads beside any TensorFlow, and its bridge to
// the C++ of one TensorFlow version, a library of its own that is opened only when that version runs.
#ifndef DRAGOMAN_TENSORFLOW_BRIDGE_H_
#define DRAGOMAN_TENSORFLOW_BRIDGE_H_

namespace dragoman_tensorflow {

struct Bridge {
  // Tells TensorFlow's compiler and kernel registry of the device. Returns what is wrong, or null.
  const char* (*register_device)(const char* device_type);
  // Lets TensorFlow make a PJRT client of the engine registered for this device type, and keep it for the copies and
  // programs of that type. Returns what is wrong, or null; valid until the next call.
  const char* (*make_client)(const char* device_type);
};

// The name under which TensorFlow's compiler knows what the device compiles.
constexpr char kJitDevice[] = "DRAGOMAN_JIT";

// What a bridge's library exports under the name kBridgeSymbol.
using GetBridge = const Bridge*();
constexpr char kBridgeSymbol[] = "dragoman_tensorflow_bridge";

}  // namespace dragoman_tensorflow

#endif  // DRAGOMAN_TENSORFLOW_BRIDGE_H_
