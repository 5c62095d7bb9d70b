// SPDX-License-Identifier: Apache-2.0
// The counter-based generators of Salmon et al. (SC 2011), with the layout of counters and words that XLA gives them.
#include <algorithm>
#include <array>
#include <bit>

#include "base/format.h"
#include "reference/op_functions.h"
#include "reference/tensor.h"

namespace dragoman::reference {
namespace {

constexpr int64_t kThreeFry = 1;

using Words2 = std::array<uint32_t, 2>;
using Words4 = std::array<uint32_t, 4>;

Words2 Split(uint64_t value) { return {static_cast<uint32_t>(value), static_cast<uint32_t>(value >> 32)}; }
uint64_t Join(uint32_t low, uint32_t high) { return low | uint64_t{high} << 32; }

Words2 ThreeFry2x32(Words2 x, const Words2& key) {
  constexpr int kRotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  const uint32_t keys[] = {key[0], key[1], key[0] ^ key[1] ^ 0x1BD11BDA};
  x[0] += keys[0];
  x[1] += keys[1];
  for (uint32_t group = 0; group < 5; ++group) {
    for (const int rotation : kRotations[group % 2]) {
      x[0] += x[1];
      x[1] = std::rotl(x[1], rotation) ^ x[0];
    }
    x[0] += keys[(group + 1) % 3];
    x[1] += keys[(group + 2) % 3] + group + 1;
  }
  return x;
}

Words4 Philox4x32(Words4 x, Words2 key) {
  for (int round = 0; round < 10; ++round) {
    const Words2 product0 = Split(uint64_t{x[0]} * 0xD2511F53);
    const Words2 product1 = Split(uint64_t{x[2]} * 0xCD9E8D57);
    x = {product1[1] ^ x[1] ^ key[0], product1[0], product0[1] ^ x[3] ^ key[1], product0[0]};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return x;
}

struct Generated {
  std::vector<uint64_t> state;
  std::vector<uint64_t> values;  // one an element, as many low bits as the element has
};

// Four words for each step of a 128-bit counter, used in order; 64-bit elements take two.
Generated Philox(const std::vector<uint64_t>& state, int64_t count, bool is_wide) {
  // With two words of state the counter's high half is the key.
  const bool has_high_half = state.size() >= 3;
  const uint64_t low = state[1];
  const uint64_t high = has_high_half ? state[2] : state[0];
  const int64_t num_words = is_wide ? 2 * count : count;
  const int64_t num_steps = (num_words + 3) / 4;
  std::vector<uint32_t> words;
  for (int64_t step = 0; step < num_steps; ++step) {
    const uint64_t step_low = low + static_cast<uint64_t>(step);
    const Words2 counter_low = Split(step_low);
    const Words2 counter_high = Split(high + (step_low < low ? 1 : 0));
    const Words4 block =
        Philox4x32({counter_low[0], counter_low[1], counter_high[0], counter_high[1]}, Split(state[0]));
    words.insert(words.end(), block.begin(), block.end());
  }
  Generated generated{state, {}};
  generated.state[1] = low + static_cast<uint64_t>(num_steps);
  if (has_high_half) generated.state[2] = high + (generated.state[1] < low ? 1 : 0);
  for (int64_t i = 0; i < count; ++i) {
    generated.values.push_back(is_wide ? Join(words[2 * i], words[2 * i + 1]) : words[i]);
  }
  return generated;
}

// The dimension whose halves take the two words of each block: the first even one, else the longest.
int64_t HalvedDimension(const Dims& dims) {
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] % 2 == 0) return static_cast<int64_t>(d);
  }
  return std::max_element(dims.begin(), dims.end()) - dims.begin();
}

// The counter of an element and which of the block's two words it takes.
Generated ThreeFryNarrow(const std::vector<uint64_t>& state, const Dims& dims) {
  const Words2 key = Split(state[0]);
  Generated generated{state, {}};
  if (dims.empty()) {
    generated.values.push_back(ThreeFry2x32(Split(state[1]), key)[0]);
    generated.state[1] += 1;
    return generated;
  }
  const int64_t halved = HalvedDimension(dims);
  Dims half_dims = dims;
  half_dims[halved] = (dims[halved] + 1) / 2;
  const Dims strides = RowMajorStrides(half_dims);
  ForEachIndex(dims, [&](const Dims& index, int64_t) {
    Dims half_index = index;
    half_index[halved] /= 2;
    const uint64_t counter = state[1] + static_cast<uint64_t>(LinearIndex(half_index, strides));
    generated.values.push_back(ThreeFry2x32(Split(counter), key)[index[halved] % 2]);
  });
  generated.state[1] += static_cast<uint64_t>(NumElements(half_dims));
  return generated;
}

Generated ThreeFryWide(const std::vector<uint64_t>& state, int64_t count) {
  Generated generated{state, {}};
  for (int64_t i = 0; i < count; ++i) {
    const Words2 block = ThreeFry2x32(Split(state[1] + static_cast<uint64_t>(i)), Split(state[0]));
    generated.values.push_back(Join(block[0], block[1]));
  }
  generated.state[1] += static_cast<uint64_t>(count);
  return generated;
}

// Random bits are the element's bits, whatever its type.
Literal FromBits(const TensorType& type, const std::vector<uint64_t>& values) {
  TensorWriter writer(type);
  for (size_t i = 0; i < values.size(); ++i) {
    std::byte* element = writer.element(static_cast<int64_t>(i));
    for (int k = 0; k < SizeBytes(type.dtype); ++k) element[k] = static_cast<std::byte>(values[i] >> (8 * k));
  }
  return std::move(writer).Finish();
}

}  // namespace

Results EvaluateRngBitGenerator(const OpCall& call) {
  const TensorType& type = call.op.type(1);
  const TensorReader reader(call.operands[0]);
  std::vector<uint64_t> state(call.operands[0].type().num_elements());
  for (size_t i = 0; i < state.size(); ++i) state[i] = static_cast<uint64_t>(reader[static_cast<int64_t>(i)].integer);
  if (state.size() < 2 || call.operands[0].type().dtype != DType::kU64 || IsComplex(type.dtype)) {
    return Unimplemented(Format("rng_bit_generator from {} to {} is not supported.", call.operands[0].type().ToString(),
                                type.ToString()));
  }
  const bool is_wide = Info(type.dtype).bits == 64;
  Generated generated;
  if (call.op.attributes.Int(ir::AttrKey::kRngAlgorithm) != kThreeFry) {
    generated = Philox(state, type.num_elements(), is_wide);
  } else {
    generated = is_wide ? ThreeFryWide(state, type.num_elements()) : ThreeFryNarrow(state, type.dims);
  }
  return std::vector<Literal>{FromBits(call.op.type(0), generated.state), FromBits(type, generated.values)};
}

}  // namespace dragoman::reference
