// SPDX-License-Identifier: Apache-2.0
// Runs programs on one Vulkan device: what pjrt/, cli/ and the public C++ API stand on. Everything is thread-safe
// unless said. Work is asynchronous: Execute and transfers return at once; Event tells when.
//
// Order. A device has one queue; every submission starts with a full barrier and submissions run in order. Device
// memory freed by its last owner can therefore be given at once to later submissions (stream-ordered reuse); only
// host-visible memory waits for the timeline.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "program/program.h"
#include "target/profile.h"

namespace dragoman::runtime {

// Something that will have happened, with its outcome. Shared; cheap.
class Event {
 public:
  using Callback = std::function<void(const Status&)>;
  virtual ~Event() = default;
  virtual bool IsReady() const = 0;
  // Blocks. OK or the error of the work.
  virtual Status Await() = 0;
  // Called exactly once, inline if ready, else on the device's completion thread with no lock held.
  virtual void OnReady(Callback callback) = 0;
};
std::shared_ptr<Event> ReadyEvent(Status status = OkStatus());
// An event somebody else settles: Set once.
class SettableEvent : public Event {
 public:
  virtual void Set(Status status) = 0;
};
std::shared_ptr<SettableEvent> MakeSettableEvent();

class Device;

// A tensor in device memory. Its memory goes back when the last reference is dropped and all work using it was
// submitted (work in flight holds references). Contents never change after `ready`, but Donate hands the memory on.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual const TensorType& type() const = 0;
  virtual Device& device() const = 0;
  virtual std::shared_ptr<Event> ready() const = 0;  // error events when the producing work failed
  virtual uint64_t size_bytes() const = 0;
  virtual uint64_t device_address() const = 0;
  // Drops the memory now (queued work keeps it). Further use of the buffer is INVALID_ARGUMENT "deleted".
  virtual void Delete() = 0;
  virtual bool IsDeleted() const = 0;
};

// A strided view of host memory. Strides in bytes may be negative, zero or transposed; empty means dense row-major.
struct HostView {
  const void* data = nullptr;
  std::vector<int64_t> byte_strides;
};

// Whose memory a tensor takes. Kernels reach both; where the device has no memory of its own, both are the same.
enum class Placement : uint8_t { kDevice, kHost };

struct MemoryStatistics {
  uint64_t bytes_in_use = 0;       // live buffers, constants and arenas
  uint64_t peak_bytes_in_use = 0;  // at most: what the host writes directly is counted apart
  uint64_t bytes_reserved = 0;     // taken from the driver
  uint64_t bytes_limit = 0;
  uint64_t num_allocations = 0;
  uint64_t largest_allocation_bytes = 0;
};

// Host side of send and recv steps, called on a runtime thread in program order.
struct HostCallbacks {
  std::function<Status(int64_t channel_id, std::span<const std::byte> data)> send;
  std::function<Status(int64_t channel_id, std::span<std::byte> data)> recv;
};

// Of a kernel that no single step asks for: the runtime's own, which steer loops and branches.
inline constexpr uint32_t kNoStepNumber = 0xffffffffu;

// A kernel's run on the device, by the device's own clock.
struct KernelRun {
  uint32_t step = kNoStepNumber;  // program::AllSteps
  double begin = 0;               // seconds after the execution's first kernel began
  double seconds = 0;
};

struct ExecuteOptions {
  std::vector<bool> is_donated;  // per parameter; empty: none
  const HostCallbacks* callbacks = nullptr;
  // Receives what ran, in order. Kernels then run one after the other and Execute returns when they are done; what the
  // kernels of a predicated loop that had ended took is there too. UNIMPLEMENTED: the device has no clock for it.
  std::vector<KernelRun>* runs = nullptr;
};

struct ExecuteResult {
  std::vector<std::shared_ptr<Buffer>> outputs;
  std::shared_ptr<Event> done;
};

