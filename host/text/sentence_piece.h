// SentencePiece's model file (tokenizer.model): what stands in it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

// The fields of sentencepiece_model.proto that make ids of a text, with their defaults.
struct SentencePieceModel {
  enum class PieceType { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };
  struct Piece {
    std::string text;
    float score = 0;
    PieceType type = PieceType::kNormal;
  };
  enum class Kind { kUnigram = 1, kBpe, kWord, kChar };

  std::vector<Piece> pieces;  // by id
  Kind kind = Kind::kUnigram;
  bool byte_fallback = false;
  bool treat_whitespace_as_suffix = false;
  int32_t unk_id = 0, bos_id = 1, eos_id = 2, pad_id = -1;  // below 0 = none
  std::string unk_piece = "<unk>", bos_piece = "<s>", eos_piece = "</s>";
  std::string charsmap;  // "" = none
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
};

// From a serialized ModelProto. Throws Error naming `origin` where it is none.
SentencePieceModel read_sentence_piece(std::string_view bytes, const std::string& origin);

}  // namespace slipway
