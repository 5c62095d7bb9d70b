// SPDX-License-Identifier: Apache-2.0
// Fourier transforms along one dimension. A workgroup takes some lines, neighbours where they lie side by side in
// memory, and transforms each in stages (Stockham's order, in which nothing needs to be reversed): small transforms in
// registers, the line in shared memory between two stages. What is computed before and after is computed in registers.
#include <numeric>

#include "base/arithmetic.h"
#include "base/format.h"
#include "element/elemental.h"
#include "element/launch.h"
#include "ir/fourier.h"
#include "lower/fourier/kinds.h"
#include "lower/fourier/line_plan.h"
#include "lower/fourier/small_transform.h"

namespace dragoman::kernel {
namespace {

ir::FftType TypeOf(const ir::Op& op) { return static_cast<ir::FftType>(op.attributes.Int(ir::AttrKey::kFftType)); }

LineShape ShapeOf(const ir::Op& op) {
  const TensorType& type = op.operands[0]->type;
  const int64_t dimension = op.attributes.Int(ir::AttrKey::kDimension);
  LineShape shape{.real = RealPart(type.dtype), .length = ir::LengthOfTwists(op.operands[1]->type.dims[0])};
  for (size_t d = dimension + 1; d < type.dims.size(); ++d) shape.inner *= type.dims[d];
  const bool moves = op.attributes.Ints(ir::AttrKey::kPermutation)[dimension] != dimension;
  shape.result_inner = shape.inner * (moves ? type.dims[dimension - 1] : 1);
  shape.num_read = type.dims[dimension];
  shape.num_kept = ir::NumKept(TypeOf(op), shape.length);
  shape.num_lines = type.num_elements() / shape.num_read;
  return shape;
}

class FourierKernel {
 public:
  FourierKernel(const fusion::Group& group, const LineShape& shape, const LinePlan& plan,
                const target::DeviceProfile& profile)
      : group_(group),
        op_(*group.hero),
        shape_(shape),
        plan_(plan),
        type_(LoadedType(shape.real, profile.float16)),
        sign_(ir::SignOf(TypeOf(op_))),
        b_(profile),
        e_(b_, group) {}

  StatusOr<Dispatch> Emit() {
    ChooseLine();
    for (const int radix : plan_.radices) {
      EmitStage(radix);
      done_ *= radix;
    }
    RETURN_IF_ERROR(status_);
    std::string radices;
    for (const int radix : plan_.radices) radices += Format("{}{}", radices.empty() ? "" : "x", radix);
    std::string label = Format("fourier {} of {} lines as {}, {} a workgroup of {}", op_.type().ToString(),
                               shape_.num_lines, radices, plan_.lines, plan_.workgroup_size());
    return FinishDispatch(std::move(b_), e_, plan_.workgroup_size(), CeilDiv(shape_.num_lines, plan_.lines),
                          std::move(label));
  }

 private:
  // One of the small transforms that this invocation makes in a stage.
  struct Part {
    V number;   // among those of the line
    V is_some;  // kNoValue: surely
    std::vector<Scalar> x;
  };

  // Of an element in its line.
  struct Place {
    V start;
    int64_t multiple;  // of which `start` is one
    int64_t offset;    // to be added
  };

  bool IsLast(int radix) const { return done_ * radix == shape_.length; }
  bool IsWhole() const { return shape_.num_lines % plan_.lines == 0; }

  void ChooseLine() {
    const V local = b_.LocalIndex();
    const V divisor = b_.I32(plan_.lines_first ? plan_.lines : plan_.workers);
    const V low = b_.URem(local, divisor), high = b_.UDiv(local, divisor);
    line_ = plan_.lines_first ? low : high;
    worker_ = plan_.lines_first ? high : low;
    const KType index = IndexType(op_.type().num_elements());
    const auto wide = [&](V v) { return ToIndexType(b_, v, index); };
    V line = b_.MulAdd(wide(b_.WorkgroupIndex()), plan_.lines, wide(line_));
    if (!IsWhole()) {
      is_line_ = b_.ULt(line, b_.Int(index, shape_.num_lines));
      line = b_.UMin(line, b_.Int(index, shape_.num_lines - 1));
    }
    source_ = FirstOf(line, shape_.num_read, shape_.inner);
    target_ = FirstOf(line, shape_.num_kept, shape_.result_inner);
    if (plan_.radices.size() == 1) return;
    const int64_t count = plan_.lines * shape_.length;
    shared_.push_back(b_.AddShared(type_, static_cast<int>(Stretched(count))));
    shared_.push_back(plan_.takes_turns ? shared_[0] : b_.AddShared(type_, static_cast<int>(Stretched(count))));
  }

  // --- where elements are

