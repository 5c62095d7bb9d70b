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

void Measure(const char* name, int rounds, const std::function<void()>& call, const std::function<void()>& finish) {
  rounds = std::max(1, rounds / round_divisor);
  for (int i = 0; i < rounds / 4 + 1; ++i) call();
  finish();
  const auto start = Clock::now();
  for (int i = 0; i < rounds; ++i) call();
  const auto issued = Clock::now();
  finish();
  const auto done = Clock::now();
  const auto us = [&](auto duration) { return std::chrono::duration<double, std::micro>(duration).count() / rounds; };
  std::printf("%-44s %9.2f us a call issued, %9.2f us with waiting\n", name, us(issued - start), us(done - start));
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

void Run(Device& device) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::printf("%s, %s %s\n", device.profile().name.c_str(), device.profile().driver_name.c_str(),
              device.profile().driver_info.c_str());
  if (device.profile().type == target::DeviceType::kCpu) round_divisor = 20;
  const auto finish = [&] { (void)device.WaitIdle(); };
  const std::vector<uint32_t> values(1 << 22, 1);
  const auto upload = [&](int64_t count) { return *device.FromHost(U32(count), {values.data(), {}}); };
  for (const int num_tensors : {1, 10, 100, 400}) {
    const auto executable = *device.Load(Chain(num_tensors, 64));
    std::vector<std::shared_ptr<Buffer>> buffers;
    for (int i = 0; i < num_tensors; ++i) buffers.push_back(upload(64));
    const std::string name = "execute, tensors: " + std::to_string(num_tensors);
    Measure(
        name.c_str(), 1000, [&] { (void)executable->Execute(buffers, {}); }, finish);
    ExecuteOptions donate;
    donate.is_donated.assign(num_tensors, true);
    Measure((name + ", donated").c_str(), 1000,
            [&] { buffers = std::move((*executable->Execute(buffers, donate)).outputs); }, finish);
  }
  const auto one = *device.Load(Chain(1, 64));
  auto buffer = upload(64);
  Measure(
      "execute and wait", 500,
      [&] { (void)(*one->Execute(std::vector<std::shared_ptr<Buffer>>{buffer}, {})).done->Await(); }, finish);
  uint32_t result[64];
  Measure(
      "execute and read back", 500,
      [&] {
        buffer = (*one->Execute(std::vector<std::shared_ptr<Buffer>>{buffer}, {})).outputs[0];
        (void)device.ToHost(buffer, result, 256)->Await();
      },
      finish);
  for (const int64_t count : {1, 4096, 1 << 20, 1 << 22}) {
    Measure(("from host, bytes: " + std::to_string(4 * count)).c_str(), 100, [&] { upload(count); }, finish);
    std::vector<uint32_t> back(count);
    const auto source = upload(count);
    Measure(("to host, bytes: " + std::to_string(4 * count)).c_str(), 100,
            [&] { (void)device.ToHost(source, back.data(), 4 * count)->Await(); }, finish);
  }
  for (const int length : {1000, 16000}) {
    ProgramBuilder builder;
    const uint32_t parameter = builder.Parameter(64), output = builder.Output(64);
    builder.Do(builder.Copy(parameter, output));
    builder.Do({.kind = program::StepKind::kRepeat,
                .count = static_cast<uint64_t>(length),
                .bodies = {{builder.Scale(output, output, 1, 1)}}});
    const auto executable = *device.Load(builder.program());
    Measure(("repeat of dispatches: " + std::to_string(length)).c_str(), 5,
            [&] { (void)executable->Execute(std::vector<std::shared_ptr<Buffer>>{buffer}, {}); }, finish);
  }
  ProgramBuilder builder;
  const uint32_t parameter = builder.Parameter(1), state = builder.Output(1), flag = builder.Temporary(1);
  builder.Do(builder.Scale(parameter, state, 0, 0));
  program::Step loop{.kind = program::StepKind::kWhile, .barrier_before = true, .slot_a = flag};
  loop.bodies = {{builder.Less(state, flag, 1000)}, {builder.Scale(state, state, 1, 1)}};
  builder.Do(loop);
  const auto executable = *device.Load(builder.program());
  const auto small = upload(1);
  Measure(
      "while of 1000 iterations", 5,
      [&] { (void)executable->Execute(std::vector<std::shared_ptr<Buffer>>{small}, {}); }, finish);
  ProgramBuilder copy;
  copy.Do(copy.Copy(copy.Parameter(64 << 20), copy.Output(64 << 20)));
  const auto copies = *device.Load(copy.program());
  const auto large = *device.Allocate(U32(64 << 20));
  Measure(
      "copy of 256 MiB", 20, [&] { (void)copies->Execute(std::vector<std::shared_ptr<Buffer>>{large}, {}); }, finish);
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
