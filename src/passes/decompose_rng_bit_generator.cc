// SPDX-License-Identifier: Apache-2.0
// Counter-based generators (Salmon et al., Parallel random numbers: as easy as 1, 2, 3): a key and a counter give a
// block of words. Counters, order of words and the new state are laid out as XLA does, so that keys give the same
// numbers.
#include <algorithm>
#include <array>

#include "base/arithmetic.h"
#include "base/format.h"
#include "passes/decompose_rules.h"

namespace dragoman::passes {
namespace {

// As in the encoding.
enum class Algorithm : int64_t { kDefault = 0, kThreefry = 1, kPhilox = 2 };

using Words2 = std::array<Value*, 2>;
using Words4 = std::array<Value*, 4>;

Value* Word(double number, const Dims& dims, Builder& b) { return b.Splat({DType::kU32, dims}, number); }

Value* LowWord(Value* wide, Builder& b) { return b.Convert(wide, DType::kU32); }

Value* HighWord(Value* wide, Builder& b) {
  return b.Convert(b.Binary(OpCode::kShiftRightLogical, wide, b.SplatLike(wide, 32)), DType::kU32);
}

Value* Wide(Value* low, Value* high, Builder& b) {
  Value* high_wide = b.Convert(high, DType::kU64);
  Value* shifted = b.Binary(OpCode::kShiftLeft, high_wide, b.SplatLike(high_wide, 32));
  return b.Binary(OpCode::kOr, b.Convert(low, DType::kU64), shifted);
}

Value* Xor(Value* x, Value* y, Builder& b) { return b.Binary(OpCode::kXor, x, y); }

// Element i of the state, everywhere in `dims`.
Value* StateWord(Value* state, int64_t i, const Dims& dims, Builder& b) {
  return b.Fill(b.Reshape(b.SliceDim(state, 0, i, i + 1), {}), dims);
}

Words4 Philox(Words4 counter, Words2 key, Builder& b) {
  constexpr int kRounds = 10;
  constexpr double kMultipliers[2] = {0xD2511F53, 0xCD9E8D57};
  constexpr double kWeyl[2] = {0x9E3779B9, 0xBB67AE85};
  const Dims dims = counter[0]->type.dims;
  for (int round = 0; round < kRounds; ++round) {
    Words2 products;
    for (int i = 0; i < 2; ++i) {
      Value* wide = b.Convert(counter[2 * i], DType::kU64);
      products[i] = b.Multiply(wide, b.SplatLike(wide, kMultipliers[i]));
    }
    counter = {Xor(Xor(HighWord(products[1], b), counter[1], b), key[0], b), LowWord(products[1], b),
               Xor(Xor(HighWord(products[0], b), counter[3], b), key[1], b), LowWord(products[0], b)};
    for (int i = 0; i < 2; ++i) key[i] = b.Add(key[i], Word(kWeyl[i], dims, b));
  }
  return counter;
}

Value* RotateLeft(Value* word, int count, Builder& b) {
  Value* left = b.Binary(OpCode::kShiftLeft, word, b.SplatLike(word, count));
  Value* right = b.Binary(OpCode::kShiftRightLogical, word, b.SplatLike(word, 32 - count));
  return b.Binary(OpCode::kOr, left, right);
}

Words2 Threefry(Words2 counter, const Words2& key, Builder& b) {
  constexpr int kRotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  const Dims dims = counter[0]->type.dims;
  const std::array<Value*, 3> keys = {key[0], key[1], Xor(Xor(key[0], key[1], b), Word(0x1BD11BDA, dims, b), b)};
  Words2 x = {b.Add(counter[0], keys[0]), b.Add(counter[1], keys[1])};
  for (int group = 0; group < 5; ++group) {
    for (const int rotation : kRotations[group % 2]) {
      x[0] = b.Add(x[0], x[1]);
      x[1] = Xor(RotateLeft(x[1], rotation, b), x[0], b);
    }
    x[0] = b.Add(x[0], keys[(group + 1) % 3]);
    x[1] = b.Add(b.Add(x[1], keys[(group + 2) % 3]), Word(group + 1, dims, b));
  }
  return x;
}

// Words as elements of the wanted type: those narrower than 32 bits take the low bits.
Value* AsType(Value* words, DType dtype, Builder& b) {
  if (!IsSigned(dtype)) return b.Convert(words, dtype);
  const DType unsigned_type = dtype == DType::kS64   ? DType::kU64
                              : dtype == DType::kS32 ? DType::kU32
                              : dtype == DType::kS16 ? DType::kU16
                                                     : DType::kU8;
  Value* converted = b.Convert(words, unsigned_type);
  return b.Bitcast(converted, {dtype, converted->type.dims});
}

Value* AsColumn(Value* vector, Builder& b) { return b.Reshape(vector, {vector->type.dims[0], 1}); }

struct Drawn {
  Value* state;
  Value* bits;
};

// The state is a key, then a counter of 128 bits: both words of it, low first, or the low one alone. Then the key is
// also the high word, and only the low word is kept.
Drawn DrawPhilox(Value* state, const TensorType& type, Builder& b) {
  const int64_t count = type.num_elements();
  const bool is_wide = SizeBytes(type.dtype) == 8;
  const int64_t per_block = is_wide ? 2 : 4;
  const int64_t blocks = CeilDiv(count, per_block);
  const bool has_high = state->type.dims[0] == 3;
  const Dims dims = {blocks};
  Value* key = StateWord(state, 0, dims, b);
  Value* start = StateWord(state, 1, dims, b);
  Value* start_high = StateWord(state, has_high ? 2 : 0, dims, b);
  const auto with_carry = [&](Value* low, Value* from, Value* high) {
    Value* carry = b.Compare(ComparisonDirection::kLt, low, from);
    return b.Add(high, b.Convert(carry, DType::kU64));
  };
  Value* low = b.Add(start, b.Iota({DType::kU64, dims}, 0));
  Value* high = with_carry(low, start, start_high);
  const Words4 counter = {LowWord(low, b), HighWord(low, b), LowWord(high, b), HighWord(high, b)};
  const Words4 words = Philox(counter, {LowWord(key, b), HighWord(key, b)}, b);
  std::vector<Value*> columns;
  if (is_wide) {
    columns = {AsColumn(Wide(words[0], words[1], b), b), AsColumn(Wide(words[2], words[3], b), b)};
  } else {
    for (Value* word : words) columns.push_back(AsColumn(word, b));
  }
  Value* all = b.Reshape(b.Concatenate(std::move(columns), 1), {blocks * per_block});
  if (count != blocks * per_block) all = b.SliceDim(all, 0, 0, count);
  Value* old_low = b.SliceDim(state, 0, 1, 2);
  Value* new_low = b.Add(old_low, b.SplatLike(old_low, static_cast<double>(blocks)));
  std::vector<Value*> next = {b.SliceDim(state, 0, 0, 1), new_low};
  if (has_high) next.push_back(with_carry(new_low, old_low, b.SliceDim(state, 0, 2, 3)));
  return {b.Concatenate(std::move(next), 0), b.Reshape(AsType(all, type.dtype, b), type.dims)};
}

// Each block gives two neighbours along one dimension: the first of even extent, else the longest.
int64_t PairedDimension(const Dims& dims) {
  int64_t chosen = 0;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] % 2 == 0) return static_cast<int64_t>(d);
    if (dims[d] > dims[chosen]) chosen = static_cast<int64_t>(d);
  }
  return chosen;
}