  // The first element of a line among [.., length, inner].
  V FirstOf(V line, int64_t length, int64_t inner) {
    const V divisor = b_.Int(line.type, inner);
    return b_.MulAdd(b_.UDiv(line, divisor), length * inner, b_.URem(line, divisor));
  }
  Index Global(V first, const Place& place, int64_t inner) {
    const V start = b_.MulAdd(ToIndexType(b_, place.start, first.type), inner, first);
    return Index::FromLinear(b_.IAdd(start, b_.Int(first.type, place.offset * inner)));
  }
  // Constants stay apart, for the instructions that add them to an address.
  V Shared(const Place& place) {
    const int64_t stride = plan_.lines_first ? plan_.lines : 1;
    const V line = plan_.lines_first ? line_ : b_.IMul(line_, b_.I32(shape_.length));
    const V start = b_.MulAdd(place.start, stride, line);
    const int64_t offset = place.offset * stride;
    // Between two gaps `start` lies within so many places.
    const int64_t step = std::gcd(kElementsBetweenGaps, place.multiple * stride);
    const int64_t line_step = plan_.lines_first ? step : std::gcd(step, shape_.length);
    const int64_t reach = kElementsBetweenGaps - line_step + stride;
    const auto stretched = [&](V at) { return b_.IAdd(at, b_.UDiv(at, b_.I32(kElementsBetweenGaps))); };
    const int64_t rest = offset % kElementsBetweenGaps;
    if (rest != 0 && rest + reach > kElementsBetweenGaps) return stretched(b_.IAdd(start, b_.I32(offset)));
    return b_.IAdd(stretched(start), b_.I32(Stretched(offset)));
  }
  Place Source(const Part& part, int64_t j, int radix) { return {part.number, 1, j * (shape_.length / radix)}; }
  Place Target(const Part& part, int64_t k, int radix) {
    if (IsLast(radix)) return {part.number, 1, k * done_};
    const V within = b_.URem(part.number, b_.I32(done_));
    const V start = b_.MulAdd(b_.UDiv(part.number, b_.I32(done_)), done_ * radix, within);
    return {start, done_ == 1 ? radix : 1, k * done_};
  }

  // --- a stage

  std::vector<Part> PartsOf(int radix) {
    const int64_t count = shape_.length / radix;
    std::vector<Part> parts;
    for (int64_t first = 0; first < count; first += plan_.workers) {
      Part part;
      part.number = b_.IAdd(worker_, b_.I32(first));
      if (first + plan_.workers > count) {
        part.is_some = b_.ULt(part.number, b_.I32(count));
        part.number = b_.UMin(part.number, b_.I32(count - 1));
      }
      parts.push_back(std::move(part));
    }
    return parts;
  }

  void EmitStage(int radix) {
    std::vector<Part> parts = PartsOf(radix);
    if (done_ > 1) {
      Exchange(parts, radix);
    } else {
      for (Part& part : parts) LoadOperand(part, radix);
    }
    held_.clear();
    for (Part& part : parts) {
      if (done_ > 1) Twist(part, radix);
      part.x = SmallTransform(b_, part.x, sign_);
      if (IsLast(radix)) {
        Guarded(part, [&] { StoreResults(part, radix); });
      } else {
        std::vector<V> targets;
        for (int k = 0; k < radix; ++k) targets.push_back(Shared(Target(part, k, radix)));
        held_.push_back({std::move(part), std::move(targets)});
      }
    }
  }

  void LoadOperand(Part& part, int radix) {
    for (int j = 0; j < radix; ++j) {
      part.x.push_back(LoadElement(Source(part, j, radix)));
    }
  }

  // Of a half that is given, the rest is mirrored conjugates.
  Scalar LoadElement(Place place) {
    V is_mirrored;
    if (shape_.num_read < shape_.length) {
      const V element = b_.IAdd(place.start, b_.I32(place.offset));
      is_mirrored = b_.ULe(b_.I32(shape_.num_read), element);
      place = {b_.Select(is_mirrored, b_.ISub(b_.I32(shape_.length), element), element), 1, 0};
    }
    const auto loaded = e_.At(op_.operands[0], Global(source_, place, shape_.inner));
    if (!loaded.ok()) status_ = loaded.status();
    if (!loaded.ok()) return {b_.Zero(type_), b_.Zero(type_)};
    if (is_mirrored.id == kNoValue) return *loaded;
    return {loaded->re, b_.Select(is_mirrored, b_.Unary(KOp::kFNeg, loaded->im), loaded->im)};
  }

  // What the stage before left goes through shared memory.
  void Exchange(std::vector<Part>& parts, int radix) {
    for (Part& part : parts) part.x.resize(radix);
    if (is_shared_in_use_) b_.Barrier();
    is_shared_in_use_ = true;
    if (!plan_.takes_turns) {
      WriteShared(&Scalar::re, 0);
      WriteShared(&Scalar::im, 1);
      b_.Barrier();
      ReadShared(parts, radix, &Scalar::re, 0);
      ReadShared(parts, radix, &Scalar::im, 1);
      return;
    }
    WriteShared(&Scalar::re, 0);
    b_.Barrier();
    ReadShared(parts, radix, &Scalar::re, 0);
    b_.Barrier();
    WriteShared(&Scalar::im, 0);
    b_.Barrier();
    ReadShared(parts, radix, &Scalar::im, 0);
  }

