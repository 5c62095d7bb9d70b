// SPDX-License-Identifier: Apache-2.0
#include "kernel/interpreter.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <unordered_map>

#include "base/format.h"
#include "kernel/interpreter_matrix.h"
#include "kernel/interpreter_scalar.h"
#include "kernel/loop_bound.h"
#include "types/small_float.h"

namespace dragoman::kernel {
namespace {

// Who touched an element last, to find conflicts: an invocation of the dispatch and the barrier interval it was in.
struct Touch {
  int64_t writer = -1;  // an invocation, or kNobody
  int64_t write_interval = -1;
  int64_t reader = -1;  // likewise, or several
  int64_t read_interval = -1;
};
constexpr int64_t kNobody = -1;
constexpr int64_t kSeveralWorkgroups = std::numeric_limits<int64_t>::min();  // readers of them
// Several readers of one workgroup: below kNobody.
constexpr int64_t SeveralOf(int64_t workgroup) { return -2 - workgroup; }

// Invocations that execute the current instruction, by local index.
using ActiveLanes = std::vector<int>;

class Interpreter {
 public:
  Interpreter(const Kernel& kernel, std::span<std::vector<std::byte>* const> buffers, std::span<const uint32_t> params,
              const InterpretOptions& options)
      : kernel_(kernel),
        buffers_(buffers),
        params_(params),
        size_(kernel.workgroup_size),
        subgroup_size_(kernel.required_subgroup_size > 0 ? kernel.required_subgroup_size : options.subgroup_size),
        fuses_fma_(options.fuses_fma),
        iterations_limit_(IterationsLimit(kernel, options)),
        first_workgroup_(options.first_workgroup),
        first_elements_(options.first_elements),
        values_(kernel.value_types.size() * kernel.workgroup_size),
        all_(kernel.workgroup_size) {
    for (int i = 0; i < size_; ++i) all_[i] = i;
    for (const std::vector<std::byte>* buffer : buffers) touches_[buffer].resize(buffer->size());
  }

  Status Run(int64_t workgroups) {
    for (workgroup_ = first_workgroup_; workgroup_ < first_workgroup_ + workgroups; ++workgroup_) {
      ++interval_;
      ++device_interval_;
      iterations_ = 0;
      shared_.clear();
      matrices_.clear();
      shared_touches_.clear();
      for (const SharedArray& array : kernel_.shared) {
        shared_.emplace_back(array.count, 0xcdcdcdcdcdcdcdcdu);
        shared_touches_.emplace_back(array.count);
      }
      RETURN_IF_ERROR(RunRegion(kernel_.body, all_));
    }
    return OkStatus();
  }

 private:
  static int64_t IterationsLimit(const Kernel& kernel, const InterpretOptions& options) {
    const int64_t own = LoopIterations(kernel);
    return options.max_loop_iterations > 0 ? std::min<int64_t>(own, options.max_loop_iterations) : own;
  }

  uint64_t& At(ValueId id, int lane) { return values_[static_cast<size_t>(id) * size_ + lane]; }
  KType TypeOf(ValueId id) const { return kernel_.value_types[id]; }

  Status Error(const Instruction& instruction, int lane, std::string_view what) const {
    std::string operands;
    for (const ValueId operand : instruction.operands) operands += Format(" %{}", operand);
    std::string text = instruction.num_results > 0 ? Format("%{} = ", instruction.first_result) : "";
    text += Name(instruction.op);
    if (instruction.buffer >= 0) text += Format(" @{}", instruction.buffer);
    return Internal(Format("Kernel instruction '{}{}' {}, in invocation {} of workgroup {}.", text, operands, what,
                           lane, workgroup_));
  }

  Status RunRegion(const Region& region, const ActiveLanes& lanes) {
    for (const Instruction& instruction : region.body) {
      if (instruction.op != KOp::kYield) RETURN_IF_ERROR(RunInstruction(instruction, lanes));
    }
    return OkStatus();
  }

