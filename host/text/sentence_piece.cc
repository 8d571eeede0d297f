// Protocol Buffers' wire format, as far as a ModelProto needs it; no library comes in for it.
// https://protobuf.dev/programming-guides/encoding, sentencepiece_model.proto for the numbers.
#include "text/sentence_piece.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/unicode.h"

namespace slipway {
namespace {

// One field of a message: its number, and its value by its wire type.
struct Field {
  uint32_t number = 0, wire = 0;
  uint64_t integer = 0;    // wire types 0, 1 and 5
  std::string_view bytes;  // wire type 2
};

class Message {
 public:
  Message(std::string_view bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {}

  bool next(Field& out) {
    if (at_ == bytes_.size()) return false;
    const uint64_t key = varint();
    out = {static_cast<uint32_t>(key >> 3), static_cast<uint32_t>(key & 7), 0, {}};
    if (out.number == 0 || key >> 32 != 0) damaged();
    if (out.wire == 0) out.integer = varint();
    else if (out.wire == 1) out.integer = fixed(8);
    else if (out.wire == 2) out.bytes = take(varint());
    else if (out.wire == 5) out.integer = fixed(4);
    else damaged();
    return true;
  }

 private:
  [[noreturn]] void damaged() const {
    fail("{}: not a SentencePiece model, or a damaged one", origin_);
  }
  std::string_view take(uint64_t size) {
    if (size > bytes_.size() - at_) damaged();
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  uint64_t fixed(size_t size) {
    uint64_t out = 0;
    std::memcpy(&out, take(size).data(), size);
    return out;
  }
  uint64_t varint() {
    uint64_t out = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      out |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return out;
    }
    damaged();
  }

  std::string_view bytes_;
  const std::string& origin_;
  size_t at_ = 0;
};

SentencePieceModel::Piece read_piece(std::string_view bytes, const std::string& origin) {
  SentencePieceModel::Piece out;
  Message message(bytes, origin);
  for (Field field; message.next(field);) {
    if (field.number == 1) out.text = field.bytes;
    if (field.number == 2) out.score = std::bit_cast<float>(static_cast<uint32_t>(field.integer));
    if (field.number == 3) {
      if (field.integer < 1 || field.integer > 6)
        fail("{}: the piece \"{}\" is of no known type", origin, excerpt(out.text));
      out.type = static_cast<SentencePieceModel::PieceType>(field.integer);
    }
  }
  return out;
}

void read_trainer(std::string_view bytes, SentencePieceModel& model, const std::string& origin) {
  Message message(bytes, origin);
  for (Field field; message.next(field);) {
    const auto id = static_cast<int32_t>(field.integer);
    switch (field.number) {
      case 3:
        if (field.integer < 1 || field.integer > 4) fail("{}: a model of no known type", origin);
        model.kind = static_cast<SentencePieceModel::Kind>(field.integer);
        break;
      case 24:
        model.treat_whitespace_as_suffix = field.integer != 0;
        break;
      case 35:
        model.byte_fallback = field.integer != 0;
        break;
      case 40:
        model.unk_id = id;
        break;
      case 41:
        model.bos_id = id;
        break;
      case 42:
        model.eos_id = id;
        break;
      case 43:
        model.pad_id = id;
        break;
      case 45:
        model.unk_piece = field.bytes;
        break;
      case 46:
        model.bos_piece = field.bytes;
        break;
      case 47:
        model.eos_piece = field.bytes;
        break;
      default:
        break;
    }
  }
}

void read_normalizer(std::string_view bytes, SentencePieceModel& model, const std::string& origin) {
  Message message(bytes, origin);
  for (Field field; message.next(field);) {
    if (field.number == 2) model.charsmap = field.bytes;
    if (field.number == 3) model.add_dummy_prefix = field.integer != 0;
    if (field.number == 4) model.remove_extra_whitespaces = field.integer != 0;
    if (field.number == 5) model.escape_whitespaces = field.integer != 0;
  }
}

}  // namespace

SentencePieceModel read_sentence_piece(std::string_view bytes, const std::string& origin) {
  SentencePieceModel out;
  Message message(bytes, origin);
  for (Field field; message.next(field);) {
    if (field.wire != 2) continue;
    if (field.number == 1) out.pieces.push_back(read_piece(field.bytes, origin));
    if (field.number == 2) read_trainer(field.bytes, out, origin);
    if (field.number == 3) read_normalizer(field.bytes, out, origin);
  }
  if (out.pieces.empty()) fail("{}: not a SentencePiece model: it has no pieces", origin);
  for (size_t i = 0; i < out.pieces.size(); ++i)
    if (out.pieces[i].text.empty() || !is_valid_utf8(out.pieces[i].text))
      fail("{}: piece {} is empty or not UTF-8", origin, i);
  for (const auto& piece : out.pieces)
    if (!std::isfinite(piece.score))
      fail("{}: the score of the piece \"{}\" is no number", origin, excerpt(piece.text));
  return out;
}

}  // namespace slipway
