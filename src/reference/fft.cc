// SPDX-License-Identifier: Apache-2.0
#include <numbers>

#include "ir/fourier.h"
#include "reference/elementary.h"
#include "reference/op_functions.h"
#include "reference/tensor.h"

namespace dragoman::reference {
namespace {

using Complex = std::complex<double>;

using ir::FftType;

struct Spectrum {
  Dims dims;
  std::vector<Complex> values;
};

// The transform of `length` values by its definition; each angle is reduced exactly.
std::vector<Complex> Transform(const std::vector<Complex>& values, bool is_inverse) {
  const auto length = static_cast<int64_t>(values.size());
  std::vector<Complex> roots(length);
  for (int64_t i = 0; i < length; ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(length);
    roots[i] = {Cosine(angle), is_inverse ? Sine(angle) : -Sine(angle)};
  }
  std::vector<Complex> result(length);
  for (int64_t k = 0; k < length; ++k) {
    for (int64_t i = 0; i < length; ++i) result[k] += values[i] * roots[i * k % length];
    if (is_inverse) result[k] /= static_cast<double>(length);
  }
  return result;
}

// Transforms along one dimension, in place.
void TransformAlong(Spectrum& spectrum, int64_t dimension, bool is_inverse) {
  const Dims strides = RowMajorStrides(spectrum.dims);
  Dims lines = spectrum.dims;
  lines[dimension] = 1;
  std::vector<Complex> line(spectrum.dims[dimension]);
  ForEachIndex(lines, [&](const Dims& index, int64_t) {
    const int64_t base = LinearIndex(index, strides);
    for (size_t i = 0; i < line.size(); ++i) line[i] = spectrum.values[base + i * strides[dimension]];
    const std::vector<Complex> result = Transform(line, is_inverse);
    for (size_t i = 0; i < line.size(); ++i) spectrum.values[base + i * strides[dimension]] = result[i];
  });
}

// The first `length` along the last dimension, or for irfft the whole of a Hermitian half.
Spectrum WithLastDimension(const Spectrum& spectrum, int64_t length, bool completes_hermitian) {
  Spectrum result{spectrum.dims, {}};
  result.dims.back() = length;
  result.values.resize(NumElements(result.dims));
  const int64_t old_length = spectrum.dims.back();
  if (length == 0 || old_length == 0) return result;
  for (size_t i = 0; i < result.values.size(); ++i) {
    const auto row = static_cast<int64_t>(i) / length;
    const auto k = static_cast<int64_t>(i) % length;
    const bool is_mirrored = completes_hermitian && k >= length / 2 + 1;
    const Complex value = spectrum.values[row * old_length + (is_mirrored ? length - k : k)];
    result.values[i] = is_mirrored ? std::conj(value) : value;
  }
  if (!completes_hermitian) return result;
  // The ends of a Hermitian half are real; an imaginary part does not count.
  for (size_t i = 0; i < result.values.size(); ++i) {
    const auto k = static_cast<int64_t>(i) % length;
    if (k == 0 || 2 * k == length) result.values[i] = result.values[i].real();
  }
  return result;
}

Spectrum Permuted(const Spectrum& spectrum, const std::vector<int64_t>& permutation) {
  const Dims strides = RowMajorStrides(spectrum.dims);
  Spectrum result;
  Dims from;
  for (const int64_t d : permutation) {
    result.dims.push_back(spectrum.dims[d]);
    from.push_back(strides[d]);
  }
  ForEachIndex(result.dims,
               [&](const Dims& index, int64_t) { result.values.push_back(spectrum.values[LinearIndex(index, from)]); });
  return result;
}

Spectrum Read(const Literal& literal) {
  const TensorReader reader(literal);
  Spectrum spectrum{literal.type().dims, {}};
  spectrum.values.resize(NumElements(spectrum.dims));
  for (size_t i = 0; i < spectrum.values.size(); ++i) spectrum.values[i] = reader[static_cast<int64_t>(i)].value;
  return spectrum;
}

Results Written(const Spectrum& spectrum, const TensorType& type, double scale) {
  TensorWriter writer(type);
  for (size_t i = 0; i < spectrum.values.size(); ++i) {
    writer.Set(static_cast<int64_t>(i), Number::Of(spectrum.values[i] * scale));
  }
  return std::vector<Literal>{std::move(writer).Finish()};
}

}  // namespace

Results EvaluateFft(const OpCall& call) {
  const auto type = static_cast<FftType>(call.op.attributes.Int(ir::AttrKey::kFftType));
  const auto& lengths = call.op.attributes.Ints(ir::AttrKey::kFftLength);
  Spectrum spectrum = Read(call.operands[0]);

  const auto rank = static_cast<int64_t>(spectrum.dims.size());
  const auto num_transformed = static_cast<int64_t>(lengths.size());
  const bool is_inverse = ir::SignOf(type) > 0;
  // The half spectrum is completed after the outer dimensions are transformed: there its symmetry is plain.
  for (int64_t d = rank - num_transformed; d < rank - 1; ++d) {
    if (type == FftType::kIrfft) TransformAlong(spectrum, d, is_inverse);
  }
  if (type == FftType::kIrfft) spectrum = WithLastDimension(spectrum, lengths.back(), true);
  if (num_transformed > 0) TransformAlong(spectrum, rank - 1, is_inverse);
  for (int64_t d = rank - num_transformed; d < rank - 1; ++d) {
    if (type != FftType::kIrfft) TransformAlong(spectrum, d, is_inverse);
  }
  if (type == FftType::kRfft) spectrum = WithLastDimension(spectrum, call.op.type().dims.back(), false);

  return Written(spectrum, call.op.type(), 1);
}

Results EvaluateFourier(const OpCall& call) {
  const int64_t dimension = call.op.attributes.Int(ir::AttrKey::kDimension);
  const auto type = static_cast<FftType>(call.op.attributes.Int(ir::AttrKey::kFftType));
  const int64_t length = ir::LengthOfTwists(call.operands[1].type().dims[0]);
  Spectrum spectrum = Read(call.operands[0]);
  if (type == FftType::kIrfft) spectrum = WithLastDimension(spectrum, length, true);
  TransformAlong(spectrum, dimension, ir::SignOf(type) > 0);
  if (type == FftType::kRfft) spectrum = WithLastDimension(spectrum, ir::NumKept(type, length), false);
  spectrum = Permuted(spectrum, call.op.attributes.Ints(ir::AttrKey::kPermutation));
  return Written(spectrum, call.op.type(), ir::SignOf(type) > 0 ? static_cast<double>(length) : 1.0);
}

}  // namespace dragoman::reference
