// SmolLM2 through the plugin boundary: logits equal to those that transformers computed from the
// same file.
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/json.h"
#include "tests/real_model.h"

namespace slipway {
namespace {

TEST(SmolLM2, LogitsEqualTransformers) {
  RealModel real;
  Model& model = real.model;

  const Json record = parse_json(read_file("tests/parity/data/smollm2.json"), "smollm2.json");
  for (const char* key :
       {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "vocab_size", "max_position_embeddings"})
    EXPECT_EQ(real.config[key], record["config"][key]) << key;
  EXPECT_EQ(real.config["tie_word_embeddings"], record["config"]["tie_word_embeddings"]);

  const auto ids = record["texts"][0]["ids"].get<std::vector<int64_t>>();
  const auto n = static_cast<int64_t>(ids.size());
  const AttentionContext context = AttentionContext::packed({0, static_cast<int32_t>(n)});
  const at::NoGradGuard no_grad;
  const at::Tensor hidden = model.hidden(at::tensor(at::ArrayRef<int64_t>(ids), at::kLong),
                                         at::arange(n), context, false);
  const std::string expected = read_file("tests/parity/data/smollm2_logits.bin");
  const auto vocab = model.info().vocab_size;
  const auto rows = static_cast<int64_t>(expected.size() / sizeof(float)) / vocab;
  ASSERT_EQ(rows, 5);
  const at::Tensor theirs =
      at::from_blob(const_cast<char*>(expected.data()), {rows, vocab}, at::kFloat);
  const at::Tensor ours = model.logits(hidden.narrow(0, n - rows, rows), false);
  const double difference = (ours - theirs).abs().max().item<double>();
  std::printf("largest difference of logits: %.3g (largest logit %.3g)\n", difference,
              theirs.abs().max().item<double>());
  EXPECT_LT(difference, 1e-4);
}

}  // namespace
}  // namespace slipway
