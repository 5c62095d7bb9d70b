// SPDX-License-Identifier: Apache-2.0
#include "runtime/host_driver.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/format.h"

namespace dragoman::runtime {
namespace {

constexpr uint64_t kFirstIterations = 8;  // of a while before the host looks; doubled each time
constexpr uint64_t kMaxIterations = 256;
// Whatever the estimates say, a submission should not take much longer.
constexpr auto kLookInterval = std::chrono::milliseconds(250);
constexpr size_t kMaxGathered = 1024;  // command buffers of one submission

}  // namespace

void SubmissionList::Add(const RecordedRun& run) {
  if (submissions_.empty() || seconds_ + run.seconds > max_seconds_) {
    submissions_.emplace_back();
    seconds_ = 0;
  }
  submissions_.back().push_back(run.buffer);
  seconds_ += run.seconds;
}

void SubmissionList::Add(const std::vector<Node>& nodes, const std::vector<RecordedNode>& recorded) {
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (uint64_t repeat = 0; repeat < nodes[i].count; ++repeat) {
      for (const RecordedRun& run : recorded[i].ops) Add(run);
      for (size_t body = 0; body < nodes[i].bodies.size(); ++body) Add(nodes[i].bodies[body], recorded[i].bodies[body]);
    }
  }
}

StatusOr<Moment> HostDriver::Run(const Plan& plan) {
  max_seconds_ = plan.max_submission_seconds;
  RETURN_IF_ERROR(RunNodes(plan.nodes, instance_.nodes));
  // Of a program without kernels too: what was recorded before it, copies of parameters, goes with it.
  if (!has_started() && gathered_.empty()) gathered_.push_back(instance_.start);
  RETURN_IF_ERROR(Submit());
  if (runs_ != nullptr) RETURN_IF_ERROR(queue_.Wait(submitted_));
  return submitted_;
}

Status HostDriver::Append(const std::vector<RecordedRun>& runs, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    for (const RecordedRun& run : runs) {
      const bool is_too_much = gathered_.size() > kMaxGathered || gathered_seconds_ + run.seconds > max_seconds_;
      if (is_too_much) RETURN_IF_ERROR(Submit());
      if (gathered_.empty()) gathered_.push_back(instance_.start);
      gathered_.push_back(run.buffer);
      gathered_seconds_ += run.seconds;
      if (runs_ != nullptr) RETURN_IF_ERROR(Time(run));
    }
  }
  return OkStatus();
}

Status HostDriver::Submit() {
  if (gathered_.empty()) return OkStatus();
  gathered_.push_back(instance_.end);
  ASSIGN_OR_RETURN(submitted_, queue_.Submit(gathered_));
  gathered_.clear();
  gathered_seconds_ = 0;
  return OkStatus();
}

Status HostDriver::Time(const RecordedRun& run) {
  RETURN_IF_ERROR(Submit());
  RETURN_IF_ERROR(queue_.Wait(submitted_));
  if (run.timed.empty()) return OkStatus();
  const vulkan::Timestamps& clock = *instance_.timestamps;
  const auto count = static_cast<uint32_t>(2 * run.timed.size());
  ASSIGN_OR_RETURN(const std::vector<uint64_t> times, clock.Read(run.first_timestamp, count));
  if (!first_timestamp_) first_timestamp_ = times[0];
  for (size_t i = 0; i < run.timed.size(); ++i) {
    const double seconds = clock.SecondsBetween(times[2 * i], times[2 * i + 1]);
    if (run.timed[i].is_further_piece) {
      runs_->back().seconds += seconds;
    } else {
      runs_->push_back({run.timed[i].step, clock.SecondsBetween(*first_timestamp_, times[2 * i]), seconds});
    }
  }
  return OkStatus();
}

StatusOr<const std::byte*> HostDriver::Look(const Node& node, const RecordedNode& recorded) {
  RETURN_IF_ERROR(Append(recorded.check_ops));
  RETURN_IF_ERROR(Submit());
  RETURN_IF_ERROR(queue_.Wait(submitted_));
  return static_cast<const std::byte*>(instance_.readback->host() + node.transfer_offset);
}

