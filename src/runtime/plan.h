// SPDX-License-Identifier: Apache-2.0
// How a program runs, as plain data: the argument table with the places to be filled in, and the operations to record.
// Knows no Vulkan.
//
// Control flow. A repeat is unrolled. A case, and the body of an innermost while, are predicated: a small built-in
// kernel turns the predicate into dispatch sizes, all zero where a dispatch must not run, and the dispatches read their
// sizes there. The host only checks now and then whether a while has ended. What cannot be predicated (a while around a
// while, host callbacks inside) is driven by the host: it reads the flag back and chooses.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/status.h"
#include "program/program.h"
#include "runtime/arena_chunks.h"
#include "runtime/runtime.h"

namespace dragoman::runtime {

// What an address in the table is relative to. The first four are SlotKinds.
enum class Base : uint8_t { kParameter, kOutput, kConstant, kArena, kTable, kReadback, kUpload };
inline constexpr int kNumBases = 7;

// The u64 at `table_offset` is the address of the base (of the index-th parameter, output, constant or chunk of the
// arena) plus `add`.
struct Patch {
  uint32_t table_offset = 0;
  uint32_t index = 0;
  uint64_t add = 0;
};

enum class OpKind : uint8_t { kBarrier, kBarrierBeforeIndirect, kDispatch, kDispatchIndirect };
struct Op {
  OpKind kind = OpKind::kDispatch;
  uint32_t kernel = 0;  // of the program, then the built-in ones
  uint32_t record_offset = 0;
  uint32_t num_segments = 1;
  uint32_t x = 1;
  uint32_t y = 1;
  uint32_t num_workgroups = 1;    // at most x * y: kernels end the rounded-up tail themselves
  uint32_t sizes_offset = 0;      // kDispatchIndirect: in the table
  uint32_t base_y = 0;            // kDispatch: the first row of workgroups; the rows before it are another piece
  uint32_t step = kNoStepNumber;  // its number (program::AllSteps); none where the operation is of no single one
  double seconds = 0;             // the device may take so long, by PlanOptions' speeds
};

enum class NodeKind : uint8_t {
  kRun,         // `ops`, `count` times
  kWhile,       // predicated. ops: condition and predicate; iteration_ops: body, condition and predicate, as often as
                // makes `count` iterations; check_ops
  kHostWhile,   // bodies[0]: the condition; check_ops; bodies[1] while the flag is not zero
  kHostCase,    // check_ops; bodies: the branches
  kHostRepeat,  // bodies[0], `count` times
  kSend,        // check_ops: the copy to readback memory
  kRecv,        // ops: the copy from upload memory
};
struct Node {
  NodeKind kind = NodeKind::kRun;
  std::vector<Op> ops;
  std::vector<Op> iteration_ops;
  std::vector<Op> check_ops;  // copy what the host looks at to readback memory
  uint64_t count = 1;
  std::vector<std::vector<Node>> bodies;
  int64_t channel_id = 0;        // kSend, kRecv
  uint64_t transfer_offset = 0;  // in readback memory (flag, index, kSend) or upload memory (kRecv)
  uint64_t transfer_bytes = 0;
};

struct Plan {
  std::vector<std::byte> table;  // addresses still zero
  std::vector<Patch> patches[kNumBases];
  std::vector<Node> nodes;
  std::vector<ArenaChunk> arena;  // one in most programs
  uint64_t readback_bytes = 0;
  uint64_t upload_bytes = 0;
  // Runs and repeats of runs only: one submission does it all, nothing waits.
  bool is_asynchronous = true;
  bool has_callbacks = false;               // sends or receives: may fail halfway
  double max_submission_seconds = 0;        // as in the options
  std::vector<uint32_t> kernels_in_pieces;  // whose dispatches have base_y
};

// How much a device does at the least. Infinite: nobody minds how long work takes.
struct DeviceSpeed {
  double flops_per_second = std::numeric_limits<double>::infinity();
  double bytes_per_second = std::numeric_limits<double>::infinity();
};

struct PlanOptions {
  uint64_t max_unrolled_ops = 20000;  // of one run; longer repeats submit one run several times
  uint64_t max_table_bytes = 1ull << 30;
  uint64_t max_chunk_bytes = ~0ull;  // of the arena
  DeviceSpeed speed;
  double max_submission_seconds = 0.5;  // longer dispatches are cut to pieces
};
StatusOr<Plan> MakePlan(const program::ValidProgram& program, const PlanOptions& options);
// The addresses that the table waits for, by their offsets in it, and the operations. For people.
std::string Print(const Plan& plan);

}  // namespace dragoman::runtime
