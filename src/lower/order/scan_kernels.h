// SPDX-License-Identifier: Apache-2.0
// Scans: running combinations along rows. A workgroup takes a tile of a row at a time: each invocation a few
// consecutive elements, then the invocations' totals through shared memory.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/arithmetic.h"
#include "element/dispatch.h"
#include "element/elemental.h"
#include "fusion/plan.h"

namespace dragoman::kernel {

class ScanKernel {
 public:
  ScanKernel(const fusion::Group& group, const target::DeviceProfile& profile);

  // Whole rows, one invocation each.
  StatusOr<Dispatch> EmitSerialRows();
  // Whole rows, one workgroup each, tile after tile.
  StatusOr<Dispatch> EmitRows();
  // The three kernels of long rows: the total of each chunk into temporaries; what comes before each chunk, in place;
  // the scan of each chunk. The temporaries are numbered from `first_temporary`, one an operand, in scan order.
  StatusOr<Dispatch> EmitTotals(int first_temporary);
  StatusOr<Dispatch> EmitCarries(int first_temporary);
  StatusOr<Dispatch> EmitChunks(int first_temporary);

  int64_t rows() const { return rows_; }
  int64_t extent() const { return extent_; }
  int64_t chunk() const { return chunk_; }
  int64_t chunks_per_row() const { return CeilDiv(extent_, chunk_); }
  bool is_innermost() const { return inner_ == 1; }

 private:
  using Values = std::vector<Scalar>;
  using Parts = std::vector<V>;

  // What a tile reads and writes, by position in scan order; `lanes` consecutive elements at once.
  struct Access {
    int lanes = 1;
    std::function<StatusOr<std::vector<Values>>(V position)> load;
    std::function<void(V position, const std::vector<Values>& values)> store;  // null: totals alone are wanted
    bool is_exclusive = false;                                                 // stores what comes before an element
  };

  // The positions of a tile that one invocation takes.
  struct Share {
    V lane, workgroup_size;
    V begin, end;
    V is_some;  // they may be none at the end of a row
  };

  int num_inputs() const { return static_cast<int>(dtypes_.size()); }
  int ChooseWorkgroupSize() const;
  void Note(const Status& status);
  // Of the first in memory of `lanes` elements.
  Index IndexAt(V row, V position, int lanes);
  StatusOr<Values> Initial();
  Parts InitialParts();
  // Vectors run along memory: in scan order from the last lane to the first when reversed.
  int ChooseLanes() const;
  int LaneAt(int step, int lanes) const { return is_reverse_ ? lanes - 1 - step : step; }
  StatusOr<std::vector<Values>> LoadElements(V row, V position, int lanes);
  void StoreElements(V row, V position, const std::vector<Values>& values);
  // Errors are noted and leave `first`.
  Parts Combine(const Parts& first, const Parts& second);
  Access ElementAccess(V row);
  Access TemporaryAccess(int first_temporary, V row);
  Parts LoadTemporary(int first_temporary, V index);
  void StoreTemporary(int first_temporary, V index, const Parts& parts);

  // Scans positions [begin, end) of one row after `carry`; all invocations of the workgroup, uniformly. Returns the
  // carry combined with all of them.
  Parts EmitTile(V begin, V end, const Parts& carry, const Access& access);
  Share ShareOf(V begin, V end);
  // Turns the invocations' totals in shared memory into running ones, and returns where they then begin.
  V ScanTotals(const Share& own);
  // `carry` combined with what the invocations before this one have.
  Parts Before(const Share& own, V totals, const Parts& carry);
  // The last invocation that has a position of [begin, end).
  V LastLane(V begin, V end);
  std::vector<Parts> LoadParts(const Access& access, V position);
  Parts EmitOwnTotal(V begin, V end, const Access& access);
  void EmitOwnScan(const LoopRange& range, Parts running, const Access& access);
  void AddSharedArrays();
  void PutShared(V slot, const Parts& parts);
  Parts GetShared(V slot);
  Dispatch Finish(int64_t workgroups, const std::string& what);

  const ir::Op& op_;
  std::vector<DType> dtypes_;
  int dimension_;
  bool is_reverse_;
  int64_t rows_, extent_, inner_;
  int workgroup_size_;
  int64_t items_;  // elements an invocation of a tile
  int64_t chunk_;
  Builder b_;
  Elemental e_;
  std::vector<KType> part_types_;
  std::vector<int> shared_;
  Status status_;
};

}  // namespace dragoman::kernel
