// SPDX-License-Identifier: Apache-2.0
// Host cost of calls: microseconds a call on the first usable device. A program of its own.
#include <chrono>
#include <cstdio>

#include "runtime/testing.h"

namespace dragoman::runtime::testing {
namespace {

using Clock = std::chrono::steady_clock;

// A CPU executes what it issues: fewer rounds do.
int round_divisor = 1;

void Measure(Device& device, const std::string& name, int rounds, const std::function<void()>& call) {
  const auto finish = [&] { (void)device.WaitIdle(); };
  rounds = std::max(1, rounds / round_divisor);
  for (int i = 0; i < rounds / 4 + 1; ++i) call();
  finish();
  const auto start = Clock::now();
  for (int i = 0; i < rounds; ++i) call();
  const auto issued = Clock::now();
  finish();
  const auto done = Clock::now();
  const auto us = [&](auto duration) { return std::chrono::duration<double, std::micro>(duration).count() / rounds; };
  std::printf("%-44s %9.2f us a call issued, %9.2f us with waiting\n", name.c_str(), us(issued - start),
              us(done - start));
}

program::Program Chain(int num_tensors, int64_t count) {
  ProgramBuilder builder;
  std::vector<uint32_t> parameters, outputs;
  for (int i = 0; i < num_tensors; ++i) parameters.push_back(builder.Parameter(count));
  for (int i = 0; i < num_tensors; ++i) outputs.push_back(builder.Output(count, i));
  for (int i = 0; i < num_tensors; ++i) {
    auto step = builder.Scale(parameters[i], outputs[i], 1, 1);
    step.barrier_before = false;
    builder.Do(step);
  }
  return builder.program();
}

using Buffers = std::vector<std::shared_ptr<Buffer>>;

std::shared_ptr<Buffer> Upload(Device& device, int64_t count) {
  static const std::vector<uint32_t> values(1 << 22, 1);
  return *device.FromHost(U32(count), {values.data(), {}});
}

void MeasureExecution(Device& device) {
  for (const int num_tensors : {1, 10, 100, 400}) {
    const auto executable = *device.Load(Chain(num_tensors, 64));
    Buffers buffers;
    for (int i = 0; i < num_tensors; ++i) buffers.push_back(Upload(device, 64));
    const std::string name = "execute, tensors: " + std::to_string(num_tensors);
    Measure(device, name, 1000, [&] { (void)executable->Execute(buffers, {}); });
    ExecuteOptions donate;
    donate.is_donated.assign(num_tensors, true);
    Measure(device, name + ", donated", 1000,
            [&] { buffers = std::move((*executable->Execute(buffers, donate)).outputs); });
  }
  const auto one = *device.Load(Chain(1, 64));
  auto buffer = Upload(device, 64);
  Measure(device, "execute and wait", 500, [&] { (void)(*one->Execute(Buffers{buffer}, {})).done->Await(); });
  uint32_t result[64];
  Measure(device, "execute and read back", 500, [&] {
    buffer = (*one->Execute(Buffers{buffer}, {})).outputs[0];
    (void)device.ToHost(buffer, result, 256)->Await();
  });
}

void MeasureTransfers(Device& device) {
  for (const int64_t count : {1, 4096, 1 << 20, 1 << 22}) {
    Measure(device, "from host, bytes: " + std::to_string(4 * count), 100, [&] { Upload(device, count); });
    std::vector<uint32_t> back(count);
    const auto source = Upload(device, count);
    Measure(device, "to host, bytes: " + std::to_string(4 * count), 100,
            [&] { (void)device.ToHost(source, back.data(), 4 * count)->Await(); });
  }
  ProgramBuilder copy;
  copy.Do(copy.Copy(copy.Parameter(64 << 20), copy.Output(64 << 20)));
  const auto copies = *device.Load(copy.program());
  const auto large = *device.Allocate(U32(64 << 20));
  Measure(device, "copy of 256 MiB", 20, [&] { (void)copies->Execute(Buffers{large}, {}); });
}

void MeasureLoops(Device& device) {
  for (const int length : {1000, 16000}) {
    ProgramBuilder builder;
    const uint32_t parameter = builder.Parameter(64), output = builder.Output(64);
    builder.Do(builder.Copy(parameter, output));
    builder.Do({.kind = program::StepKind::kRepeat,
                .count = static_cast<uint64_t>(length),
                .bodies = {{builder.Scale(output, output, 1, 1)}}});
    const auto executable = *device.Load(builder.program());
    const auto buffer = Upload(device, 64);
    Measure(device, "repeat of dispatches: " + std::to_string(length), 5,
            [&] { (void)executable->Execute(Buffers{buffer}, {}); });
  }
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(1), state = builder.Output(1), flag = builder.Temporary(1);
  builder.Do(builder.Scale(parameter, state, 0, 0));
  program::Step loop{.kind = program::StepKind::kWhile, .barrier_before = true, .slot_a = flag};
  loop.bodies = {{builder.Less(state, flag, 1000)}, {builder.Scale(state, state, 1, 1)}};
  builder.Do(loop);
  const auto executable = *device.Load(builder.program());
  const auto small = Upload(device, 1);
  Measure(device, "while of 1000 iterations", 5, [&] { (void)executable->Execute(Buffers{small}, {}); });
}

void Run(Device& device) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::printf("%s, %s %s\n", device.profile().name.c_str(), device.profile().driver_name.c_str(),
              device.profile().driver_info.c_str());
  if (device.profile().type == target::DeviceType::kCpu) round_divisor = 20;
  MeasureExecution(device);
  MeasureTransfers(device);
  MeasureLoops(device);
}

}  // namespace
}  // namespace dragoman::runtime::testing

int main() {
  auto client = dragoman::runtime::Client::Create({});
  if (!client.ok()) {
    std::printf("%s\n", client.status().message().c_str());
    return 1;
  }
  dragoman::runtime::testing::Run(*(*client)->devices()[0]);
  return 0;
}