  Status RunInstruction(const Instruction& instruction, const ActiveLanes& lanes) {
    switch (instruction.op) {
      case KOp::kIf:
        return RunIf(instruction, lanes);
      case KOp::kFor:
        return RunFor(instruction, lanes);
      case KOp::kWhile:
        return RunWhile(instruction, lanes);
      case KOp::kBarrier:
      case KOp::kDeviceBarrier:
        return RunBarrier(instruction, lanes);
      case KOp::kMatrixZero:
      case KOp::kMatrixLoad:
      case KOp::kMatrixMulAdd:
      case KOp::kMatrixStore:
        return RunMatrix(instruction, lanes);
      case KOp::kSubgroupShuffleXor:
        return RunSubgroupShuffle(instruction, lanes);
      default:
        break;
    }
    for (const int lane : lanes) RETURN_IF_ERROR(RunOnLane(instruction, lane));
    return OkStatus();
  }

  Status RunOnLane(const Instruction& instruction, int lane) {
    if (instruction.op >= KOp::kLoad) return RunMemory(instruction, lane);
    if (instruction.operands.empty()) {
      At(instruction.first_result, lane) = ValueFromNowhere(instruction, lane);
      return OkStatus();
    }
    uint64_t operands[3] = {};
    const size_t count = instruction.operands.size();
    for (size_t i = 0; i < count; ++i) operands[i] = At(instruction.operands[i], lane);
    const auto result = EvaluateScalar(instruction, TypeOf(instruction.operands[0]), {operands, count}, fuses_fma_);
    if (!result.has_value()) return Error(instruction, lane, "divides by zero");
    At(instruction.first_result, lane) = *result;
    return OkStatus();
  }

  uint64_t ValueFromNowhere(const Instruction& instruction, int lane) const {
    switch (instruction.op) {
      case KOp::kParam:
        return params_[instruction.imm];
      case KOp::kWorkgroupIndex:
        return static_cast<uint32_t>(workgroup_);
      case KOp::kLocalIndex:
        return static_cast<uint64_t>(lane);
      case KOp::kSubgroupIndex:
        return static_cast<uint64_t>(lane / subgroup_size_);
      case KOp::kSubgroupLane:
        return static_cast<uint64_t>(lane % subgroup_size_);
      default:
        return instruction.imm;
    }
  }

  // Conflicts. Other workgroups' accesses conflict whatever the barriers.
  bool Conflicts(int64_t other, int64_t other_interval, int lane, int64_t interval) const {
    if (other == kNobody) return false;
    if (!IsOfThisWorkgroup(other)) return true;
    return other != workgroup_ * size_ + lane && other_interval == interval;
  }

  bool IsOfThisWorkgroup(int64_t touched) const {
    if (touched == kSeveralWorkgroups) return false;
    return touched >= 0 ? touched / size_ == workgroup_ : touched == SeveralOf(workgroup_);
  }

  Status NoteRead(const Instruction& instruction, Touch& touch, int lane, int64_t interval) {
    if (Conflicts(touch.writer, touch.write_interval, lane, interval)) {
      return Error(instruction, lane, "reads what another invocation writes without a barrier in between");
    }
    const int64_t self = workgroup_ * size_ + lane;
    if (touch.reader != kNobody && !IsOfThisWorkgroup(touch.reader)) {
      touch.reader = kSeveralWorkgroups;
    } else {
      const bool is_shared = touch.reader != kNobody && touch.reader != self && touch.read_interval == interval;
      touch.reader = is_shared ? SeveralOf(workgroup_) : self;
    }
    touch.read_interval = interval;
    return OkStatus();
  }

  Status NoteWrite(const Instruction& instruction, Touch& touch, int lane, int64_t interval) {
    if (Conflicts(touch.writer, touch.write_interval, lane, interval)) {
      return Error(instruction, lane, "writes what another invocation writes without a barrier in between");
    }
    if (Conflicts(touch.reader, touch.read_interval, lane, interval)) {
      return Error(instruction, lane, "writes what another invocation reads without a barrier in between");
    }
    touch.writer = workgroup_ * size_ + lane;
    touch.write_interval = interval;
    return OkStatus();
  }

