// Ids and texts of the forms that the families use, and what single steps make of every code point,
// equal those of the tokenizers package (tests/parity/record_tokenizers.py).
#include <gtest/gtest.h>

#include "tests/unit/text/recorded.h"
#include "text/growing_text.h"
#include "text/normalizer.h"
#include "text/tokenizer.h"

namespace slipway {
namespace {

class TokenizerForms : public testing::TestWithParam<const char*> {};

TEST_P(TokenizerForms, IdsAndTextsEqual) {
  const std::string name = GetParam();
  const std::string json = unzip(kForms / (name + ".json.gz"));
  const Tokenizer tokenizer = Tokenizer::from_json(json, name);
  expect_recorded(tokenizer, name);
  EXPECT_EQ(nlohmann::json::parse(tokenizer.to_json()), nlohmann::json::parse(json))
      << "what is saved";
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerForms,
                         testing::Values("llama2", "mistral", "gemma", "unknown", "fused", "t5",
                                         "xlm_roberta", "bert", "odd_steps", "byte_normalizer"),
                         [](const auto& each) { return std::string(each.param); });

TEST(NormalizerParity, EveryCodePoint) {
  const Json t5 = parse_json(unzip(kForms / "t5.json.gz"), "t5");
  std::vector<Normalizer> steps;
  for (const char* type :
       {"NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "BertNormalizer", "Nmt"})
    steps.emplace_back(Json{{"type", type}}, type);
  steps.emplace_back(t5.at("normalizer"), "t5");
  Reader in(kForms / "forms.gz");
  std::vector<int> wrong(steps.size());
  for (uint32_t i = 0; i < 0x1100; ++i)
    for (size_t s = 0; s < steps.size(); ++s)
      if (in.number() != sum_of(steps[s].apply(block(i))) && ++wrong[s] <= 3)
        ADD_FAILURE() << "step " << s << ": another text of code points from " << std::hex
                      << 256 * i;
  EXPECT_TRUE(in.done());
  int all = 0;
  for (const int each : wrong) all += each;
  std::printf("%zu steps, 1,112,064 code points, %d of %zu blocks differ\n", steps.size(), all,
              steps.size() * 0x1100);
  EXPECT_EQ(all, 0);
}

// An answer goes on after its prompt: its space is its own.
TEST(TokenizerForms, AnAnswerKeepsTheSpaceThatTheModelWrote) {
  for (const char* name : {"llama2", "mistral", "t5", "bert"}) {
    const Tokenizer t =
        Tokenizer::from_json(unzip(kForms / (std::string(name) + ".json.gz")), name);
    const std::vector<int32_t> prompt = t.encode("a good movie", false),
                               answer = t.encode("it is", false);
    EXPECT_EQ(t.decode(answer), "it is") << name;
    EXPECT_EQ(t.decode_after(prompt, answer), " it is") << name;
    std::vector<int32_t> whole = prompt;
    whole.insert(whole.end(), answer.begin(), answer.end());
    EXPECT_EQ(t.decode(prompt) + t.decode_after(prompt, answer), t.decode(whole)) << name;
    GrowingText growing(t, prompt);
    std::string grown;
    for (const int32_t id : answer) grown += growing.add(id);
    EXPECT_EQ(grown + growing.rest(), " it is") << name;
    const std::vector<int32_t> special = {
        *t.token_id(name == std::string("bert") ? "[CLS]" : "<s>")};
    EXPECT_EQ(t.decode_after(special, answer), "it is") << name << ": nothing was said before";
  }
}

TEST(TokenizerForms, LongTextsTakeNoQuadraticTime) {
  for (const char* name : {"llama2", "t5", "bert"}) {
    const Tokenizer t =
        Tokenizer::from_json(unzip(kForms / (std::string(name) + ".json.gz")), name);
    std::string text;
    for (int64_t i = 0; text.size() < 1'000'000; ++i) text += static_cast<char>('a' + i * i % 26);
    EXPECT_GT(t.encode(text).size(), 0u) << name;
  }
}

}  // namespace
}  // namespace slipway