Status HostDriver::RunNodes(const std::vector<Node>& nodes, const std::vector<RecordedNode>& recorded) {
  for (size_t i = 0; i < nodes.size(); ++i) {
    RETURN_IF_ERROR(RunNode(nodes[i], recorded[i]));
  }
  return OkStatus();
}

Status HostDriver::RunNode(const Node& node, const RecordedNode& recorded) {
  switch (node.kind) {
    case NodeKind::kRun:
      return Append(recorded.ops, node.count);
    case NodeKind::kWhile:
      return While(node, recorded);
    case NodeKind::kHostWhile:
      return HostWhile(node, recorded);
    case NodeKind::kHostCase:
      return HostCase(node, recorded);
    case NodeKind::kHostRepeat:
      return HostRepeat(node, recorded);
    case NodeKind::kSend:
      return Send(node, recorded);
    case NodeKind::kRecv:
      return Recv(node, recorded);
  }
  return Internal("A step has no known kind.");
}

Status HostDriver::While(const Node& node, const RecordedNode& recorded) {
  RETURN_IF_ERROR(Append(recorded.ops));
  uint64_t iterations = kFirstIterations;
  while (true) {
    const auto start = std::chrono::steady_clock::now();
    RETURN_IF_ERROR(Append(recorded.iteration_ops, (iterations + node.count - 1) / node.count));
    ASSIGN_OR_RETURN(const std::byte* flag, Look(node, recorded));
    if (*flag == std::byte{0}) return OkStatus();
    const bool is_quick = std::chrono::steady_clock::now() - start < kLookInterval;
    iterations = is_quick ? std::min(iterations * 2, kMaxIterations) : std::max<uint64_t>(iterations / 2, 1);
  }
}

Status HostDriver::HostWhile(const Node& node, const RecordedNode& recorded) {
  while (true) {
    RETURN_IF_ERROR(RunNodes(node.bodies[0], recorded.bodies[0]));
    ASSIGN_OR_RETURN(const std::byte* flag, Look(node, recorded));
    if (*flag == std::byte{0}) return OkStatus();
    RETURN_IF_ERROR(RunNodes(node.bodies[1], recorded.bodies[1]));
  }
}

Status HostDriver::HostCase(const Node& node, const RecordedNode& recorded) {
  ASSIGN_OR_RETURN(const std::byte* bytes, Look(node, recorded));
  uint32_t index = 0;
  std::memcpy(&index, bytes, sizeof(index));
  // Out of range on either side (as u32 a negative index is beyond) is the last branch.
  const size_t branch = std::min<size_t>(index, node.bodies.size() - 1);
  return RunNodes(node.bodies[branch], recorded.bodies[branch]);
}

Status HostDriver::HostRepeat(const Node& node, const RecordedNode& recorded) {
  for (uint64_t i = 0; i < node.count; ++i) RETURN_IF_ERROR(RunNodes(node.bodies[0], recorded.bodies[0]));
  return OkStatus();
}

Status HostDriver::Send(const Node& node, const RecordedNode& recorded) {
  if (callbacks_ == nullptr || !callbacks_->send) {
    return InvalidArgument(Format("The program sends to channel {}, and no callback is given.", node.channel_id));
  }
  if (node.transfer_bytes == 0) return callbacks_->send(node.channel_id, {});
  ASSIGN_OR_RETURN(const std::byte* bytes, Look(node, recorded));
  return callbacks_->send(node.channel_id, {bytes, node.transfer_bytes});
}

Status HostDriver::Recv(const Node& node, const RecordedNode& recorded) {
  if (callbacks_ == nullptr || !callbacks_->recv) {
    return InvalidArgument(Format("The program receives from channel {}, and no callback is given.", node.channel_id));
  }
  if (node.transfer_bytes == 0) return callbacks_->recv(node.channel_id, {});
  // The copy of an earlier round may still read the memory.
  RETURN_IF_ERROR(Submit());
  if (has_started()) RETURN_IF_ERROR(queue_.Wait(submitted_));
  RETURN_IF_ERROR(
      callbacks_->recv(node.channel_id, {instance_.upload->host() + node.transfer_offset, node.transfer_bytes}));
  return Append(recorded.ops);
}

}  // namespace dragoman::runtime