  // Of shared memory. Several at once do not conflict.
  Status NoteAtomic(const Instruction& instruction, Touch& touch, int lane) {
    if (touch.writer != SeveralOf(workgroup_)) RETURN_IF_ERROR(NoteWrite(instruction, touch, lane, interval_));
    if (Conflicts(touch.reader, touch.read_interval, lane, interval_)) {
      return Error(instruction, lane, "writes what another invocation reads without a barrier in between");
    }
    touch.writer = SeveralOf(workgroup_);
    touch.write_interval = interval_;
    return OkStatus();
  }

  Status RunMemory(const Instruction& instruction, int lane) {
    return AccessesShared(instruction.op) ? RunShared(instruction, lane) : RunBuffer(instruction, lane);
  }

  Status RunShared(const Instruction& instruction, int lane) {
    std::vector<uint64_t>& array = shared_[instruction.buffer];
    const uint64_t index = At(instruction.operands[0], lane);
    if (index >= array.size())
      return Error(instruction, lane, Format("accesses element {} of {}", index, array.size()));
    Touch& touch = shared_touches_[instruction.buffer][index];
    if (instruction.op == KOp::kLoadShared) {
      RETURN_IF_ERROR(NoteRead(instruction, touch, lane, interval_));
      At(instruction.first_result, lane) = array[index];
      return OkStatus();
    }
    const uint64_t value = At(instruction.operands[1], lane);
    if (instruction.op == KOp::kStoreShared) {
      RETURN_IF_ERROR(NoteWrite(instruction, touch, lane, interval_));
      array[index] = value;
      return OkStatus();
    }
    RETURN_IF_ERROR(NoteAtomic(instruction, touch, lane));
    const uint64_t old = array[index];
    array[index] = instruction.op == KOp::kSharedAtomicOr ? old | value : static_cast<uint32_t>(old + value);
    At(instruction.first_result, lane) = old;
    return OkStatus();
  }

  // Elements before it are beyond the end, as large unsigned numbers.
  uint64_t FirstElement(int buffer) const {
    return static_cast<size_t>(buffer) < first_elements_.size() ? first_elements_[buffer] : 0;
  }

  Status RunBuffer(const Instruction& instruction, int lane) {
    const DType memory = kernel_.buffers[instruction.buffer].memory;
    std::vector<std::byte>& buffer = *buffers_[instruction.buffer];
    const uint64_t element_bytes = static_cast<uint64_t>(SizeBytes(memory));
    const uint64_t elements = buffer.size() / element_bytes;
    const uint64_t index = At(instruction.operands[0], lane) - FirstElement(instruction.buffer);
    const uint64_t count = instruction.op == KOp::kLoad    ? instruction.imm
                           : instruction.op == KOp::kStore ? instruction.operands.size() - 1
                                                           : 1;
    if (index >= elements || count > elements - index) {
      return Error(instruction, lane, Format("accesses element {} of {} ({} at once)", index, elements, count));
    }
    if (index % count != 0) return Error(instruction, lane, Format("accesses {} elements at once at {}", count, index));
    std::byte* address = buffer.data() + index * element_bytes;
    if (instruction.op != KOp::kLoad && instruction.op != KOp::kStore) return RunAtomic(instruction, lane, address);
    std::vector<Touch>& touches = touches_[&buffer];
    for (uint64_t i = 0; i < count; ++i, address += element_bytes) {
      Touch& touch = touches[(index + i) * element_bytes];
      if (instruction.op == KOp::kLoad) {
        RETURN_IF_ERROR(NoteRead(instruction, touch, lane, device_interval_));
        At(instruction.first_result + static_cast<ValueId>(i), lane) = ReadElement(address, memory, instruction.type);
      } else {
        RETURN_IF_ERROR(NoteWrite(instruction, touch, lane, device_interval_));
        const ValueId value = instruction.operands[i + 1];
        WriteElement(address, memory, TypeOf(value), At(value, lane));
      }
    }
    return OkStatus();
  }