  void WriteShared(V Scalar::*component, int array) {
    for (const auto& [part, targets] : held_) {
      const auto write = [&, &part = part, &targets = targets] {
        for (size_t k = 0; k < targets.size(); ++k) b_.StoreShared(shared_[array], targets[k], part.x[k].*component);
      };
      if (part.is_some.id == kNoValue) {
        write();
      } else {
        b_.If(part.is_some, write);
      }
    }
  }

  void ReadShared(std::vector<Part>& parts, int radix, V Scalar::*component, int array) {
    for (Part& part : parts) {
      for (int j = 0; j < radix; ++j) {
        part.x[j].*component = b_.LoadShared(shared_[array], Shared(Source(part, j, radix)));
      }
    }
  }

  void Twist(Part& part, int radix) {
    const V within = IsLast(radix) ? part.number : b_.URem(part.number, b_.I32(done_));
    for (int j = 1; j < radix; ++j) {
      const V at = b_.IAdd(within, b_.I32(ir::TwistAt(done_, j, 0)));
      part.x[j] = MultiplyComplex(b_, part.x[j], e_.Load(op_.operands[1], Index::FromLinear(at)));
    }
  }

  template <typename Body>
  void Guarded(const Part& part, Body&& body) {
    V condition = is_line_;
    if (part.is_some.id != kNoValue) {
      condition = condition.id == kNoValue ? part.is_some : b_.And(condition, part.is_some);
    }
    if (condition.id == kNoValue) {
      body();
      return;
    }
    b_.If(condition, [&] {
      Elemental::Scope scope(e_);
      body();
    });
  }

  void StoreResults(const Part& part, int radix) {
    for (int k = 0; k < radix; ++k) {
      const Place place = Target(part, k, radix);
      const auto store = [&] { StoreResult(Global(target_, place, shape_.result_inner), part.x[k]); };
      // Of the last stage, number + k length / radix is the element.
      const int64_t first = k * (shape_.length / radix);
      if (first >= shape_.num_kept) return;
      if (first + shape_.length / radix <= shape_.num_kept) {
        store();
        continue;
      }
      b_.If(b_.ULt(b_.IAdd(place.start, b_.I32(place.offset)), b_.I32(shape_.num_kept)), [&] {
        Elemental::Scope scope(e_);
        store();
      });
    }
  }

  void StoreResult(const Index& at, const Scalar& result) {
    e_.Remember(op_.result(), at, {result});
    // All are computed before any is stored: an output may take the memory of what the epilogue reads.
    std::vector<Scalar> values;
    for (const ir::Value* output : group_.outputs) {
      const auto value = e_.At(output, at);
      if (!value.ok()) status_ = value.status();
      values.push_back(value.ok() ? *value : result);
    }
    for (size_t i = 0; i < values.size(); ++i) e_.Store(group_.outputs[i], at, values[i]);
  }

  struct Held {
    Part part;
    std::vector<V> targets;
  };

  const fusion::Group& group_;
  const ir::Op& op_;
  const LineShape shape_;
  const LinePlan plan_;
  const KType type_;
  const int sign_;
  Builder b_;
  Elemental e_;
  Status status_;
  std::vector<int> shared_;  // real parts, imaginary parts
  int64_t done_ = 1;         // the product of the radices of the stages before
  bool is_shared_in_use_ = false;
  std::vector<Held> held_;  // what the stage before made
  V line_, worker_;         // within the workgroup; within the line
  V is_line_;               // kNoValue: surely
  V source_, target_;       // of the line's first element, in the operand and in the result
};

}  // namespace

StatusOr<LoweredGroup> LowerFourier(const fusion::Group& group, const target::CompileContext& context) {
  LoweredGroup lowered;
  const ir::Op& op = *group.hero;
  if (op.type().num_elements() == 0) return lowered;
  const LineShape shape = ShapeOf(op);
  const LinePlan plan = PlanLines(shape, context.profile);
  if (plan.radices.empty()) {
    return Unimplemented(Format("Operation fourier along {} of {} has no kernel: a workgroup cannot hold the line.",
                                op.attributes.Int(ir::AttrKey::kDimension), op.type().ToString()));
  }
  ASSIGN_OR_RETURN(Dispatch dispatch, FourierKernel(group, shape, plan, context.profile).Emit());
  lowered.dispatches.push_back(std::move(dispatch));
  return lowered;
}

}  // namespace dragoman::kernel
