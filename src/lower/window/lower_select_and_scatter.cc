// SPDX-License-Identifier: Apache-2.0
// Two kernels without conflicts: the first finds which element each window selects, the second gathers, for each
// element of the result, what the windows that contain and selected it bring, in the windows' order.
#include <optional>

#include "base/arithmetic.h"
#include "base/format.h"
#include "element/launch.h"
#include "kernel/loop_bound.h"
#include "lower/window/kinds.h"
#include "lower/window/window_loop.h"

namespace dragoman::kernel {
namespace {

class SelectAndScatter {
 public:
  SelectAndScatter(const fusion::Group& group, const target::DeviceProfile& profile)
      : group_(group),
        profile_(profile),
        op_(*group.hero),
        window_(ir::WindowOf(op_.attributes)),
        dtypes_{op_.type().dtype} {
    const TensorType types[] = {op_.type(), source()->type};
    lanes_ = WindowLanes(window_, types, profile);
  }

  StatusOr<LoweredGroup> Run() {
    LoweredGroup lowered;
    if (op_.type().num_elements() == 0) return lowered;
    if (op_.type().num_elements() >= int64_t{1} << 31) {
      return Unimplemented(Format("Operation select_and_scatter on {} has no kernel; the limit is 2^31 - 1 elements.",
                                  op_.type().ToString()));
    }
    const int64_t windows = source()->type.num_elements();
    lowered.temporaries.push_back(std::max<int64_t>(windows, 1) * 4);
    if (windows > 0) {
      const Pass select = {windows, WindowSize(window_), "select", &SelectAndScatter::EmitSelect};
      RETURN_IF_ERROR(Append(lowered, select));
    }
    const Pass gather = {op_.type().num_elements(), MostWindows(), "gather", &SelectAndScatter::EmitGather};
    RETURN_IF_ERROR(Append(lowered, gather));
    return lowered;
  }

 private:
  const ir::Value* operand() const { return op_.operands[0]; }
  const ir::Value* source() const { return op_.operands[1]; }

  // One of the two kernels: an invocation walks over `walk` places for each lanes_ of `count` elements; in stages
  // unless `stages` is null.
  struct Pass {
    int64_t count;
    int64_t walk;
    const char* what;
    Status (SelectAndScatter::*emit)(Elemental& elemental, V invocation, StagedLoop* stages);
  };

  Status Append(LoweredGroup& lowered, const Pass& pass) {
    ASSIGN_OR_RETURN(StagedDispatch whole, Emit(pass, std::nullopt, 0));
    if (FitsLoopLimit(whole.dispatch.kernel, profile_)) {
      lowered.dispatches.push_back(std::move(whole.dispatch));
      return OkStatus();
    }
    return AppendStages(lowered, profile_, pass.walk,
                        [&](int64_t stage, int first_temporary) { return Emit(pass, stage, first_temporary); });
  }

  StatusOr<StagedDispatch> Emit(const Pass& pass, std::optional<int64_t> stage, int first_temporary) {
    const int workgroup_size = DefaultWorkgroupSize(profile_);
    Builder b(profile_);
    Elemental elemental(b, group_);
    std::optional<StagedLoop> stages;
    if (stage.has_value()) stages.emplace(elemental, pass.walk, *stage, first_temporary);
    const V index = b.GlobalIndex(workgroup_size);
    Status status;
    const int64_t invocations = pass.count / lanes_;
    b.If(b.ULt(index, b.I32(invocations)), [&] {
      Elemental::Scope scope(elemental);
      if (stages.has_value()) stages->Begin(index);
      status = (this->*pass.emit)(elemental, index, stages.has_value() ? &*stages : nullptr);
    });
    RETURN_IF_ERROR(status);
    Dispatch dispatch = FinishDispatch(std::move(b), elemental, workgroup_size, CeilDiv(invocations, workgroup_size),
                                       Format("select_and_scatter {}: {}", op_.type().ToString(), pass.what));
    return StagedDispatch{std::move(dispatch), stages.has_value() ? stages->memory() : std::vector<DType>()};
  }

  // The selected element's linear index, or 2^32 - 1 for a window that is all padding.
  Status EmitSelect(Elemental& elemental, V invocation, StagedLoop* stages) {
    Builder& b = elemental.builder();
    const V linear = b.IMul(invocation, b.I32(lanes_));
    const std::vector<V> position = elemental.Delinearize(Index::FromLinear(linear), source()->type.dims);
    std::vector<V> initial = FlattenScalars(std::vector<Scalar>(lanes_, ZeroScalar(b, operand()->type.dtype)));
    initial.insert(initial.end(), lanes_, b.I32(-1));
    Status status;
    const auto select = [&](const std::vector<V>& index, const std::vector<V>& carried) {
      const auto next = Select(elemental, Index::FromDims(index), carried);
      if (next.ok()) return *next;
      status = next.status();
      return carried;
    };
    const auto store = [&](std::span<const V> result) {
      b.StoreVector(elemental.BindTemporary(0, DType::kU32, false, true), linear, result.last(lanes_));
    };
    WindowLoop loop(elemental, window_, operand()->type.dims);
    if (stages == nullptr) {
      store(loop.Run(position, initial, select));
    } else {
      const std::vector<V> carried = loop.RunStage(*stages, position, initial, select);
      stages->Finish(carried, [&] { store(carried); });
    }
    return status;
  }

