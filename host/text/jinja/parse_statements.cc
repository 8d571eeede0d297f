// Blocks.
#include "base/error.h"
#include "base/excerpt.h"
#include "text/jinja/parser.h"

namespace slipway::jinja {

using Do = Statement::Kind;

Body Parser::body(const std::set<std::string_view>& ends) {
  const Deeper deeper(*this);
  Body out;
  for (;;) {
    const int line = now().line;
    switch (now().kind) {
      case Kind::kText:
        out.push_back({.kind = Do::kText, .line = line, .text = take().text});
        break;
      case Kind::kPrintBegin:
        take();
        out.push_back({.kind = Do::kPrint, .line = line, .value = expression()});
        if (now().kind != Kind::kPrintEnd) unexpected();
        take();
        break;
      case Kind::kBlockBegin:
        take();
        if (now().kind != Kind::kName) unexpected();
        if (ends.contains(now().text)) return out;
        out.push_back(statement());
        break;
      case Kind::kEnd:
        for (const std::string_view each : ends)
          if (each.starts_with("end")) bad(fmt::format("a block has no \"{}\"", each));
        return out;
      default:
        unexpected();
    }
  }
}

void Parser::end_tag() {
  if (now().kind != Kind::kBlockEnd) unexpected();
  take();
}

Body Parser::block(std::string_view end) {
  end_tag();
  Body out = body({end});
  take();
  end_tag();
  return out;
}

Statement Parser::statement() {
  const int line = now().line;
  const std::string word = take().text;
  if (word == "if") return if_block();
  if (word == "for") return for_block();
  if (word == "set") return set();
  if (word == "macro") return macro();
  if (word == "call") return call_block();
  if (word == "with") return with();
  Statement out{.kind = Do::kGeneration, .line = line};
  if (word == "generation") {
    out.body = block("endgeneration");
  } else if (word == "filter") {
    out.kind = Do::kFilter;
    out.value = filter(nullptr);
    while (skip_operator("|")) out.value = filter(std::move(out.value));
    out.body = block("endfilter");
  } else if (word == "break" || word == "continue") {
    if (loops_ == 0) bad(fmt::format("\"{}\" outside a loop", word));
    out.kind = word == "break" ? Do::kBreak : Do::kContinue;
    end_tag();
  } else if (word.starts_with("end") || word == "else" || word == "elif") {
    bad(fmt::format("unexpected \"{}\"", excerpt(word, 40)));
  } else {
    bad(fmt::format("the block \"{}\" is not supported", excerpt(word, 40)));
  }
  return out;
}

// Behind "if" or "elif".
Statement Parser::if_block() {
  const Deeper deeper(*this);
  Statement out{.kind = Do::kIf, .line = now().line, .condition = expression()};
  end_tag();
  out.body = body({"endif", "elif", "else"});
  const std::string word = take().text;
  if (word == "elif") out.otherwise.push_back(if_block());
  else if (word == "else") out.otherwise = block("endif");
  else end_tag();
  return out;
}

Statement Parser::for_block() {
  Statement out{.kind = Do::kFor, .line = now().line, .target = target(true)};
  expect_word("in");
  out.value = single(/*conditional=*/false);
  if (is_operator(",")) {  // a tuple without brackets
    Expressions parts;
    parts.push_back(std::move(out.value));
    while (skip_operator(",")) parts.push_back(single(false));
    out.value = make(Expression::Kind::kTuple, out.line, std::move(parts));
  }
  if (skip_word("if")) out.condition = single();
  out.recursive = skip_word("recursive");
  end_tag();
  ++loops_;
  out.body = body({"endfor", "else"});
  --loops_;
  if (take().text == "else") out.otherwise = block("endfor");
  else end_tag();
  return out;
}

Target Parser::target(bool several) {
  const Deeper deeper(*this);
  Target out;
  const auto one = [&] {
    if (skip_operator("(")) {
      Target inner = target(true);
      expect_operator(")");
      return inner;
    }
    Target inner;
    inner.name = expect_name();
    if (skip_operator(".")) inner.attribute = expect_name();
    return inner;
  };
  out = one();
  if (!several || !is_operator(",")) return out;
  Target all;
  all.several.push_back(std::move(out));
  while (skip_operator(","))
    if (now().kind == Kind::kName || is_operator("(")) all.several.push_back(one());
  return all;
}

Statement Parser::set() {
  Statement out{.kind = Do::kSet, .line = now().line, .target = target(true)};
  if (skip_operator("=")) {
    out.value = expression();
    end_tag();
    return out;
  }
  out.kind = Do::kSetBlock;
  while (skip_operator("|")) out.value = filter(std::move(out.value));
  out.body = block("endset");
  return out;
}

std::vector<Parameter> Parser::parameters() {
  std::vector<Parameter> out;
  expect_operator("(");
  while (!skip_operator(")")) {
    if (!out.empty()) expect_operator(",");
    if (skip_operator(")")) break;
    out.push_back({expect_name(), skip_operator("=") ? single() : nullptr});
    if (out.size() > 1 && out[out.size() - 2].fallback && !out.back().fallback)
      bad("a parameter without a value follows one that has one");
  }
  return out;
}

Statement Parser::macro() {
  Statement out{.kind = Do::kMacro, .line = now().line, .text = expect_name()};
  out.parameters = parameters();
  std::set<std::string> outer;
  outer.swap(spoken_);
  const int loops = std::exchange(loops_, 0);
  out.body = block("endmacro");
  loops_ = loops;
  out.takes_caller = spoken_.contains("caller");
  out.takes_more = spoken_.contains("varargs");
  out.takes_named = spoken_.contains("kwargs");
  spoken_.insert(outer.begin(), outer.end());
  return out;
}

Statement Parser::call_block() {
  Statement out{.kind = Do::kCall, .line = now().line};
  if (is_operator("(")) out.parameters = parameters();
  out.value = single();
  if (out.value->kind != Expression::Kind::kCall) bad("\"call\" needs the call of a macro");
  const int loops = std::exchange(loops_, 0);
  out.body = block("endcall");
  loops_ = loops;
  return out;
}

Statement Parser::with() {
  Statement out{.kind = Do::kWith, .line = now().line};
  while (now().kind != Kind::kBlockEnd) {
    if (!out.assignments.empty()) expect_operator(",");
    Target to = target(false);
    expect_operator("=");
    out.assignments.emplace_back(std::move(to), single());
  }
  out.body = block("endwith");
  return out;
}

}  // namespace slipway::jinja
