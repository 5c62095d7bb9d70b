// SPDX-License-Identifier: Apache-2.0
// What the kernels of decompositions have in common: a team of invocations, arithmetic over a field, the operands, and
// the dispatch at the end.
#pragma once

#include "base/format.h"
#include "element/launch.h"
#include "lower/field.h"
#include "lower/team.h"

namespace dragoman::kernel {

class BlockKernel {
 protected:
  BlockKernel(const fusion::Group& group, const target::DeviceProfile& profile, int team_size)
      : op_(*group.hero), b_(profile), e_(b_, group), field_(b_, op_.type(0).dtype), team_(e_, team_size) {}

  // An element of an operand; Finish says what went wrong.
  Scalar At(const ir::Value* value, V linear) { return At(value, Index::FromLinear(linear)); }
  Scalar At(const ir::Value* value, const Index& index) {
    const auto loaded = e_.At(value, index);
    if (loaded.ok()) return *loaded;
    status_ = loaded.status();
    return field_.Zero();
  }

  // Element k, which is column k's, of a result [count, width] of a workgroup a panel.
  void StoreOfColumn(int result, V k, const Scalar& value) {
    const V place = b_.IAdd(b_.IMul(b_.WorkgroupIndex(), b_.I32(op_.type(result).dims[1])), k);
    e_.Store(op_.results[result].get(), Index::FromLinear(place), value);
  }

  // By one invocation of the team.
  void Once(const std::function<void()>& body) {
    b_.If(b_.IEq(b_.LocalIndex(), b_.I32(0)), [&] {
      Elemental::Scope scope(e_);
      body();
    });
  }

  StatusOr<Dispatch> Finish(int64_t workgroups) {
    RETURN_IF_ERROR(status_);
    return FinishDispatch(std::move(b_), e_, team_.size(), workgroups,
                          Format("{} {}", ir::Info(op_.code).name, op_.type(0).ToString()));
  }

  const ir::Op& op_;
  Builder b_;
  Elemental e_;
  Field field_;
  Team team_;

 private:
  Status status_;
};

}  // namespace dragoman::kernel
