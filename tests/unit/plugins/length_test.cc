// The length reward: three curves, two units, and batches of hosts that give less.
#include "tests/unit/plugins/bundled.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

RewardPlugin length(const std::string& options) {
  return RewardPlugin(bundled("length", options), 1.0);
}

// What a completion of n letters earns.
std::vector<double> curve(const std::string& options, std::initializer_list<size_t> lengths) {
  std::vector<ScoredRow> batch;
  for (const size_t n : lengths)
    batch.push_back({"prompt", std::string(n, 'x'), {1}, {2}, 0, true});
  return length(options).score(batch, 1, false);
}

TEST(Length, EachModeIsItsCurve) {
  EXPECT_THAT(curve("mode = \"longer\"\ntarget = 4", {0, 1, 4, 5, 400}),
              ElementsAre(0, 0.25, 1, 1, 1));
  EXPECT_THAT(curve("mode = \"shorter\"\ntarget = 4", {0, 1, 4, 5, 400}),
              ElementsAre(1, 0.75, 0, 0, 0));
  EXPECT_THAT(curve("mode = \"near\"\ntarget = 4", {0, 1, 4, 5, 8, 400}),
              ElementsAre(0, 0.25, 1, 0.75, 0, 0));
  EXPECT_THAT(curve("mode = \"near\"\ntarget = 1", {0, 1, 2}), ElementsAre(0, 1, 0));
}

TEST(Length, DefaultsAreNearAHundredCharacters) {
  EXPECT_THAT(curve("", {0, 50, 100, 150, 200}), ElementsAre(0, 0.5, 1, 0.5, 0));
}

TEST(Length, CharactersAreCodePoints) {
  const RewardPlugin plugin = length("mode = \"longer\"\ntarget = 8");
  EXPECT_THAT(plugin.score(rows({"äöü€", "\U0001F600\U0001F600", "e\u0301"}), 1, false),
              ElementsAre(0.5, 0.25, 0.25));
  // nothing but continuation bytes
  EXPECT_THAT(plugin.score(rows({"\x80\xBF"}), 1, false), ElementsAre(0));
}

TEST(Length, TokensAreThoseOfTheCompletion) {
  const RewardPlugin plugin = length("mode = \"longer\"\nunit = \"tokens\"\ntarget = 4");
  const std::vector<ScoredRow> batch = {{"p", "a very long text", {1, 2, 3}, {7}, 0, true},
                                        {"p", "", {1}, {}, 0, false},
                                        {"p", "x", {}, {1, 2, 3, 4}, 1, true}};
  EXPECT_THAT(plugin.score(batch, 1, false), ElementsAre(0.25, 0, 1));
}

TEST(Length, AnEmptyBatchScoresNothing) {
  EXPECT_THAT(length("").score({}, 1, false), ElementsAre());
  EXPECT_THAT(length("unit = \"tokens\"").score({}, 1, false), ElementsAre());
}

TEST(Length, OptionsAreHeldToTheSchema) {
  const auto error = [](const char* options) { return error_of([&] { length(options); }); };
  EXPECT_THAT(error("mode = \"nearer\""), HasSubstr("longer, shorter, near"));
  EXPECT_THAT(error("unit = \"words\""), HasSubstr("chars, tokens"));
  EXPECT_THAT(error("target = 0"), HasSubstr("at least 1 is needed"));
  EXPECT_THAT(error("target = 1.5"), HasSubstr("a whole number is needed"));
  EXPECT_THAT(error("targt = 3"), HasSubstr("\"target\""));
  EXPECT_EQ(error("mode = \"shorter\"\nunit = \"tokens\"\ntarget = 1"), "");
}

// A host whose batch record ends early: what the record does not have is refused, not read.
class LengthOfShortBatches : public testing::Test {
 protected:
  slw_status score(const std::string& options, uint32_t struct_size) {
    const Plugin plugin = bundled("length", options);
    const slw_str text = {"1234", 4};
    const int64_t offsets[] = {0, 2};
    slw_reward_batch batch{};
    batch.struct_size = struct_size;
    batch.size = 1;
    batch.prompts = batch.completions = &text;
    batch.completion_offsets = offsets;
    error.struct_size = sizeof error;
    return plugin.interface<slw_reward>(SLW_REWARD)->score(plugin.get(), &batch, &out, &error);
  }
  slw_error error{};
  float out = -1;
};

TEST_F(LengthOfShortBatches, CharactersNeedTheTextsOnly) {
  const auto with_texts = static_cast<uint32_t>(offsetof(slw_reward_batch, prompt_offsets));
  EXPECT_EQ(score("target = 8", with_texts), SLW_OK);
  EXPECT_FLOAT_EQ(out, 0.5f);
  out = -1;
  EXPECT_EQ(score("target = 8", static_cast<uint32_t>(offsetof(slw_reward_batch, completions))),
            SLW_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "a batch without texts");
  EXPECT_FLOAT_EQ(out, -1);
}

TEST_F(LengthOfShortBatches, TokensNeedTheirOffsets) {
  const auto with_texts = static_cast<uint32_t>(offsetof(slw_reward_batch, completion_offsets));
  EXPECT_EQ(score("unit = \"tokens\"\ntarget = 4", with_texts), SLW_FAILED_PRECONDITION);
  EXPECT_THAT(error.message, HasSubstr("use unit = \"chars\""));
  EXPECT_EQ(score("unit = \"tokens\"\ntarget = 4",
                  static_cast<uint32_t>(offsetof(slw_reward_batch, completion_ids))),
            SLW_OK);
  EXPECT_FLOAT_EQ(out, 0.5f);
}

}  // namespace
}  // namespace slipway