  // Carries the selected elements of all lanes, then their linear indices.
  StatusOr<std::vector<V>> Select(Elemental& elemental, const Index& index, const std::vector<V>& carried) {
    Builder& b = elemental.builder();
    ASSIGN_OR_RETURN(const Lanes elements, elemental.AtLanes(operand(), index, lanes_));
    const V linear = elemental.Linear(index, operand()->type.dims);
    const std::span<const V> places = std::span(carried).last(lanes_);
    const std::vector<Scalar> selected = UnflattenScalars(std::span(carried).first(carried.size() - lanes_), dtypes_);
    std::vector<Scalar> values;
    std::vector<V> fresh_places;
    for (int lane = 0; lane < lanes_; ++lane) {
      const Scalar& element = Lane(elements, lane);
      ASSIGN_OR_RETURN(const std::vector<Scalar> keeps,
                       elemental.Region(*op_.regions[0], std::vector<Scalar>{selected[lane], element}));
      const V takes = b.Or(b.IEq(places[lane], b.I32(-1)), b.Not(keeps[0].re));
      Scalar value{b.Select(takes, element.re, selected[lane].re), {}};
      if (element.im.id != kNoValue) value.im = b.Select(takes, element.im, selected[lane].im);
      values.push_back(value);
      fresh_places.push_back(b.Select(takes, b.IAdd(linear, b.I32(lane)), places[lane]));
    }
    std::vector<V> next = FlattenScalars(values);
    next.insert(next.end(), fresh_places.begin(), fresh_places.end());
    return next;
  }

  Status EmitGather(Elemental& elemental, V invocation, StagedLoop* stages) {
    Builder& b = elemental.builder();
    const V linear = b.IMul(invocation, b.I32(lanes_));
    const std::vector<V> element = elemental.Delinearize(Index::FromLinear(linear), op_.type().dims);
    ASSIGN_OR_RETURN(const Scalar initial, elemental.At(op_.operands[2], Index{}));
    Status status;
    std::vector<V> sum = FlattenScalars(std::vector<Scalar>(lanes_, initial));
    const Index at{element, linear};
    const auto store = [&](std::span<const V> result) {
      elemental.StoreLanes(op_.result(), at, UnflattenScalars(result, dtypes_), lanes_);
    };
    if (stages == nullptr) {
      if (source()->type.num_elements() > 0) {
        const WindowAt window = {std::vector<V>(element.size()), b.Bool(true)};
        sum = GatherDimension(elemental, at, window, std::move(sum), status);
      }
      store(sum);
    } else {
      sum = GatherStage(elemental, at, *stages, sum, status);
      stages->Finish(sum, [&] { store(sum); });
    }
    return status;
  }

  // As GatherDimension, over the windows of all dimensions as one walk.
  std::vector<V> GatherStage(Elemental& elemental, const Index& element, StagedLoop& stages,
                             const std::vector<V>& initial, Status& status) {
    Builder& b = elemental.builder();
    return stages.Run(initial, [&](V number, std::span<const V> c) {
      WindowAt window = {std::vector<V>(element.dims.size()), b.Bool(true)};
      for (size_t d = window_.size(); d-- > 0;) {
        const V most = b.I32(MostWindows(d));
        const V i = d == 0 ? number : b.URem(number, most);
        window = Candidate(b, CandidatesOf(b, element, d), std::move(window), d, i);
        number = b.UDiv(number, most);
      }
      return GatherWindow(elemental, element, window, {c.begin(), c.end()}, status);
    });
  }

  // How many windows an element can be in, along a dimension and in all.
  int64_t MostWindows(size_t d) const { return (window_[d].size + window_[d].stride - 1) / window_[d].stride; }
  int64_t MostWindows() const {
    int64_t most = 1;
    for (size_t d = 0; d < window_.size(); ++d) most *= MostWindows(d);
    return most;
  }

  // Along such a dimension an element is in one window, of its own number.
  static bool IsUnit(const ir::WindowAxis& dimension) {
    return dimension.size == 1 && dimension.stride == 1 && dimension.padding_low == 0 && dimension.padding_high == 0;
  }

  // A window of the source, and whether there is one.
  struct WindowAt {
    std::vector<V> position;
    V exists;
  };

