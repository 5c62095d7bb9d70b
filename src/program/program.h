// SPDX-License-Identifier: Apache-2.0
// A compiled program as plain data: what the compiler hands to the runtime. Can be printed, saved, loaded and checked
// without a device. See ARCHITECTURE.md "A program" for a drawing of slots, steps and records.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "types/memory_space.h"
#include "types/shape.h"

namespace dragoman::program {

// One compute kernel. Equal kernels exist once in a program, and across programs by `hash` (of the SPIR-V words and the
// fields below). Entry point "main", workgroup size fixed in the SPIR-V. Push constants, 16 bytes: {u64 device address
// of the dispatch's records, u32 number of segments, u32 number of workgroups}: workgroups beyond it, of a grid rounded
// up, do nothing (0: every one works; a segmented kernel takes its own total). A record is num_buffers × u64 addresses
// then num_params × u32, padded to 8 bytes. When segmented, the records are followed by (segments + 1) × u32: the first
// workgroup of each segment and the total.
struct Kernel {
  std::vector<uint32_t> spirv;
  uint32_t workgroup_size = 1;
  uint32_t num_buffers = 0;
  uint32_t num_params = 0;
  uint32_t required_subgroup_size = 0;  // 0: any
  bool is_segmented = false;
  Hash128 hash;
};
Hash128 HashKernel(const Kernel& kernel);

// Where a tensor lives.
enum class SlotKind : uint8_t {
  kParameter,  // index: parameter number
  kOutput,     // index: output number; allocated at each execution, or the donated parameter it aliases
  kConstant,   // index: into Program::constants; uploaded once when the program is loaded
  kArena,      // offset: into the program's arena of temporaries
};
struct Slot {
  SlotKind kind = SlotKind::kArena;
  uint32_t index = 0;
  uint64_t offset_bytes =
      0;  // within the parameter, output, constant or arena; a multiple of 16 in the arena (256 at starts of tensors)
  uint64_t size_bytes = 0;
};

struct TensorSpec {
  TensorType type;
  // Outputs: the parameter whose memory this output takes when that parameter is donated, or -1. The compiler has
  // made sure that the program is right both with and without the reuse... with it only if the caller donates.
  int aliased_parameter = -1;
  // Parameters: the program says that callers give this argument away, whether or not an output takes its memory.
  bool is_donor = false;
  // Outputs: where callers want it. An output outside the device's memory is computed in place there.
  MemorySpace space = MemorySpace::kDevice;
  // Outputs: before the first step the output holds the aliased parameter's bytes, which the runtime copies there
  // unless it is that memory. No step reads the parameter itself.
  bool starts_as_parameter = false;
};

enum class StepKind : uint8_t {
  kDispatch,
  kCopy,    // bytes from slot to slot (device side)
  kRepeat,  // body, `count` times
  kWhile,   // condition steps, then body while the predicate slot (1 byte i1) is true
  kCase,    // body of the branch that the s32 in the index slot names, the last where there is none; may be empty
  kSend,    // host callback: bytes of a slot to the host
  kRecv,
};

// A step's place in the source: an index into Program::places. kNoReason: likewise of Program::reasons.
inline constexpr uint32_t kNoPlace = 0xffffffffu;
inline constexpr uint32_t kNoReason = 0xffffffffu;

struct Step {
  StepKind kind = StepKind::kDispatch;
  // A barrier before this step: it reads or overwrites what an earlier step since the last barrier wrote or reads.
  bool barrier_before = false;

  // kDispatch
  uint32_t kernel = 0;
  uint32_t workgroups = 0;  // in all; the runtime spreads it over x and y: x = min(n, 32768), y = ceil(n / x)
  uint32_t num_segments = 1;
  std::vector<uint32_t> buffers;         // slots; num_segments × kernel.num_buffers
  std::vector<uint32_t> params;          // num_segments × kernel.num_params
  std::vector<uint32_t> segment_starts;  // num_segments + 1 when segmented
  double flops = 0;                      // estimated, as are the bytes it moves to and from memory
  double bytes = 0;

  // kCopy: whole slots of equal size; kSend, kRecv: slot a
  uint32_t slot_a = 0;  // source (copy), predicate (while), index (case)
  uint32_t slot_b = 0;  // target (copy)

  // kRepeat, kWhile, kCase. kWhile: bodies[0] condition, bodies[1] body; the body makes up to `count` iterations, where
  // it is more than 1, and stops by itself when the condition does. kRepeat: bodies[0].
  uint64_t count = 0;
  std::vector<std::vector<Step>> bodies;

  int64_t channel_id = 0;  // kSend, kRecv
  std::string label;       // for people
  uint32_t place = kNoPlace;
  uint32_t reason = kNoReason;
};

struct Program {
  std::string name;
  std::vector<TensorSpec> parameters;
  std::vector<TensorSpec> outputs;
  std::vector<Kernel> kernels;
  std::vector<std::vector<std::byte>> constants;
  std::vector<Slot> slots;
  std::vector<Step> steps;
  // "train.py:17 in jit(step)/dense/dot_general", each once: where steps come from.
  std::vector<std::string> places;
  // Why steps are what they are, for people: lines, each text once. Empty unless compiler::Options::explains.
  std::vector<std::string> reasons;
  // Of all places of the source. A cache that finds a program for another source of the same meaning forgets `places`
  // where this differs.
  Hash128 source_places;
  uint64_t arena_bytes = 0;
  // The last parameter is no argument of the caller's but a seed of random numbers, tensor<2xui64>, which whoever runs
  // the program chooses anew each time.
  bool has_random_seed = false;
  // An output that is a parameter untouched: forwarded_parameter[i] ≥ 0 and no step writes it. The
  // runtime hands a donated parameter's memory on and copies otherwise: an output is never an argument's memory.
  std::vector<int> forwarded_parameters;
  // For cost analysis.
  double flops = 0;
  double bytes_accessed = 0;
};

// Every step, those of bodies after the step that holds them: a step's number is its index here.
std::vector<const Step*> AllSteps(const Program& program);

// Checks every index and size; a loaded or hand-made program that passes cannot make the runtime touch wrong memory
// except through its kernels. INVALID_ARGUMENT otherwise.
Status Validate(const Program& program);

// A program that has passed Validate, every kernel with its hash. It cannot change any more: copies share it, and who
// gets one checks nothing again.
class ValidProgram {
 public:
  // What Validate says of it, unless it passes.
  static StatusOr<ValidProgram> Check(Program program);

  const Program& operator*() const { return *program_; }
  const Program* operator->() const { return program_.get(); }
  const std::shared_ptr<const Program>& shared() const { return program_; }
  // A copy whose steps come from nowhere.
  ValidProgram WithoutPlaces() const;

 private:
  explicit ValidProgram(Program program) : program_(std::make_shared<const Program>(std::move(program))) {}
  std::shared_ptr<const Program> program_;
};

std::string Print(const Program& program);

// A self-describing byte form with a version and a checksum. Parse gives DATA_LOSS-free errors: INVALID_ARGUMENT for
// damaged or foreign bytes.
std::vector<std::byte> Save(const Program& program);
bool IsSaved(std::span<const std::byte> bytes);  // by how they begin
StatusOr<ValidProgram> Load(std::span<const std::byte> bytes);

}  // namespace dragoman::program
