// Where a tokenizer of SentencePiece's kind puts marks for spaces, beside where llama.cpp does.
#pragma once
#include <span>
#include <string>

#include "base/json.h"

namespace slipway {

struct GgufMarks {
  bool add_space_prefix;   // before each text between special tokens
  bool cuts_user_defined;  // pieces of `user_defined` are cut out of texts
  std::string difference;  // what llama.cpp marks otherwise; "" = nothing
};

// Of the "normalizer" and the "pre_tokenizer" of a tokenizer.json. `marks_inside`: there are tokens
// with a mark behind their beginning; `user_defined`: pieces that a tokenizer.model has as such.
// Throws Error naming the step that llama.cpp has not.
GgufMarks gguf_marks(const Json& normalizer, const Json& pre_tokenizer, bool marks_inside,
                     std::span<const std::string> user_defined);

}  // namespace slipway