// A loaded program: pipelines, constants in device memory, recorded command buffers.
class Executable {
 public:
  virtual ~Executable() = default;
  virtual const program::Program& program() const = 0;
  virtual Device& device() const = 0;
  // Arguments must match the parameters' types and this device: INVALID_ARGUMENT otherwise. Donated arguments are
  // deleted on success and untouched on failure, but for those that are overwritten in place by a program that had
  // begun when it failed (a loop that the host drives, work of several submissions): they are deleted, and the error
  // says so. RESOURCE_EXHAUSTED states the bytes asked for and free.
  virtual StatusOr<ExecuteResult> Execute(std::span<const std::shared_ptr<Buffer>> arguments,
                                          const ExecuteOptions& options) = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual const target::DeviceProfile& profile() const = 0;  // what to compile for
  virtual int index() const = 0;                             // as in Client::devices()
  virtual MemoryStatistics memory_statistics() const = 0;
  // Copies; `view` may be reused when this returns (the copy into staging memory is done on the calling thread).
  virtual StatusOr<std::shared_ptr<Buffer>> FromHost(const TensorType& type, const HostView& view,
                                                     Placement placement) = 0;
  StatusOr<std::shared_ptr<Buffer>> FromHost(const TensorType& type, const HostView& view) {
    return FromHost(type, view, Placement::kDevice);
  }
  // Uninitialised.
  virtual StatusOr<std::shared_ptr<Buffer>> Allocate(const TensorType& type, Placement placement) = 0;
  StatusOr<std::shared_ptr<Buffer>> Allocate(const TensorType& type) { return Allocate(type, Placement::kDevice); }
  // Dense row-major bytes to `destination`, which must live until the event is ready.
  virtual std::shared_ptr<Event> ToHost(const std::shared_ptr<Buffer>& buffer, void* destination,
                                        size_t size_bytes) = 0;
  virtual StatusOr<std::shared_ptr<Buffer>> Copy(const std::shared_ptr<Buffer>& buffer, Placement placement) = 0;
  StatusOr<std::shared_ptr<Buffer>> Copy(const std::shared_ptr<Buffer>& buffer) {
    return Copy(buffer, Placement::kDevice);
  }
  virtual StatusOr<std::shared_ptr<Executable>> Load(const program::ValidProgram& program) = 0;
  StatusOr<std::shared_ptr<Executable>> Load(program::Program program) {
    ASSIGN_OR_RETURN(const auto valid, program::ValidProgram::Check(std::move(program)));
    return Load(valid);
  }
  virtual Status WaitIdle() = 0;
  // OK, or why nothing can run here any more ("device lost ...").
  virtual Status health() const = 0;
};

// One Vulkan device as it was found, usable or not.
struct DeviceReport {
  target::DeviceProfile profile;
  bool is_usable = false;
  std::string refusal;  // why not: one sentence, and what to do
};

struct ClientOptions {
  // Like DRAGOMAN_VISIBLE_DEVICES: comma-separated indices into the order below, vendor names (amd, intel, nvidia,
  // qualcomm, apple, mesa) or parts of device names; nullopt: read the environment. "" or "all": all.
  std::optional<std::string> visible_devices;
  bool enable_validation = false;  // also by DRAGOMAN_VALIDATION=1
};

// Every Vulkan device of the machine, in the order Dragoman numbers them: usable ones first, discrete GPUs before
// integrated before virtual before CPUs, then as the loader lists them. UNAVAILABLE: no Vulkan loader, driver or
// device: the sentence says which, and the cure.
StatusOr<std::vector<DeviceReport>> ListDevices();
// What a person does on this system where there is no Vulkan loader or driver.
std::string InstallCure();

// For developers: the recorded device whose choices every program is compiled with, and whose features and limits every
// device is confined to (target/lay_over.h), of the file that DRAGOMAN_PROFILE names. nullopt: each device's own.
StatusOr<std::optional<target::DeviceProfile>> LaidOverProfile();
// One sentence for people.
std::string DescribeLaidOver(const target::DeviceProfile& other);

class Client {
 public:
  // INVALID_ARGUMENT: the visible-devices text matches nothing (the sentence lists what there is).
  static StatusOr<std::shared_ptr<Client>> Create(const ClientOptions& options);
  virtual ~Client() = default;
  // At least one. By default the best device alone, so that jit programs see one device.
  virtual const std::vector<std::unique_ptr<Device>>& devices() const = 0;
};

}  // namespace dragoman::runtime