  // Visits the windows that contain the element along the dimensions that `window` does not have yet; as many as there
  // can be at most, so that the loops have constant bounds. (With bounds that depend on the element, NVIDIA's
  // driver 580 gave nearly all zeros for batches of 50 images and more, where those of 32 were right.)
  std::vector<V> GatherDimension(Elemental& elemental, const Index& element, WindowAt window, std::vector<V> carried,
                                 Status& status) {
    Builder& b = elemental.builder();
    size_t d = 0;
    while (d < window.position.size() && window.position[d].id != kNoValue) ++d;
    if (d == window.position.size()) return GatherWindow(elemental, element, window, std::move(carried), status);
    const ir::WindowAxis& dimension = window_[d];
    if (IsUnit(dimension)) {
      window.position[d] = element.dims[d];
      return GatherDimension(elemental, element, std::move(window), std::move(carried), status);
    }
    const Candidates candidates = CandidatesOf(b, element, d);
    return b.For(b.I32(0), b.I32(MostWindows(d)), b.I32(1), std::move(carried), [&](V i, std::span<const V> c) {
      WindowAt inner = Candidate(b, candidates, window, d, i);
      return GatherDimension(elemental, element, std::move(inner), {c.begin(), c.end()}, status);
    });
  }

  // The numbers of the windows along a dimension that contain an element.
  struct Candidates {
    V first;
    V last;
  };
  Candidates CandidatesOf(Builder& b, const Index& element, size_t d) const {
    const ir::WindowAxis& dimension = window_[d];
    const V padded = b.IAdd(element.dims[d], b.I32(dimension.padding_low));
    const auto windows_before = [&](V place) {
      const V floor = b.UDiv(b.SMax(b.IAdd(place, b.I32(dimension.stride)), b.I32(0)), b.I32(dimension.stride));
      return b.SMin(floor, b.I32(source()->type.dims[d]));
    };
    const V first = windows_before(b.ISub(padded, b.I32(dimension.size)));
    return {first, windows_before(padded)};
  }
  // `window` with the i-th of them.
  WindowAt Candidate(Builder& b, const Candidates& candidates, WindowAt window, size_t d, V i) const {
    const V number = b.IAdd(candidates.first, i);
    window.position[d] = b.SMin(number, b.I32(source()->type.dims[d] - 1));
    window.exists = b.And(window.exists, b.SLt(number, candidates.last));
    return window;
  }

  std::vector<V> GatherWindow(Elemental& elemental, const Index& element, const WindowAt& window,
                              std::vector<V> carried, Status& status) {
    Builder& b = elemental.builder();
    Elemental::Scope scope(elemental);
    const V number = elemental.Linear(Index::FromDims(window.position), source()->type.dims);
    const std::vector<V> selected = b.LoadVector(elemental.BindTemporary(0, DType::kU32, true, false), number, lanes_);
    std::vector<V> hits;
    V any = b.Bool(false);
    for (int lane = 0; lane < lanes_; ++lane) {
      const V is_own = b.IEq(selected[lane], b.IAdd(element.linear, b.I32(lane)));
      hits.push_back(b.And(window.exists, is_own));
      any = b.Or(any, hits.back());
    }
    return b.IfValue(
        any,
        [&] {
          Elemental::Scope inner(elemental);
          const auto combined = Combine(elemental, Index{window.position, number}, hits, carried);
          if (combined.ok()) return FlattenScalars(*combined);
          status = combined.status();
          return carried;
        },
        [&] { return carried; });
  }

  StatusOr<std::vector<Scalar>> Combine(Elemental& elemental, const Index& window, const std::vector<V>& hits,
                                        const std::vector<V>& carried) {
    Builder& b = elemental.builder();
    ASSIGN_OR_RETURN(const Lanes updates, elemental.AtLanes(source(), window, lanes_));
    std::vector<Scalar> sums = UnflattenScalars(carried, dtypes_);
    for (int lane = 0; lane < lanes_; ++lane) {
      ASSIGN_OR_RETURN(const std::vector<Scalar> sum,
                       elemental.Region(*op_.regions[1], std::vector<Scalar>{sums[lane], Lane(updates, lane)}));
      Scalar& own = sums[lane];
      own.re = b.Select(hits[lane], sum[0].re, own.re);
      if (own.im.id != kNoValue) own.im = b.Select(hits[lane], sum[0].im, own.im);
    }
    return sums;
  }

  const fusion::Group& group_;
  const target::DeviceProfile& profile_;
  const ir::Op& op_;
  const ir::Window window_;
  const std::vector<DType> dtypes_;
  int lanes_ = 1;  // consecutive elements an invocation
};

}  // namespace

StatusOr<LoweredGroup> LowerSelectAndScatter(const fusion::Group& group, const target::CompileContext& context) {
  return SelectAndScatter(group, context.profile).Run();
}

}  // namespace dragoman::kernel