  Status RunAtomic(const Instruction& instruction, int lane, std::byte* address) {
    const uint32_t old = static_cast<uint32_t>(ReadElement(address, DType::kU32, KType::kI32));
    const uint32_t value = static_cast<uint32_t>(At(instruction.operands[1], lane));
    uint32_t fresh = value;
    switch (instruction.op) {
      case KOp::kAtomicAdd:
        fresh = old + value;
        break;
      case KOp::kAtomicMin:
        fresh = std::min(old, value);
        break;
      case KOp::kAtomicMax:
        fresh = std::max(old, value);
        break;
      case KOp::kAtomicOr:
        fresh = old | value;
        break;
      case KOp::kAtomicAnd:
        fresh = old & value;
        break;
      default:
        break;
    }
    WriteElement(address, DType::kU32, KType::kI32, fresh);
    At(instruction.first_result, lane) = old;
    return OkStatus();
  }

  Status RunBarrier(const Instruction& instruction, const ActiveLanes& lanes) {
    if (static_cast<int>(lanes.size()) != size_) {
      return Error(instruction, lanes.empty() ? 0 : lanes[0],
                   Format("is reached by {} of {} invocations", lanes.size(), size_));
    }
    ++interval_;
    if (instruction.op == KOp::kDeviceBarrier) ++device_interval_;
    return OkStatus();
  }

  // A matrix value is the number of a matrix in matrices_, the same in each lane of the subgroup.
  Status RunMatrix(const Instruction& instruction, const ActiveLanes& lanes) {
    for (size_t first = 0; first < lanes.size(); first += subgroup_size_) {
      const int lane = lanes[first];
      const bool is_whole = lane % subgroup_size_ == 0 && first + subgroup_size_ <= lanes.size() &&
                            lanes[first + subgroup_size_ - 1] == lane + subgroup_size_ - 1;
      if (!is_whole) return Error(instruction, lane, "is not reached by the whole subgroup");
      for (const ValueId operand : instruction.operands) {
        for (int i = 1; i < subgroup_size_; ++i) {
          if (At(operand, lane + i) != At(operand, lane)) return Error(instruction, lane, "has unequal operands");
        }
      }
      RETURN_IF_ERROR(RunMatrixOnce(instruction, lane));
    }
    return OkStatus();
  }

  Status RunMatrixOnce(const Instruction& instruction, int lane) {
    const auto matrix = [&](int operand) -> const MatrixValue& {
      return matrices_[At(instruction.operands[operand], lane)];
    };
    const target::MatrixShape& shape = kernel_.matrix_shape;
    MatrixValue result(static_cast<size_t>(shape.m) * shape.n);
    if (instruction.op == KOp::kMatrixStore) {
      return MoveMatrix(instruction, lane, KType::kMatrixC, matrices_[At(instruction.operands[1], lane)]);
    }
    if (instruction.op == KOp::kMatrixLoad) RETURN_IF_ERROR(MoveMatrix(instruction, lane, instruction.type, result));
    if (instruction.op == KOp::kMatrixMulAdd) result = MultiplyAddMatrices(shape, matrix(0), matrix(1), matrix(2));
    for (int i = 0; i < subgroup_size_; ++i) At(instruction.first_result, lane + i) = matrices_.size();
    matrices_.push_back(std::move(result));
    return OkStatus();
  }

