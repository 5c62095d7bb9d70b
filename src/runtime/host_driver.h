// SPDX-License-Identifier: Apache-2.0
// Runs a plan whose control flow needs the host: submits piece by piece on the calling thread and waits where it must
// know.
#pragma once

#include "runtime/executable.h"

namespace dragoman::runtime {

// Command buffers in order, cut to submissions that take no longer than `max_seconds` each where buffers allow.
class SubmissionList {
 public:
  explicit SubmissionList(double max_seconds) : max_seconds_(max_seconds) {}
  void Add(const RecordedRun& run);
  // Nodes that are runs or repeats of runs.
  void Add(const std::vector<Node>& nodes, const std::vector<RecordedNode>& recorded);
  std::vector<std::vector<VkCommandBuffer>> Take() { return std::move(submissions_); }

 private:
  const double max_seconds_;
  std::vector<std::vector<VkCommandBuffer>> submissions_;
  double seconds_ = 0;  // of the last
};

class HostDriver {
 public:
  // `options.runs`: only of an instance with timestamps.
  HostDriver(Queue& queue, const Instance& instance, const ExecuteOptions& options)
      : queue_(queue), instance_(instance), callbacks_(options.callbacks), runs_(options.runs) {}

  // Gives the moment of the last submission.
  StatusOr<Moment> Run(const Plan& plan);
  // Something was submitted.
  bool has_started() const { return submitted_ != Moment(); }

 private:
  Status RunNodes(const std::vector<Node>& nodes, const std::vector<RecordedNode>& recorded);
  Status RunNode(const Node& node, const RecordedNode& recorded);
  Status While(const Node& node, const RecordedNode& recorded);
  Status HostWhile(const Node& node, const RecordedNode& recorded);
  Status HostCase(const Node& node, const RecordedNode& recorded);
  Status HostRepeat(const Node& node, const RecordedNode& recorded);
  Status Send(const Node& node, const RecordedNode& recorded);
  Status Recv(const Node& node, const RecordedNode& recorded);

  // Submits what is gathered whenever it becomes too much.
  Status Append(const std::vector<RecordedRun>& runs, uint64_t count = 1);
  Status Submit();
  // Submits, waits and notes how long everything took.
  Status Time(const RecordedRun& run);
  // Submits and waits, then what the node's check_ops copied can be read.
  StatusOr<const std::byte*> Look(const Node& node, const RecordedNode& recorded);

  Queue& queue_;
  const Instance& instance_;
  const HostCallbacks* callbacks_;
  std::vector<KernelRun>* const runs_;
  std::optional<uint64_t> first_timestamp_;
  double max_seconds_ = 0;                 // of one submission
  std::vector<VkCommandBuffer> gathered_;  // to be submitted
  double gathered_seconds_ = 0;
  Moment submitted_;  // the end of all that was
};

}  // namespace dragoman::runtime
