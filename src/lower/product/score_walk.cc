// SPDX-License-Identifier: Apache-2.0
#include "lower/product/score_walk.h"

#include <algorithm>
#include <unordered_set>

#include "base/arithmetic.h"
#include "lower/product/lower_product.h"
#include "lower/product/softmax_parts.h"

namespace dragoman::kernel {
namespace {

constexpr int kPairsAtOnce = 4;  // of an invocation's columns, written out before the loop over them comes round

// What is computed from a product's result.
std::vector<ir::Value*> OutputsBehind(const fusion::Group& group, const ir::Op& dot) {
  std::unordered_set<const ir::Value*> dependent = {dot.result()};
  for (const ir::Op* op : group.members) {
    const bool depends = std::any_of(op->operands.begin(), op->operands.end(),
                                     [&](const ir::Value* operand) { return dependent.contains(operand); });
    for (const auto& result : op->results) {
      if (depends) dependent.insert(result.get());
    }
  }
  std::vector<ir::Value*> outputs;
  for (ir::Value* output : group.outputs) {
    if (dependent.contains(output)) outputs.push_back(output);
  }
  return outputs;
}

int OwnOperand(const fusion::Attention& attention, const fusion::ScoreProduct& score) {
  if (score.score_operand >= 0) return score.score_operand;
  return attention.by_columns ? 1 : 0;
}

}  // namespace

ScoreSide::ScoreSide(Builder& builder, Elemental& elemental, const fusion::Attention& attention,
                     const fusion::ScoreProduct& product_of_scores)
    : score(product_of_scores),
      own_operand(OwnOperand(attention, score)),
      view(elemental.group()),
      product(DotProduct(*score.dot)),
      context{builder, elemental, view, product, form, 1, -1, OkStatus()} {
  for (ir::Op* op : elemental.group().members) {
    if (op == score.dot) view.hero = op;
  }
  view.outputs = OutputsBehind(view, *score.dot);
  for (const int operand : {0, 1}) {
    if (operand == score.score_operand || !context.status.ok()) continue;
    context.status = AbsorbProducers(view, operand == 0 ? product.lhs : product.rhs);
  }
  form = SimplifyProduct(product);
}

// An operand's tile on its way through shared memory.
struct ScoreWalk::Swept {
  Swept(ScoreSide& of, int operand, TileLoader::Shape shape, DType input, int first_word)
      : side(of),
        form(LoadFormOf(of.map(operand), of.score.planes[operand])),
        loader(of.context, shape, form, of.map(operand), of.linear(operand), ScoreSide::axis(operand)),
        words(of.context, loader, {form, input, of.score.planes[operand], shape.tile_k, shape.tile}, first_word),
        planes(of.score.planes[operand]) {}
  Swept(const Swept&) = delete;
  Swept& operator=(const Swept&) = delete;

