// SPDX-License-Identifier: Apache-2.0
// Two kernels without conflicts: the first finds which element each window selects, the second gathers, for each
// element of the result, what the windows that contain and selected it bring, in the windows' order.
#include "base/format.h"
#include "kernel/lower_loop.h"
#include "kernel/permutation_sort.h"
#include "kernel/window_loop.h"

namespace dragoman::kernel {
namespace {

class SelectAndScatter {
 public:
  SelectAndScatter(const fusion::Group& group, const target::DeviceProfile& profile)
      : group_(group),
        profile_(profile),
        op_(*group.hero),
        window_(WindowOf(op_.attributes)),
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
      RETURN_IF_ERROR(
          Append(lowered, windows, "select", [&](Elemental& e, V linear) { return EmitSelect(e, linear); }));
    }
    RETURN_IF_ERROR(Append(lowered, op_.type().num_elements(), "gather",
                           [&](Elemental& e, V linear) { return EmitGather(e, linear); }));
    return lowered;
  }

 private:
  const ir::Value* operand() const { return op_.operands[0]; }
  const ir::Value* source() const { return op_.operands[1]; }

  Status Append(LoweredGroup& lowered, int64_t count, const char* what,
                const std::function<Status(Elemental&, V)>& emit) {
    const int workgroup_size = DefaultWorkgroupSize(profile_);
    Builder b(profile_);
    Elemental elemental(b, group_);
    const V index = b.GlobalIndex(workgroup_size);
    Status status;
    const int64_t invocations = count / lanes_;
    b.If(b.ULt(index, b.I32(invocations)), [&] {
      Elemental::Scope scope(elemental);
      status = emit(elemental, b.IMul(index, b.I32(lanes_)));
    });
    RETURN_IF_ERROR(status);
    lowered.dispatches.push_back(FinishDispatch(std::move(b), elemental, workgroup_size,
                                                (invocations + workgroup_size - 1) / workgroup_size,
                                                Format("select_and_scatter {}: {}", op_.type().ToString(), what)));
    return OkStatus();
  }

  // The selected element's linear index, or 2^32 - 1 for a window that is all padding.
  Status EmitSelect(Elemental& elemental, V linear) {
    Builder& b = elemental.builder();
    const std::vector<V> position = elemental.Delinearize(Index::FromLinear(linear), source()->type.dims);
    std::vector<V> initial = FlattenScalars(std::vector<Scalar>(lanes_, ZeroScalar(b, operand()->type.dtype)));
    initial.insert(initial.end(), lanes_, b.I32(-1));
    Status status;
    const std::vector<V> result =
        WindowLoop(elemental, window_, operand()->type.dims)
            .Run(position, initial, [&](const std::vector<V>& index, const std::vector<V>& carried) {
              const auto next = Select(elemental, Index::FromDims(index), carried);
              if (next.ok()) return *next;
              status = next.status();
              return carried;
            });
    RETURN_IF_ERROR(status);
    b.StoreVector(elemental.BindTemporary(0, DType::kU32, false, true), linear, std::span(result).last(lanes_));
    return OkStatus();
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

  Status EmitGather(Elemental& elemental, V linear) {
    const std::vector<V> element = elemental.Delinearize(Index::FromLinear(linear), op_.type().dims);
    ASSIGN_OR_RETURN(const Scalar initial, elemental.At(op_.operands[2], Index{}));
    Status status;
    std::vector<V> sum = FlattenScalars(std::vector<Scalar>(lanes_, initial));
    if (source()->type.num_elements() > 0) {
      const WindowAt window = {std::vector<V>(element.size()), elemental.builder().Bool(true)};
      sum = GatherDimension(elemental, {element, linear}, window, std::move(sum), status);
    }
    RETURN_IF_ERROR(status);
    elemental.StoreLanes(op_.result(), Index{element, linear}, UnflattenScalars(sum, dtypes_), lanes_);
    return OkStatus();
  }

  // Along such a dimension an element is in one window, of its own number.
  static bool IsUnit(const WindowDimension& dimension) {
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
    const WindowDimension& dimension = window_[d];
    if (IsUnit(dimension)) {
      window.position[d] = element.dims[d];
      return GatherDimension(elemental, element, std::move(window), std::move(carried), status);
    }
    const V padded = b.IAdd(element.dims[d], b.I32(dimension.padding_low));
    const int64_t count = source()->type.dims[d];
    const auto windows_before = [&](V place) {
      const V floor = b.UDiv(b.SMax(b.IAdd(place, b.I32(dimension.stride)), b.I32(0)), b.I32(dimension.stride));
      return b.SMin(floor, b.I32(count));
    };
    const V first = windows_before(b.ISub(padded, b.I32(dimension.size)));
    const V last = windows_before(padded);
    const int64_t most = (dimension.size + dimension.stride - 1) / dimension.stride;
    return b.For(b.I32(0), b.I32(most), b.I32(1), std::move(carried), [&](V i, std::span<const V> c) {
      const V number = b.IAdd(first, i);
      WindowAt inner = window;
      inner.position[d] = b.SMin(number, b.I32(count - 1));
      inner.exists = b.And(window.exists, b.SLt(number, last));
      return GatherDimension(elemental, element, std::move(inner), {c.begin(), c.end()}, status);
    });
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
  const std::vector<WindowDimension> window_;
  const std::vector<DType> dtypes_;
  int lanes_ = 1;  // consecutive elements an invocation
};

}  // namespace

StatusOr<LoweredGroup> LowerSelectAndScatter(const fusion::Group& group, const target::DeviceProfile& profile) {
  return SelectAndScatter(group, profile).Run();
}

}  // namespace dragoman::kernel
