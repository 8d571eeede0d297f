// A template's source, cut into text and the tokens of its tags.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace slipway::jinja {

struct Token {
  enum class Kind {
    kText,
    kBlockBegin,
    kBlockEnd,
    kPrintBegin,
    kPrintEnd,
    kName,
    kString,
    kInteger,
    kReal,
    kOperator,
    kEnd
  };
  Kind kind;
  std::string text;  // of a string what it says
  int line;
};

// As jinja2 does with trim_blocks and lstrip_blocks: the line break behind a block's tag and the
// white space before one that begins its line are left out, and what `-` and `+` say. Ends in a
// kEnd. Throws Error "line N: ...".
std::vector<Token> tokens_of(std::string_view source);

}  // namespace slipway::jinja