// Counters state[1] + i of blocks in row-major order, then the words of each block.
Words2 ThreefryBlocks(Value* state, const Dims& dims, Builder& b) {
  const Dims flat = {NumElements(dims)};
  Value* key = StateWord(state, 0, flat, b);
  Value* counter = b.Add(StateWord(state, 1, flat, b), b.Iota({DType::kU64, flat}, 0));
  Words2 words = Threefry({LowWord(counter, b), HighWord(counter, b)}, {LowWord(key, b), HighWord(key, b)}, b);
  for (Value*& word : words) word = b.Reshape(word, dims);
  return words;
}

Drawn DrawThreefry(Value* state, const TensorType& type, Builder& b) {
  Dims dims = type.dims.empty() ? Dims{1} : type.dims;
  Value* bits = nullptr;
  Dims blocks = dims;
  if (SizeBytes(type.dtype) == 8) {
    const Words2 words = ThreefryBlocks(state, blocks, b);
    bits = Wide(words[0], words[1], b);
  } else {
    const int64_t d = PairedDimension(dims);
    blocks[d] = (dims[d] + 1) / 2;
    const Words2 words = ThreefryBlocks(state, blocks, b);
    Dims with_pair = blocks;
    with_pair.insert(with_pair.begin() + d + 1, 1);
    bits = b.Concatenate({b.Reshape(words[0], with_pair), b.Reshape(words[1], with_pair)}, d + 1);
    Dims joined = dims;
    joined[d] = 2 * blocks[d];
    bits = b.Reshape(bits, joined);
    if (joined != dims) bits = b.SliceDim(bits, d, 0, dims[d]);
  }
  Value* counter = b.SliceDim(state, 0, 1, 2);
  counter = b.Add(counter, b.SplatLike(counter, static_cast<double>(NumElements(blocks))));
  std::vector<Value*> next = {b.SliceDim(state, 0, 0, 1), counter};
  return {b.Concatenate(std::move(next), 0), b.Reshape(AsType(bits, type.dtype, b), type.dims)};
}

}  // namespace

StatusOr<Replacement> DecomposeRngBitGenerator(Op& op, RewriteContext& context) {
  Builder& b = context.builder;
  Value* state = op.operands[0];
  const TensorType& type = op.type(1);
  if (type.num_elements() == 0) return Replacement({state, b.Splat(type, 0)});
  const bool is_philox = op.attributes.Int(AttrKey::kRngAlgorithm) != static_cast<int64_t>(Algorithm::kThreefry);
  const int64_t words = state->type.dims[0];
  if (state->type.dtype != DType::kU64 || (words != 2 && !(is_philox && words == 3)) || !IsInteger(type.dtype)) {
    return Unimplemented(Format("rng_bit_generator from the state {} to {} is not supported.{}", state->type.ToString(),
                                type.ToString(), context.module.Where(op)));
  }
  const Drawn drawn = is_philox ? DrawPhilox(state, type, b) : DrawThreefry(state, type, b);
  return Replacement({drawn.state, drawn.bits});
}

}  // namespace dragoman::passes