  // From or to the shared array.
  Status MoveMatrix(const Instruction& instruction, int lane, KType type, MatrixValue& matrix) {
    std::vector<uint64_t>& array = shared_[instruction.buffer];
    const auto elements = MatrixElements(kernel_.matrix_shape, type, MatrixLayout::Decode(instruction.imm),
                                         At(instruction.operands[0], lane));
    matrix.resize(elements.size());
    for (const MatrixElement& at : elements) {
      if (at.word >= array.size()) {
        return Error(instruction, lane, Format("accesses element {} of {}", at.word, array.size()));
      }
      Touch& touch = shared_touches_[instruction.buffer][at.word];
      if (type == KType::kMatrixC) {
        RETURN_IF_ERROR(NoteWrite(instruction, touch, lane, interval_));
        array[at.word] = SumBits(kernel_.matrix_shape.accumulator, matrix[at.element]);
        continue;
      }
      // By two invocations, so that a write of either without a barrier is noticed.
      RETURN_IF_ERROR(NoteRead(instruction, touch, lane, interval_));
      RETURN_IF_ERROR(NoteRead(instruction, touch, lane + 1, interval_));
      matrix[at.element] = ElementOf(kernel_.matrix_shape.input, static_cast<uint32_t>(array[at.word]), at.part);
    }
    return OkStatus();
  }

  Status RunSubgroupShuffle(const Instruction& instruction, const ActiveLanes& lanes) {
    std::vector<uint64_t> results;
    for (const int lane : lanes) results.push_back(Shuffled(instruction, lanes, lane));
    for (size_t i = 0; i < lanes.size(); ++i) At(instruction.first_result, lanes[i]) = results[i];
    return OkStatus();
  }

  uint64_t Shuffled(const Instruction& instruction, const ActiveLanes& lanes, int lane) {
    const int other = lane ^ static_cast<int>(At(instruction.operands[1], lane));
    const bool is_there =
        other / subgroup_size_ == lane / subgroup_size_ && std::binary_search(lanes.begin(), lanes.end(), other);
    return is_there ? At(instruction.operands[0], other) : 0xbadbadbadbadbadbu;
  }

  // Copies what a region yields to consecutive values from `first` on.
  void TakeYields(const Region& region, ValueId first, const ActiveLanes& lanes) {
    const std::vector<ValueId>& yields = region.body.back().operands;
    Assign(yields, first, lanes);
  }

  // All reads come before the writes: loops hand arguments to themselves in other order.
  void Assign(std::span<const ValueId> from, ValueId first, const ActiveLanes& lanes) {
    std::vector<uint64_t> copies(from.size());
    for (const int lane : lanes) {
      for (size_t i = 0; i < from.size(); ++i) copies[i] = At(from[i], lane);
      for (size_t i = 0; i < from.size(); ++i) At(first + static_cast<ValueId>(i), lane) = copies[i];
    }
  }

  Status RunIf(const Instruction& instruction, const ActiveLanes& lanes) {
    ActiveLanes taken[2];
    for (const int lane : lanes) taken[At(instruction.operands[0], lane) != 0 ? 0 : 1].push_back(lane);
    for (int i = 0; i < 2; ++i) {
      if (taken[i].empty()) continue;
      RETURN_IF_ERROR(RunRegion(*instruction.regions[i], taken[i]));
      if (instruction.num_results > 0) TakeYields(*instruction.regions[i], instruction.first_result, taken[i]);
    }
    return OkStatus();
  }

  // The workgroup's, whose invocations run together.
  Status CountIteration(const Instruction& instruction, const ActiveLanes& lanes) {
    if (++iterations_ <= iterations_limit_) return OkStatus();
    return Error(instruction, lanes[0], Format("comes round when {} iterations are spent", iterations_limit_));
  }
  Status OneTooMany(const Instruction& instruction, const ActiveLanes& lanes) const {
    return Error(instruction, lanes[0], Format("makes more than its {} iterations", instruction.imm));
  }

