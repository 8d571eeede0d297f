// Decoding with the real model: greedy text equal to transformers', and equal text whatever shares
// the batch.
#include "generate/generate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "operators/accelerator/device_tensors.h"
#include "tests/real_model.h"
#include "tests/unit/largest.h"

namespace slipway {
namespace {

class Generate : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    model = &(new RealModel())->model;
    record = new Json(parse_json(read_file("tests/parity/data/smollm2.json"), "smollm2.json"));
  }
  static std::vector<int32_t> prompt(size_t text) {
    return (*record)["texts"][text]["ids"].get<std::vector<int32_t>>();
  }
  static std::vector<int32_t> greedy(size_t text) {
    return (*record)["texts"][text]["greedy"].get<std::vector<int32_t>>();
  }

  static Model* model;
  static Json* record;
};
Model* Generate::model;
Json* Generate::record;

TEST_F(Generate, GreedyTextEqualsTransformers) {
  GenerationSettings settings;
  settings.sampling.temperature = 0;
  settings.max_new_tokens = static_cast<int64_t>(greedy(0).size());
  const std::vector<GenerationRequest> requests = {{prompt(0), 0, 1}, {prompt(1), 1, 1}};
  const std::vector<Completion> out = generate(*model, requests, settings);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].ids, greedy(0));
  EXPECT_EQ(out[1].ids, greedy(1));
}

TEST_F(Generate, TheSameTextWhateverSharesTheBatch) {
  GenerationSettings settings;
  settings.max_new_tokens = 10;
  const std::vector<GenerationRequest> together = {{prompt(0), 5, 4}, {prompt(1), 6, 3}};
  const std::vector<Completion> all = generate(*model, together, settings);
  ASSERT_EQ(all.size(), 7u);
  settings.max_rows = 2;  // rows leave and enter
  const std::vector<Completion> few = generate(*model, together, settings);
  const std::vector<GenerationRequest> alone = {{prompt(1), 6, 3}};
  const std::vector<Completion> single = generate(*model, alone, settings);
  for (size_t i = 0; i < 7; ++i) EXPECT_EQ(all[i].ids, few[i].ids) << i;
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(all[4 + i].ids, single[i].ids) << i;
  EXPECT_NE(all[0].ids, all[1].ids);
}

TEST_F(Generate, StopTokensEndACompletionAndAreKept) {
  GenerationSettings settings;
  settings.sampling.temperature = 0;
  settings.max_new_tokens = 8;
  settings.stop_tokens = {greedy(0)[2]};
  const std::vector<GenerationRequest> requests = {{prompt(0), 0, 1}};
  const Completion out = generate(*model, requests, settings)[0];
  EXPECT_TRUE(out.finished);
  EXPECT_EQ(out.ids.back(), greedy(0)[2]);
  EXPECT_LE(out.ids.size(), 3u);
}

// What decoding says of a drawn token, from the cache and packed weights, against the training
// forward over the whole text.
TEST_F(Generate, LogProbabilitiesEqualTheTrainingForward) {
  for (const SamplingSettings& sampling :
       {SamplingSettings{}, SamplingSettings{.temperature = 0.7, .top_k = 50, .top_p = 0.9},
        SamplingSettings{.temperature = 0}}) {
    GenerationSettings settings;
    settings.sampling = sampling;
    settings.max_new_tokens = 24;
    settings.max_rows = 5;
    const std::vector<GenerationRequest> requests = {{prompt(0), 1, 4}, {prompt(1), 2, 4}};
    double largest = 0;
    for (const Completion& c : generate(*model, requests, settings)) {
      ASSERT_EQ(c.logprobs.size(), c.ids.size());
      const std::vector<int32_t>& start = requests[c.request].prompt;
      std::vector<int64_t> ids(start.begin(), start.end()), positions;
      ids.insert(ids.end(), c.ids.begin(), c.ids.end());
      for (size_t i = 0; i < ids.size(); ++i) positions.push_back(static_cast<int64_t>(i));
      const at::Tensor whole =
          model
              ->hidden(int64_tensor(ids), int64_tensor(positions),
                       AttentionContext::packed({0, static_cast<int32_t>(ids.size())}), true)
              .detach();
      const auto drawn = static_cast<int64_t>(c.ids.size());
      const at::Tensor logprobs =
          at::log_softmax(
              model->logits(whole.narrow(0, whole.size(0) - drawn - 1, drawn), true).detach(), -1)
              .gather(1, int64_tensor({c.ids.begin(), c.ids.end()}).unsqueeze(1));
      for (int64_t i = 0; i < drawn; ++i)
        largest = largest_of(
            {largest, std::abs(logprobs[i][0].item<double>() -
                               static_cast<double>(c.logprobs[static_cast<size_t>(i)]))});
    }
    std::printf("temperature %.1f: largest difference of log-probabilities %.3g\n",
                sampling.temperature, largest);
    EXPECT_LT(largest, 1e-4);
  }
}

