// Evaluations that ranks share: what the first one's hooks hear is what one process hears.
#include "loop/part_relay.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "tests/unit/loop/tiny_stage.h"
#include "tests/unit/thread_ranks.h"

namespace slipway {
namespace {

struct Heard {
  Json metrics;
  std::vector<size_t> firsts;  // of the parts, as they came
  std::vector<float> logprobs;
  std::vector<int32_t> predictions;
  std::map<int64_t, std::vector<float>> logits;  // by example and position
  size_t most_rows = 0;                          // of logits at once
  std::vector<int64_t> rounds;                   // of each rank
};

// Lengths so uneven that ranks have different numbers of pieces, or none; the third has more labels
// than logits exist at once.
std::vector<Example> uneven_examples(size_t count) {
  std::vector<Example> out;
  for (size_t i = 0; i < count; ++i) {
    const size_t length = i == 2 ? static_cast<size_t>(kHeadRows) + 90 : 3 + i * 5 % 11;
    Example example{std::vector<int32_t>(length),
                    static_cast<int64_t>(i == 4 ? length : 1 + i % 2)};
    for (size_t t = 0; t < length; ++t)
      example.ids[t] = static_cast<int32_t>((i * 3 + t * t + t) % 16);
    out.push_back(std::move(example));
  }
  return out;
}

Heard heard_by_first(int64_t world, const std::vector<Example>& examples, bool logits = true) {
  Heard out;
  out.rounds.resize(static_cast<size_t>(world));
  const ThreadRanks ranks(world, [&](RankGroup& group) {
    TinyStage tiny;
    EvaluationSettings settings;
    settings.batch_size = 2;
    settings.max_tokens = 12;
    settings.ranks = &group;
    EvaluationHooks hooks;
    hooks.predictions = true;
    const auto need_first = [&] { ASSERT_TRUE(group.leads()) << "another rank's hook was called"; };
    hooks.on_part = [&](const EvaluatedPart& part) {
      need_first();
      out.firsts.push_back(part.first);
      out.logprobs.insert(out.logprobs.end(), part.logprobs.begin(), part.logprobs.end());
      out.predictions.insert(out.predictions.end(), part.predictions.begin(),
                             part.predictions.end());
    };
    if (logits)
      hooks.on_logits = [&](const EvaluatedPart& part, size_t label, const at::Tensor& logits_NV) {
        need_first();
        out.most_rows = std::max(out.most_rows, static_cast<size_t>(logits_NV.size(0)));
        for (int64_t row = 0; row < logits_NV.size(0); ++row, ++label) {
          const auto example = std::ranges::upper_bound(part.offsets, static_cast<int64_t>(label)) -
                               part.offsets.begin() - 1;
          const int64_t key =
              (static_cast<int64_t>(part.first) + example) * 10'000 + part.positions[label];
          const float* values = logits_NV.const_data_ptr<float>() + row * logits_NV.size(1);
          EXPECT_TRUE(out.logits.emplace(key, std::vector<float>(values, values + 16)).second);
        }
      };
    hooks.on_round = [&] { ++out.rounds[static_cast<size_t>(group.rank())]; };
    const Json metrics = evaluate(tiny.model, examples, settings, {}, "eval", hooks);
    if (group.leads()) out.metrics = metrics;
  });
  return out;
}

TEST(PartRelay, TheFirstRankHearsWhatOneProcessHears) {
  for (const size_t count : {1, 7, 12}) {
    const std::vector<Example> examples = uneven_examples(count);
    const Heard alone = heard_by_first(1, examples);
    // an uneven tail, and more ranks than batches
    for (const int64_t world : {2, 3, 8}) {
      const Heard heard = heard_by_first(world, examples);
      EXPECT_EQ(heard.firsts, alone.firsts) << count << " on " << world;
      EXPECT_EQ(heard.logprobs, alone.logprobs) << count << " on " << world;
      EXPECT_EQ(heard.predictions, alone.predictions) << count << " on " << world;
      EXPECT_EQ(heard.logits, alone.logits) << count << " on " << world;
      EXPECT_EQ(heard.metrics["eval_loss"], alone.metrics["eval_loss"]) << count << " on " << world;
      EXPECT_LE(heard.most_rows, static_cast<size_t>(kHeadRows));
      for (const int64_t rounds : heard.rounds) EXPECT_EQ(rounds, heard.rounds[0]);
    }
  }
}

TEST(PartRelay, LogitsThatNobodyWantsDoNotTravel) {
  const std::vector<Example> examples = uneven_examples(5);
  const Heard alone = heard_by_first(1, examples, false),
              heard = heard_by_first(2, examples, false);
  EXPECT_TRUE(heard.logits.empty());
  EXPECT_EQ(heard.logprobs, alone.logprobs);
}

}  // namespace
}  // namespace slipway