  Status RunFor(const Instruction& instruction, const ActiveLanes& lanes) {
    const Region& body = *instruction.regions[0];
    const ValueId counter = body.first_argument;
    const auto signed_at = [&](ValueId id, int lane) {
      return static_cast<int32_t>(static_cast<uint32_t>(At(id, lane)));
    };
    for (const int lane : lanes) At(counter, lane) = At(instruction.operands[0], lane);
    Assign(std::span(instruction.operands).subspan(3), counter + 1, lanes);
    ActiveLanes active = lanes;
    for (uint64_t iterations = 0;; ++iterations) {
      RETURN_IF_ERROR(CountIteration(instruction, lanes));
      std::erase_if(active,
                    [&](int lane) { return signed_at(counter, lane) >= signed_at(instruction.operands[1], lane); });
      if (active.empty()) break;
      if (iterations == instruction.imm && iterations > 0) return OneTooMany(instruction, active);
      RETURN_IF_ERROR(RunRegion(body, active));
      TakeYields(body, counter + 1, active);
      for (const int lane : active) {
        At(counter, lane) = static_cast<uint32_t>(At(counter, lane) + At(instruction.operands[2], lane));
      }
    }
    AssignArguments(counter + 1, instruction, lanes);
    return OkStatus();
  }

  Status RunWhile(const Instruction& instruction, const ActiveLanes& lanes) {
    const Region& condition = *instruction.regions[0];
    const Region& body = *instruction.regions[1];
    Assign(instruction.operands, condition.first_argument, lanes);
    ActiveLanes active = lanes;
    for (uint64_t iterations = 0;; ++iterations) {
      RETURN_IF_ERROR(CountIteration(instruction, lanes));
      RETURN_IF_ERROR(RunRegion(condition, active));
      const ValueId goes_on = condition.body.back().operands[0];
      std::erase_if(active, [&](int lane) { return At(goes_on, lane) == 0; });
      if (active.empty()) break;
      if (iterations == instruction.imm && iterations > 0) return OneTooMany(instruction, active);
      CopyArguments(condition.first_argument, body.first_argument, instruction.num_results, active);
      RETURN_IF_ERROR(RunRegion(body, active));
      TakeYields(body, condition.first_argument, active);
    }
    AssignArguments(condition.first_argument, instruction, lanes);
    return OkStatus();
  }

  void CopyArguments(ValueId from, ValueId to, int count, const ActiveLanes& lanes) {
    for (int i = 0; i < count; ++i) {
      for (const int lane : lanes) At(to + static_cast<ValueId>(i), lane) = At(from + static_cast<ValueId>(i), lane);
    }
  }
  void AssignArguments(ValueId from, const Instruction& instruction, const ActiveLanes& lanes) {
    CopyArguments(from, instruction.first_result, instruction.num_results, lanes);
  }

  const Kernel& kernel_;
  std::span<std::vector<std::byte>* const> buffers_;
  std::span<const uint32_t> params_;
  const int size_;
  const int subgroup_size_;
  const bool fuses_fma_;
  const int64_t iterations_limit_;
  const int64_t first_workgroup_;
  const std::vector<uint64_t>& first_elements_;
  int64_t iterations_ = 0;
  std::vector<uint64_t> values_;
  ActiveLanes all_;
  std::vector<std::vector<uint64_t>> shared_;
  std::vector<std::vector<Touch>> shared_touches_;
  std::vector<MatrixValue> matrices_;  // of this workgroup
  std::unordered_map<const std::vector<std::byte>*, std::vector<Touch>> touches_;
  int64_t workgroup_ = 0;
  int64_t interval_ = 0;         // counts barriers
  int64_t device_interval_ = 0;  // counts those over buffers
};

}  // namespace

Status Interpret(const Kernel& kernel, std::span<std::vector<std::byte>* const> buffers,
                 std::span<const uint32_t> params, int64_t workgroups, const InterpretOptions& options) {
  RETURN_IF_ERROR(Verify(kernel));
  if (buffers.size() != kernel.buffers.size() || static_cast<int>(params.size()) != kernel.num_params) {
    return Internal(Format("The kernel takes {} buffers and {} parameters, not {} and {}.", kernel.buffers.size(),
                           kernel.num_params, buffers.size(), params.size()));
  }
  return Interpreter(kernel, buffers, params, options).Run(workgroups);
}

}  // namespace dragoman::kernel
