// SPDX-License-Identifier: Apache-2.0
// Runs a plan whose control flow needs the host: submits piece by piece on the calling thread and waits where it must
// know.
#pragma once

#include "runtime/executable.h"

namespace dragoman::runtime {

// The command buffers of nodes that are runs or repeats of runs, in order.
void AppendSubmission(const std::vector<Node>& nodes, const std::vector<RecordedNode>& recorded,
                      std::vector<VkCommandBuffer>& submission);

class HostDriver {
 public:
  HostDriver(Queue& queue, const Instance& instance, const HostCallbacks* callbacks)
      : queue_(queue), instance_(instance), callbacks_(callbacks) {}

  // Gives the value of the last submission.
  StatusOr<uint64_t> Run(const std::vector<Node>& nodes);

 private:
  Status RunNodes(const std::vector<Node>& nodes, const std::vector<RecordedNode>& recorded);
  Status RunNode(const Node& node, const RecordedNode& recorded);
  Status While(const Node& node, const RecordedNode& recorded);
  Status HostWhile(const Node& node, const RecordedNode& recorded);
  Status HostCase(const Node& node, const RecordedNode& recorded);
  Status HostRepeat(const Node& node, const RecordedNode& recorded);
  Status Send(const Node& node, const RecordedNode& recorded);
  Status Recv(const Node& node, const RecordedNode& recorded);

  void Append(const std::vector<VkCommandBuffer>& command_buffers, uint64_t count = 1);
  Status Repeat(const std::vector<VkCommandBuffer>& command_buffers, uint64_t count);
  Status Submit();
  // Submits and waits, then what the node's check_ops copied can be read.
  StatusOr<const std::byte*> Look(const Node& node, const RecordedNode& recorded);

  Queue& queue_;
  const Instance& instance_;
  const HostCallbacks* callbacks_;
  std::vector<VkCommandBuffer> gathered_;  // to be submitted
  uint64_t value_ = 0;
};

}  // namespace dragoman::runtime
