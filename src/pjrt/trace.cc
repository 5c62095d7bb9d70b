// SPDX-License-Identifier: Apache-2.0
#include "pjrt/trace.h"

#include <algorithm>
#include <map>

#include "base/format.h"

namespace dragoman::pjrt {
namespace {

constexpr std::string_view kLineNames[] = {"Kernels", "Programs", "Transfers (host's clock)"};
constexpr std::string_view kStatNames[] = {"bytes_accessed", "FLOPs", "source"};  // numbered from 1

// Fields of protobuf messages, as xplane.proto numbers them.
class Message {
 public:
  void Number(int field, uint64_t value) {
    Varint(static_cast<uint64_t>(field) << 3);
    Varint(value);
  }
  void Text(int field, std::string_view value) {
    Varint(static_cast<uint64_t>(field) << 3 | 2);
    Varint(value.size());
    bytes_ += value;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

int64_t Nanoseconds(Trace::Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

// An entry of a map from numbers to messages that have a number and a name.
Message NamedEntry(uint64_t number, std::string_view name) {
  Message value, entry;
  value.Number(1, number);
  value.Text(2, name);
  entry.Number(1, number);
  entry.Text(2, value.bytes());
  return entry;
}

Message Statistic(uint64_t number, double value) {
  Message statistic;
  statistic.Number(1, number);
  statistic.Number(3, static_cast<uint64_t>(value));
  return statistic;
}

}  // namespace

Trace& Trace::OfProcess() {
  static Trace trace;
  return trace;
}

void Trace::Start() {
  const std::lock_guard lock(planes_mutex_);
  planes_.clear();
  is_on_.store(true);
}

Trace::Plane& Trace::PlaneOf(int device) {
  for (Plane& plane : planes_) {
    if (plane.device == device) return plane;
  }
  // Readers look for planes that begin so, whatever the device is.
  planes_.push_back({device, Format("/device:GPU:{}", device)});
  return planes_.back();
}

void Trace::AddExecution(const runtime::Executable& executable, std::span<const runtime::KernelRun> runs,
                         Clock::time_point end) {
  if (runs.empty()) return;
  const program::Program& program = executable.program();
  const std::vector<const program::Step*> steps = program::AllSteps(program);
  const double total = runs.back().begin + runs.back().seconds;
  const int64_t begin_ns = Nanoseconds(end) - static_cast<int64_t>(total * 1e9);
  const std::lock_guard lock(planes_mutex_);
  Plane& plane = PlaneOf(executable.device().index());
  plane.lines[kPrograms].push_back({program.name, "", begin_ns, static_cast<int64_t>(total * 1e12)});
  for (const runtime::KernelRun& run : runs) {
    Event event{.name = "loop or branch"};
    if (run.step < steps.size()) {
      const program::Step& step = *steps[run.step];
      event = {.name = step.label, .bytes = step.bytes, .flops = step.flops};
      if (step.place != program::kNoPlace) event.place = program.places[step.place];
    }
    event.begin_ns = begin_ns + static_cast<int64_t>(run.begin * 1e9);
    event.duration_ps = static_cast<int64_t>(run.seconds * 1e12);
    plane.lines[kKernels].push_back(std::move(event));
  }
}

void Trace::AddTransfer(int device, std::string name, uint64_t size_bytes, Clock::time_point begin) {
  const int64_t begin_ns = Nanoseconds(begin);
  const int64_t duration_ns = std::min(Nanoseconds(Clock::now()) - begin_ns, INT64_MAX / 1000);
  const std::lock_guard lock(planes_mutex_);
  PlaneOf(device).lines[kTransfers].push_back(
      {std::move(name), "", begin_ns, duration_ns * 1000, static_cast<double>(size_bytes)});
}

namespace {

Message Place(std::string_view place) {
  Message statistic;
  statistic.Number(1, 3);
  statistic.Text(5, place);
  return statistic;
}

}  // namespace

// `names` gives each name of an event its number.
std::string Trace::Encode(const std::vector<Event>& events, int kind, std::map<std::string, uint64_t>& names) {
  int64_t start_ns = events.front().begin_ns;
  for (const Event& event : events) start_ns = std::min(start_ns, event.begin_ns);
  Message line;
  line.Number(1, static_cast<uint64_t>(kind));
  line.Text(2, kLineNames[kind]);
  line.Number(3, static_cast<uint64_t>(start_ns));
  for (const Event& event : events) {
    Message encoded;
    encoded.Number(1, names.emplace(event.name, names.size() + 1).first->second);
    encoded.Number(2, static_cast<uint64_t>(event.begin_ns - start_ns) * 1000);
    encoded.Number(3, static_cast<uint64_t>(event.duration_ps));
    if (event.bytes > 0) encoded.Text(4, Statistic(1, event.bytes).bytes());
    if (event.flops > 0) encoded.Text(4, Statistic(2, event.flops).bytes());
    if (!event.place.empty()) encoded.Text(4, Place(event.place).bytes());
    line.Text(4, encoded.bytes());
  }
  return line.bytes();
}

std::string Trace::Encode(const Plane& plane) {
  Message message;
  message.Number(1, static_cast<uint64_t>(plane.device) + 1);
  message.Text(2, plane.name);
  std::map<std::string, uint64_t> names;
  for (int kind = 0; kind < kNumLines; ++kind) {
    if (!plane.lines[kind].empty()) message.Text(3, Encode(plane.lines[kind], kind, names));
  }
  for (const auto& [name, number] : names) message.Text(4, NamedEntry(number, name).bytes());
  for (size_t i = 0; i < std::size(kStatNames); ++i) message.Text(5, NamedEntry(i + 1, kStatNames[i]).bytes());
  return message.bytes();
}

std::string Trace::Take() {
  const std::lock_guard lock(planes_mutex_);
  Message space;
  for (const Plane& plane : planes_) space.Text(1, Encode(plane));
  planes_.clear();
  return space.bytes();
}

}  // namespace dragoman::pjrt