  ScoreSide& side;
  TileLoader::Form form;
  TileLoader loader;
  WordTile words;
  int planes;
  bool makes_scores = false;
  size_t num_values = 0;  // that loading it gives
};

ScoreWalk::ScoreWalk(const fusion::Group& group, const fusion::Attention& attention, const fusion::AttentionTile& tile,
                     const target::DeviceProfile& profile)
    : group_(group), attention_(attention), tile_(tile), b_(profile), elemental_(b_, group) {}

int ScoreWalk::rows_at_once() const { return tile_.subgroup_size / kQuarters; }

int64_t ScoreWalk::NumWorkgroups() const { return CeilDiv(attention_.own(), tile_.own()) * attention_.space.batch; }

int64_t ScoreWalk::NumBlocks() const { return CeilDiv(attention_.swept(), tile_.swept); }

Status ScoreWalk::Begin() {
  b_.RequireSubgroupSize(tile_.subgroup_size);
  b_.SetMatrixShape(tile_.matrix);
  for (const fusion::ScoreProduct& product : attention_.into) into_.emplace_back(b_, elemental_, attention_, product);
  for (const fusion::ScoreProduct& product : attention_.out_of) {
    out_of_.emplace_back(b_, elemental_, attention_, product);
  }
  PlaceWords();
  Locate();
  for (ScoreSide& side : out_of_) RETURN_IF_ERROR(side.context.status);
  for (ScoreSide& side : into_) {
    RETURN_IF_ERROR(side.context.status);
    RETURN_IF_ERROR(LoadOwn(side));
  }
  return OkStatus();
}

// Operands that are walked over, then scores, and over these the factors that are made of them.
void ScoreWalk::PlaceWords() {
  int next = 0;
  const auto take = [&next](int words) {
    const int first = next;
    next += words;
    return first;
  };
  for (ScoreSide& side : into_) {
    side.first_word = take(fusion::OperandWords(side.score, side.swept_operand(), tile_.swept));
  }
  for (ScoreSide& side : out_of_) {
    side.tiles_of = fusion::ProductWithSameTiles(attention_, tile_, side.score);
    if (side.tiles_of >= 0) continue;
    side.first_word = take(fusion::OperandWords(side.score, side.swept_operand(), tile_.swept));
  }
  const int first = next;
  for (ScoreSide& side : into_) side.first_score_word = take(fusion::ScoreWords(tile_));
  next = first;
  for (ScoreSide& side : out_of_) side.first_score_word = take(fusion::FactorWords(tile_, side.score));
  array_ = b_.AddShared(KType::kI32, fusion::SharedWords(attention_, tile_));
}

void ScoreWalk::Locate() {
  const int64_t blocks = CeilDiv(attention_.own(), tile_.own());
  const V id = b_.WorkgroupIndex();
  first_own_ = b_.IMul(b_.URem(id, b_.I32(blocks)), b_.I32(tile_.own()));
  batch_ = b_.UDiv(id, b_.I32(blocks));
  subgroup_ = b_.Emit(KOp::kSubgroupIndex, {}, KType::kI32);
  local_ = b_.LocalIndex();
  part_ = b_.UDiv(local_, b_.I32(tile_.subgroup_size));
  lane_ = b_.URem(local_, b_.I32(tile_.subgroup_size));
  quarter_ = b_.URem(lane_, b_.I32(kQuarters));
  first_block_ = b_.I32(0);
  end_block_ = b_.I32(NumBlocks());
}

// A product's own operand goes through shared memory into matrices that stay.
Status ScoreWalk::LoadOwn(ScoreSide& side) {
  const int depth = side.depth();
  Swept tile(side, side.own_operand, {tile_.own(), depth, tile_.workgroup_size()}, side.score.input, 0);
  tile.loader.Begin(local_, batch_, first_own_);
  const StagedTile staged = tile.loader.Load(b_.I32(0));
  b_.Barrier();
  RETURN_IF_ERROR(tile.words.Store(staged, array_));
  b_.Barrier();
  side.own.resize(tile.planes);
  for (int plane = 0; plane < tile.planes; ++plane) {
    for (int row = 0; row < row_matrices(); ++row) {
      for (int k = 0; k < depth; k += tile_.matrix.k) {
        side.own[plane].push_back(
            tile.words.Load(KType::kMatrixA, array_, plane, SubgroupRow(row * tile_.matrix.m), b_.I32(k)));
      }
    }
  }
  return OkStatus();
}

void ScoreWalk::PlaceSwept(std::deque<Swept>& tiles, const ScoreDemand& demand, bool multiplies) {
  const int size = tile_.workgroup_size();
  for (size_t i = 0; i < into_.size(); ++i) {
    const bool is_taken = multiplies && std::any_of(out_of_.begin(), out_of_.end(), [i](const ScoreSide& side) {
                            return side.tiles_of == static_cast<int>(i);
                          });
    if (!demand.scores[i] && !is_taken) continue;
    ScoreSide& side = into_[i];
    Swept& tile = tiles.emplace_back(side, side.swept_operand(), TileLoader::Shape{tile_.swept, side.depth(), size},
                                     side.score.input, side.first_word);
    tile.makes_scores = demand.scores[i];
  }
  for (ScoreSide& side : out_of_) {
    if (!multiplies || side.tiles_of >= 0) continue;
    tiles.emplace_back(side, side.swept_operand(), TileLoader::Shape{side.depth(), tile_.swept, size}, side.score.input,
                       side.first_word);
  }
}

// What the tiles of a block hold, as values that a loop carries.
ScoreWalk::Values ScoreWalk::LoadSwept(std::deque<Swept>& tiles, V block) {
  Values values;
  for (Swept& tile : tiles) {
    const bool is_into = tile.side.score.score_operand < 0;
    tile.loader.Begin(local_, batch_, is_into ? b_.IMul(block, b_.I32(tile_.swept)) : b_.I32(0));
    const Values loaded = tile.loader.Flatten(tile.loader.Load(is_into ? b_.I32(0) : block));
    tile.num_values = loaded.size();
    values.insert(values.end(), loaded.begin(), loaded.end());
  }
  return values;
}

void ScoreWalk::StoreSwept(std::deque<Swept>& tiles, std::span<const V> values) {
  size_t next = 0;
  for (Swept& tile : tiles) {
    Keep(tile.words.Store(tile.loader.Unflatten(values.subspan(next, tile.num_values)), array_));
    next += tile.num_values;
  }
}

// The next tiles travel from memory while the present ones are multiplied.
ScoreWalk::Values ScoreWalk::Walk(const ScoreDemand& demand, bool multiplies, Values carried, const Visit& visit) {
  const LoopRange range{first_block_, end_block_, b_.I32(1), NumBlocks()};
  const size_t num_carried = carried.size();
  std::deque<Swept> first_tiles;
  PlaceSwept(first_tiles, demand, multiplies);
  const Values first = LoadSwept(first_tiles, first_block_);
  carried.insert(carried.end(), first.begin(), first.end());
  Values results = b_.For(range, std::move(carried), [&](V block, std::span<const V> values) {
    Elemental::Scope scope(elemental_);
    b_.Barrier();  // the tiles before were read
    StoreSwept(first_tiles, values.subspan(num_carried));
    b_.Barrier();
    std::deque<Swept> tiles;
    PlaceSwept(tiles, demand, multiplies);
    tiles_ = &tiles;
    const Values loaded = LoadSwept(tiles, b_.UMin(b_.IAdd(block, b_.I32(1)), b_.I32(NumBlocks() - 1)));
    for (const Swept& tile : tiles) {
      if (tile.makes_scores) MakeScores(tile);
    }
    b_.Barrier();
    Values next = visit(b_.IMul(block, b_.I32(tile_.swept)), Values(values.begin(), values.begin() + num_carried));
    next.insert(next.end(), loaded.begin(), loaded.end());
    tiles_ = nullptr;
    return next;
  });
  results.resize(num_carried);
  return results;
}

namespace {

// Halves of f32 on both sides make three products; the small ones come first.
V MultiplyPlanes(Builder& b, V sum, std::span<const V> lhs, std::span<const V> rhs) {
  for (size_t i = lhs.size(); i-- > 0;) {
    for (size_t j = rhs.size(); j-- > 0;) {
      if (i + j < 2) sum = b.MatrixMulAdd(lhs[i], rhs[j], sum);
    }
  }
  return sum;
}

}  // namespace

// The tile of scores, rows by what is walked over, into shared memory.
void ScoreWalk::MakeScores(const Swept& tile) {
  const ScoreSide& side = tile.side;
  const int steps = side.depth() / tile_.matrix.k;
  for (int column = 0; column < tile_.swept; column += tile_.matrix.n) {
    Values sums(row_matrices(), b_.MatrixZero());
    for (int step = 0; step < steps; ++step) {
      Values other;
      for (int plane = 0; plane < tile.planes; ++plane) {
        other.push_back(tile.words.Load(KType::kMatrixB, array_, plane, b_.I32(column), b_.I32(step * tile_.matrix.k)));
      }
      for (int row = 0; row < row_matrices(); ++row) {
        Values own;
        for (const Values& plane : side.own) own.push_back(plane[row * steps + step]);
        sums[row] = MultiplyPlanes(b_, sums[row], own, other);
      }
    }
    for (int row = 0; row < row_matrices(); ++row) {
      const V first =
          b_.MulAdd(SubgroupRow(row * tile_.matrix.m), score_pitch(), b_.I32(side.first_score_word + column));
      b_.MatrixStore(array_, first, sums[row], {static_cast<uint32_t>(score_pitch()), false});
    }
  }
}

V ScoreWalk::RowInTile(int row) {
  const V of_lane = b_.IAdd(b_.UDiv(lane_, b_.I32(kQuarters)), b_.I32(row * rows_at_once()));
  return b_.IAdd(b_.IMul(part_, b_.I32(tile_.rows)), of_lane);
}

V ScoreWalk::OwnIndex(int row) {
  const V index = b_.IAdd(first_own_, RowInTile(row));
  return own_fits() ? index : b_.UMin(index, b_.I32(attention_.own() - 1));
}

V ScoreWalk::IsRealRow(int row) {
  return own_fits() ? b_.Bool(true) : b_.ULt(b_.IAdd(first_own_, RowInTile(row)), b_.I32(attention_.own()));
}

ScoreElement ScoreWalk::Element(int row, V first_swept, V column) {
  ScoreElement element;
  element.column_in_tile = column;
  element.word = b_.IAdd(b_.IMul(RowInTile(row), b_.I32(score_pitch())), column);
  V swept = b_.IAdd(first_swept, column);
  element.is_valid = swept_fits() ? b_.Bool(true) : b_.ULt(swept, b_.I32(attention_.swept()));
  if (!swept_fits()) swept = b_.UMin(swept, b_.I32(attention_.swept() - 1));
  const V own = OwnIndex(row);
  element.column = attention_.by_columns ? own : swept;
  element.row = b_.IAdd(b_.IMul(batch_, b_.I32(attention_.space.rows)), attention_.by_columns ? swept : own);
  return element;
}

ScoreWalk::Values ScoreWalk::VisitRuns(V first_swept, const ScoreDemand& demand, Values carried, const VisitRun& visit,
                                       bool in_one_run) {
  constexpr int kStride = 2 * kQuarters;  // columns that a row's invocations take at once
  const int at_once = std::min(in_one_run ? tile_.swept : kPairsAtOnce, tile_.swept / kStride);
  const auto take = [&](V run, Values values) {
    for (int row = 0; row < rows_of_lane(); ++row) {
      std::vector<ScoreElement> elements;
      for (int pair = 0; pair < at_once; ++pair) {
        const V first = b_.IAdd(b_.IMul(run, b_.I32(at_once * kStride)), b_.IMul(quarter_, b_.I32(2)));
        const V column = b_.IAdd(first, b_.I32(pair * kStride));
        elements.push_back(Element(row, first_swept, column));
        elements.push_back(Element(row, first_swept, b_.IAdd(column, b_.I32(1))));
      }
      for (ScoreElement& element : elements) LoadScores(demand, element);
      values = visit(row, elements, std::move(values));
    }
    return values;
  };
  const int runs = tile_.swept / (at_once * kStride);
  if (runs == 1) return take(b_.I32(0), std::move(carried));
  return b_.For(b_.I32(0), b_.I32(runs), b_.I32(1), std::move(carried), [&](V run, std::span<const V> values) {
    Elemental::Scope scope(elemental_);
    return take(run, Values(values.begin(), values.end()));
  });
}

void ScoreWalk::LoadScores(const ScoreDemand& demand, ScoreElement& element) {
  for (size_t i = 0; i < into_.size(); ++i) {
    element.scores.emplace_back();
    if (!demand.scores[i]) continue;
    const V bits = b_.LoadShared(array_, b_.IAdd(element.word, b_.I32(into_[i].first_score_word)));
    const StatusOr<Scalar> score =
        ConvertScalar(b_, {b_.Bitcast(bits, KType::kF32), {}}, DType::kF32, into_[i].score.dot->type().dtype);
    Keep(score.status());
    if (score.ok()) element.scores.back() = *score;
  }
}

Index ScoreWalk::IndexOf(const ir::Value* value, const ScoreElement& element) {
  const int64_t columns = attention_.space.columns;
  const KType type = IndexType(attention_.space.num_elements());
  Index index =
      Index::FromLinear(b_.MulAdd(ToIndexType(b_, element.row, type), columns, ToIndexType(b_, element.column, type)));
  const Dims& dims = value->type.dims;
  int64_t inner = 1;
  size_t first = dims.size();
  while (first > 0 && inner < columns) inner *= dims[--first];
  if (inner == columns && elemental_.NeedsDims(value)) {
    index.dims = elemental_.Delinearize(Index::FromLinear(element.row), {dims.begin(), dims.begin() + first});
    const Values rest = elemental_.Delinearize(Index::FromLinear(element.column), {dims.begin() + first, dims.end()});
    index.dims.insert(index.dims.end(), rest.begin(), rest.end());
  }
  return index;
}

// As matrix units round, the device's own exponential and a product with the reciprocal are exact enough.
StatusOr<V> ScoreWalk::PartAt(const ir::Op& part, const ScoreElement& element) {
  const ir::Value* first = part.operands[0];
  ASSIGN_OR_RETURN(const Scalar x, elemental_.At(first, IndexOf(first, element)));
  if (part.code == ir::OpCode::kExponential) return b_.Unary(KOp::kExp, x.re);
  const ir::Value* second = part.operands[1];
  ASSIGN_OR_RETURN(const Scalar sum, elemental_.At(second, IndexOf(second, element)));
  return b_.FMul(x.re, b_.FDiv(b_.F32(1), sum.re));
}

StatusOr<V> ScoreWalk::At(const ir::Value* value, const ScoreElement& element, const ScoreDemand& demand) {
  for (size_t i = 0; i < into_.size(); ++i) {
    if (demand.scores[i]) elemental_.Pin(into_[i].score.dot->result(), element.scores[i]);
  }
  for (const ir::Op* part : demand.parts) {
    ASSIGN_OR_RETURN(const V result, PartAt(*part, element));
    elemental_.Pin(part->result(), {result, {}});
  }
  ASSIGN_OR_RETURN(const Scalar scalar, elemental_.At(value, IndexOf(value, element)));
  return scalar.re;
}

ScoreDemand ScoreWalk::DemandOf(std::span<const ir::Value* const> roots) const {
  std::unordered_set<const ir::Op*> seen;
  std::vector<const ir::Value*> pending(roots.begin(), roots.end());
  const std::unordered_set<const ir::Op*> members(group_.members.begin(), group_.members.end());
  while (!pending.empty()) {
    const ir::Op* op = pending.back()->op;
    pending.pop_back();
    if (op == nullptr || !members.contains(op) || !seen.insert(op).second) continue;
    const bool ends = op->code == ir::OpCode::kReduce || op->code == ir::OpCode::kDotGeneral;
    if (!ends) pending.insert(pending.end(), op->operands.begin(), op->operands.end());
  }
  ScoreDemand demand;
  for (const ScoreSide& side : into_) demand.scores.push_back(seen.contains(side.score.dot));
  for (const ir::Op* op : group_.members) {
    const bool is_full = seen.contains(op) && op->type().num_elements() == attention_.space.num_elements();
    if (is_full && (MaximumOfExponential(*op) != nullptr || DividesBySum(*op))) demand.parts.push_back(op);
  }
  return demand;
}

size_t ScoreWalk::NumSums() const {
  size_t count = 0;
  for (const ScoreSide& side : out_of_) count += static_cast<size_t>(row_matrices()) * side.depth() / tile_.matrix.n;
  return count;
}

// The matrix of what is walked over, K being that, whichever product's tile it lies in.
V ScoreWalk::LoadOther(const ScoreSide& side, int plane, int column, int k) {
  const ScoreSide& of = side.tiles_of < 0 ? side : into_[side.tiles_of];
  for (const Swept& tile : *tiles_) {
    if (&tile.side != &of) continue;
    const V row = b_.I32(column);
    return side.tiles_of < 0 ? tile.words.Load(KType::kMatrixB, array_, plane, row, b_.I32(k))
                             : tile.words.LoadTransposed(KType::kMatrixB, array_, plane, row, b_.I32(k));
  }
  Keep(Internal("An attention's walk has not loaded a tile."));
  return b_.MatrixZero();
}

ScoreWalk::Values ScoreWalk::Multiply(std::span<const V> carried) {
  Values sums(carried.begin(), carried.end());
  size_t next = 0;
  for (const ScoreSide& side : out_of_) {
    const int columns = side.depth() / tile_.matrix.n;
    for (int k = 0; k < tile_.swept; k += tile_.matrix.k) {
      MultiplyStep(side, k, std::span(sums).subspan(next));
    }
    next += static_cast<size_t>(row_matrices()) * columns;
  }
  return sums;
}

void ScoreWalk::MultiplyStep(const ScoreSide& side, int k, std::span<V> sums) {
  const int columns = side.depth() / tile_.matrix.n;
  std::vector<Values> factors(row_matrices());
  for (int row = 0; row < row_matrices(); ++row) {
    for (int plane = 0; plane < side.own_planes(); ++plane) {
      const int first = side.first_score_word + plane * tile_.own() * factor_pitch() + k / 2;
      const V at = b_.MulAdd(SubgroupRow(row * tile_.matrix.m), factor_pitch(), b_.I32(first));
      factors[row].push_back(
          b_.MatrixLoad(KType::kMatrixA, array_, at, {static_cast<uint32_t>(factor_pitch()), false}));
    }
  }
  const int planes = side.score.planes[side.swept_operand()];
  for (int column = 0; column < columns; ++column) {
    Values other;
    for (int plane = 0; plane < planes; ++plane) {
      other.push_back(LoadOther(side, plane, column * tile_.matrix.n, k));
    }
    for (int row = 0; row < row_matrices(); ++row) {
      V& sum = sums[static_cast<size_t>(row * columns + column)];
      sum = MultiplyPlanes(b_, sum, factors[row], other);
    }
  }
}

}  // namespace dragoman::kernel
