// SPDX-License-Identifier: Apache-2.0
#include "lower/product/word_tile.h"

namespace dragoman::kernel {

V WordPacker::Pack(V low, V high) const {
  const auto shift = [&](KOp op, V value) { return b_.Binary(op, value, b_.I32(16)); };
  if (input_ == DType::kBF16) {
    const V high_bits = b_.And(b_.Bitcast(high, KType::kI32), b_.I32(0xffff0000));
    return b_.Or(shift(KOp::kShrU, b_.Bitcast(low, KType::kI32)), high_bits);
  }
  const auto bits = [&](V value) { return b_.Convert(KOp::kF16Bits, value, KType::kI32); };
  return b_.Or(bits(low), shift(KOp::kShl, bits(high)));
}

V WordPacker::Remainder(V value) const {
  const V bits = b_.Bitcast(value, KType::kI32);
  const V taken = b_.Bitcast(b_.And(bits, b_.I32(0xffff0000)), KType::kF32);
  const V rest = b_.Bitcast(b_.FSub(value, taken), KType::kI32);
  const V is_special = b_.IEq(b_.And(bits, b_.I32(0x7f800000)), b_.I32(0x7f800000));
  return b_.Bitcast(b_.Select(is_special, b_.I32(0), b_.IAdd(rest, b_.I32(0x8000))), KType::kF32);
}

V WordPacker::Quiet(V value) const {
  const V quiet = b_.Bitcast(b_.Or(b_.Bitcast(value, KType::kI32), b_.I32(0x00400000)), KType::kF32);
  return b_.Select(b_.Convert(KOp::kIsNan, value, KType::kBool), quiet, value);
}

std::vector<V> WordPacker::Planes(V low, V high, int planes) const {
  if (planes == 1) return {Pack(low, high)};
  return {Pack(Quiet(low), Quiet(high)), Pack(Remainder(low), Remainder(high))};
}

WordTile::WordTile(ProductContext& context, const TileLoader& loader, const WordForm& form, int first_word)
    : b_(context.builder),
      loader_(loader),
      form_(form),
      packer_(context.builder, form.input),
      of_word_(4 / SizeBytes(form.input)),
      first_word_(first_word),
      pitch_((loader.is_along_k() ? form.tile_k : form.tile) / of_word_ + kPaddingWords),
      lines_(loader.is_along_k() ? form.tile : form.tile_k) {}

Status WordTile::Store(const StagedTile& staged, int array) {
  for (int slot = 0; slot < loader_.num_slots(); ++slot) {
    ASSIGN_OR_RETURN(const std::vector<V> words, WordsOf(staged, slot));
    const int across = static_cast<int>(words.size()) / form_.planes;
    const V at = At(loader_.row(slot), loader_.k(slot), 0);
    for (int i = 0; i < across * form_.planes; ++i) {
      b_.StoreShared(array, b_.IAdd(at, b_.I32(i / across * lines_ * pitch_ + i % across)), words[i]);
    }
  }
  return OkStatus();
}

V WordTile::Load(KType type, int array, int plane, V row, V k) const {
  const bool is_column_major = loader_.is_along_k() == (type == KType::kMatrixB);
  return b_.MatrixLoad(type, array, At(row, k, plane), {static_cast<uint32_t>(pitch_), is_column_major});
}

V WordTile::LoadTransposed(KType type, int array, int plane, V row, V k) const {
  const bool is_column_major = loader_.is_along_k() != (type == KType::kMatrixB);
  return b_.MatrixLoad(type, array, At(k, row, plane), {static_cast<uint32_t>(pitch_), is_column_major});
}

V WordTile::At(V row, V k, int plane) const {
  const V line = loader_.is_along_k() ? row : k;
  const V within = loader_.is_along_k() ? k : row;
  return b_.IAdd(b_.MulAdd(line, pitch_, b_.I32(first_word_ + plane * lines_ * pitch_)),
                 b_.UDiv(within, b_.I32(of_word_)));
}

// Plane after plane.
StatusOr<std::vector<V>> WordTile::WordsOf(const StagedTile& staged, int slot) const {
  if (form_.form == TileLoader::Form::kWords) return loader_.Words(staged, slot);
  ASSIGN_OR_RETURN(const Lanes values, loader_.Convert(staged, slot));
  std::vector<V> words;
  const size_t across = values.size() / 2;
  for (size_t i = 0; i < across; ++i) {
    const std::vector<V> planes = packer_.Planes(values[2 * i].re, values[2 * i + 1].re, form_.planes);
    words.resize(across * planes.size());
    for (size_t plane = 0; plane < planes.size(); ++plane) words[plane * across + i] = planes[plane];
  }
  return words;
}

TileLoader::Form LoadFormOf(const OperandMap& map, int planes) {
  return map.converts.empty() && planes == 1 ? TileLoader::Form::kWords : TileLoader::Form::kPairs;
}

}  // namespace dragoman::kernel
