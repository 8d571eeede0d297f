// Ids of whole conversations, and which of them assistants write, equal those of transformers'
// apply_chat_template (tests/parity/record_conversations.py).
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "tests/unit/text/recorded.h"
#include "text/chat_template.h"
#include "text/chat_tokens.h"

namespace slipway {
namespace {

using Ids = std::vector<int32_t>;

struct Counts {
  size_t ids = 0, masks = 0, safe = 0, continued = 0, refused = 0, tokens = 0, wrong = 0;
};

// A tokenizer with one of its templates, and what is asked of both.
class Talker {
 public:
  Talker(const Tokenizer& tokenizer, const Json& line, std::string name)
      : tokenizer_(tokenizer),
        name_(std::move(name)),
        chat_(tokenizer,
              line["template"].is_null() ? tokenizer.chat_template
                                         : line["template"].get<std::string>(),
              "the template of " + name_) {}

  void compare(const Json& given, Counts& counts) const {
    const Conversation talk{given.at("messages"), given.value("tools", Json())};
    try {
      if (given.contains("error")) return compare_refusal(talk, given, counts);
      if (given.contains("mask")) compare_mask(talk, given, counts);
      else if (given.contains("ids"))
        same(tokens(talk, given.value("prompt", false)), given["ids"], given, ++counts.ids, counts);
      else if (given.contains("safe"))
        same(tokens(talk, false), given["safe"], given, ++counts.safe, counts);
      else if (given.contains("continued")) compare_continued(talk, given, counts);
    } catch (const Error& e) {
      fault(given, std::string("refused: ") + e.what(), counts);
    }
  }

 private:
  Ids tokens(const Conversation& talk, bool prompt) const {
    return chat_tokens(tokenizer_, chat_.text(talk, prompt));
  }

  void compare_mask(const Conversation& talk, const Json& given, Counts& counts) const {
    const MarkedText text = chat_.text(talk, false);
    const Ids ids = chat_tokens(tokenizer_, text);
    same(ids, given["ids"], given, ++counts.ids, counts);
    Ids mask(ids.size());
    const auto spans = chat_.assistant_spans(talk, text);
    for (const auto& [begin, end] : tokens_of_spans(tokenizer_, ids, text.bytes, spans))
      std::fill(mask.begin() + static_cast<std::ptrdiff_t>(begin),
                mask.begin() + static_cast<std::ptrdiff_t>(end), 1);
    same(mask, given["mask"], given, ++counts.masks, counts);
  }

  void compare_continued(const Conversation& talk, const Json& given, Counts& counts) const {
    const MarkedText text = chat_.continued(talk);
    if (text.bytes != given["text"])
      fault(given,
            "continued from " + Json(text.bytes).dump() + "\n not      " + given["text"].dump(),
            counts);
    same(chat_tokens(tokenizer_, text), given["continued"], given, ++counts.continued, counts);
  }

  // Where transformers refuses, so do we.
  void compare_refusal(const Conversation& talk, const Json& given, Counts& counts) const {
    std::string made;
    try {
      made = given["error"].get<std::string>().find("continue_final_message") == std::string::npos
                 ? chat_.text(talk, given.value("prompt", false)).bytes
                 : chat_.continued(talk).bytes;
    } catch (const Error&) {
      ++counts.refused;
      return;
    }
    fault(given, given["error"].get<std::string>() + "\n have     " + Json(made).dump(), counts);
  }

  void same(const Ids& ours, const Json& theirs, const Json& given, size_t, Counts& counts) const {
    counts.tokens += ours.size();
    if (ours != theirs.get<Ids>())
      fault(given, "expected " + theirs.dump() + "\n have     " + Json(ours).dump(), counts);
  }

  void fault(const Json& given, const std::string& what, Counts& counts) const {
    if (++counts.wrong > 20) return;
    ADD_FAILURE() << name_ << ": " << given["messages"].dump() << "\n " << what;
  }

  const Tokenizer& tokenizer_;
  const std::string name_;
  const ChatTemplate chat_;
};

// Of a folder that record_conversations.py wrote.
Counts compare_recorded(const fs::path& folder, const fs::path& gguf) {
  Counts counts;
  std::string last = "none", text = unzip(folder / "record.gz");
  std::optional<Tokenizer> tokenizer;
  for (size_t at = 0, end = 0; at < text.size(); at = end + 1) {
    end = text.find('\n', at);
    const Json line = parse_json(text.substr(at, end - at), "record.gz");
    const std::string name =
        line["tokenizer"].is_null() ? gguf.string() : line["tokenizer"].get<std::string>();
    if (name != last)
      tokenizer.emplace(
          load_tokenizer(line["tokenizer"].is_null() ? gguf : unpacked(folder / name)));
    last = name;
    const Talker talker(*tokenizer, line, line.value("origin", name));
    for (const Json& each : line["cases"]) talker.compare(each, counts);
  }
  std::printf(
      "%zu conversations: %zu tokens, %zu masks of assistants; %zu with texts of special tokens, "
      "%zu "
      "continued, %zu refused by both; %zu differences\n",
      counts.ids + counts.safe + counts.continued, counts.tokens, counts.masks, counts.safe,
      counts.continued, counts.refused, counts.wrong);
  return counts;
}

TEST(ConversationParity, IdsAndMasksAreThoseOfTransformers) {
  const char* assets = std::getenv("SLIPWAY_ASSETS");
  const fs::path gguf =
      fs::path(assets != nullptr ? assets : "build/assets") / "SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!fs::exists(gguf)) FAIL() << gguf << " is not there; ./slipway fetches it";
  const Counts counts = compare_recorded(kRecords / "conversations", gguf);
  EXPECT_GT(counts.ids, 400u);
  EXPECT_GT(counts.masks, 140u);
  EXPECT_GT(counts.safe, 90u);
  EXPECT_GT(counts.continued, 140u);
}

// Run by tests/parity/check_conversations.py, which fetches vocabularies and templates.
TEST(RealConversations, IdsAndMasksAreThoseOfTransformers) {
  const char* folder = std::getenv("SLIPWAY_CONVERSATIONS");
  if (folder == nullptr) GTEST_SKIP() << "tests/parity/check_conversations.py runs this";
  EXPECT_GT(compare_recorded(folder, "").ids, 400u);
}

}  // namespace
}  // namespace slipway