// Copies of weights that decoding keeps are of the weights as they are when it begins.
TEST_F(Generate, WeightsThatChangedAreSeen) {
  GenerationSettings settings;
  settings.sampling.temperature = 0;
  settings.max_new_tokens = 4;
  const std::vector<GenerationRequest> requests = {{prompt(0), 0, 1}};
  const Completion before = generate(*model, requests, settings)[0];
  const auto& specs = model->parameters().specs();
  const auto down = std::ranges::find_if(
      specs, [](const ParameterSpec& spec) { return spec.name.ends_with("mlp.down_proj.weight"); });
  ASSERT_NE(down, specs.end());
  const at::Tensor weight = model->parameters().tensor(static_cast<size_t>(down - specs.begin()));
  const at::Tensor kept = weight.detach().clone();
  const c10::InferenceMode unrecorded;
  weight.detach().mul_(-1);
  const Completion changed = generate(*model, requests, settings)[0];
  weight.detach().copy_(kept);
  const Completion after = generate(*model, requests, settings)[0];
  EXPECT_NE(changed.logprobs, before.logprobs);
  EXPECT_EQ(after.logprobs, before.logprobs);
}

TEST_F(Generate, RequestsEndOneByOneWhileOthersEnter) {
  GenerationSettings settings;
  settings.max_new_tokens = 6;
  settings.max_rows = 3;
  std::vector<GenerationRequest> requests;
  for (uint32_t i = 0; i < 9; ++i)
    requests.push_back({prompt(i % 2), i, 1 + static_cast<int>(i % 4)});
  std::vector<size_t> ended;
  GenerationHooks hooks;
  int64_t rows = 0, most = 0;
  hooks.on_progress = [&](const GenerationProgress& p) {
    most = std::max(most, p.finished_rows);
    rows = p.rows;
    return true;
  };
  hooks.on_complete = [&](size_t request, std::span<const Completion> completions) {
    ended.push_back(request);
    ASSERT_EQ(completions.size(), static_cast<size_t>(requests[request].samples));
    for (const Completion& c : completions) {
      EXPECT_EQ(c.request, request);
      EXPECT_EQ(c.ids.size(), 6u);
    }
  };
  const std::vector<Completion> few = generate(*model, requests, settings, hooks);
  EXPECT_EQ(rows, most);
  std::ranges::sort(ended);
  EXPECT_EQ(ended, (std::vector<size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
  settings.max_rows = 128;
  const std::vector<Completion> all = generate(*model, requests, settings);
  ASSERT_EQ(few.size(), all.size());
  for (size_t i = 0; i < few.size(); ++i) {
    EXPECT_EQ(few[i].ids, all[i].ids) << i;
    EXPECT_EQ(few[i].logprobs, all[i].logprobs) << i;
  }
}

TEST_F(Generate, EachTokenIsToldAndTheGenerationMayEndThere) {
  GenerationSettings settings;
  settings.max_new_tokens = 6;
  settings.max_rows = 2;
  const std::vector<GenerationRequest> requests = {{prompt(0), 0, 2}, {prompt(1), 1, 2}};
  std::vector<Completion> told(4);
  int64_t tokens = 0, stop_at = 0;
  GenerationHooks hooks;
  hooks.on_token = [&](const Completion& c, bool ended) {
    Completion& known = told[c.request * 2 + static_cast<size_t>(c.sample)];
    EXPECT_FALSE(known.finished) << "a token after the last one";
    known.ids.push_back(c.ids.back());
    EXPECT_EQ(known.ids, c.ids);
    known.finished = ended;
    return ++tokens != stop_at;
  };
  const std::vector<Completion> all = generate(*model, requests, settings, hooks);
  const std::vector<Completion> alone = generate(*model, requests, settings);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(told[i].ids, all[i].ids);
    EXPECT_EQ(alone[i].ids, all[i].ids) << "the draws do not depend on who is told";
    EXPECT_TRUE(told[i].finished);
  }
  told.assign(4, {});
  tokens = 0;
  stop_at = 5;  // both samples of the first prompt have two, the first of them three
  const std::vector<Completion> some = generate(*model, requests, settings, hooks);
  EXPECT_EQ(tokens, 5);
  EXPECT_EQ(some[0].ids, std::vector(all[0].ids.begin(), all[0].ids.begin() + 3));
  EXPECT_EQ(some[1].ids, std::vector(all[1].ids.begin(), all[1].ids.begin() + 2));
  EXPECT_TRUE(some[2].ids.empty() && some[3].ids.empty()) << "not begun";
}

TEST_F(Generate, EmptyPromptsAreRefused) {
  const std::vector<GenerationRequest> requests = {{{}, 0, 1}};
  EXPECT_THROW(generate(*model, requests, {}), Error);
  const std::vector<GenerationRequest> none = {{{1}, 0, 0}};
  EXPECT_THROW(generate(*model, none, {}), Error);
}

}  // namespace
}  // namespace slipway
