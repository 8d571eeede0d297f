// Prediction files: rows and padded arrays of two examples, and nothing left of a file that was not
// finished.
#include "loop/predictions.h"

#include "tests/unit/plugin/fixture_files.h"
#include "weights/safetensors.h"

namespace slipway {
namespace {

using testing::ElementsAre;

constexpr int64_t kThreeWords = 3;

// Two examples, of four and two tokens, with two labels and one.
struct TwoExamples {
  std::vector<Example> examples = {{{0, 1, 2, 1}, 2}, {{2, 0}, 1}};
  EvaluatedPart part{0,        examples, {0, 2, 3}, {2, 1, 0}, {2, 3, 1}, {-0.1F, -2.5F, -1.0F},
                     {2, 0, 0}};
  at::Tensor logits_NV = at::arange(9, at::kFloat).view({3, kThreeWords});

  fs::path write(const std::string& name, const std::set<std::string>& outputs,
                 bool commit = true) {
    const Tokenizer tokenizer = load_tokenizer("tests/parity/data/tokenizer_gpt2.json");
    const fs::path path = scratch() / name;
    const auto file = open_predictions(path, outputs, examples, tokenizer, kThreeWords);
    EvaluationHooks hooks;
    file->follow(hooks);
    EXPECT_EQ(hooks.predictions, outputs.contains("predictions"));
    EXPECT_EQ(hooks.on_logits != nullptr, outputs.contains("logits"));
    if (hooks.on_logits)
      for (int64_t n = 0; n < 3; n += 2)
        hooks.on_logits(part, static_cast<size_t>(n), logits_NV.narrow(0, n, n == 0 ? 2 : 1));
    hooks.on_part(part);
    if (commit) file->commit();
    return path;
  }
};

template <class T>
std::vector<T> values(const TensorInfo& tensor) {
  const auto* data = reinterpret_cast<const T*>(tensor.bytes.data());
  return {data, data + tensor.bytes.size() / sizeof(T)};
}

TEST(Predictions, JsonLinesHaveARowAnExample) {
  EXPECT_EQ(read_file(TwoExamples().write("p.jsonl", {"label_ids", "predictions", "logprobs"})),
            "{\"label_ids\":[2,1],\"predictions\":[2,0],\"logprobs\":[-0.1,-2.5]}\n{\"label_ids\":["
            "0],\"predictions\":[0],\"logprobs\":[-1.0]}\n");
}

TEST(Predictions, ArraysArePaddedAsHuggingFacesAre) {
  const Safetensors file(
      TwoExamples().write("p.safetensors", {"label_ids", "predictions", "logprobs", "logits"}));
  ASSERT_EQ(file.tensors().size(), 4U);
  const auto find = [&](const std::string& name) -> const TensorInfo& {
    return *std::ranges::find(file.tensors(), name, &TensorInfo::name);
  };
  EXPECT_THAT(find("label_ids").shape, ElementsAre(2, 4));
  EXPECT_THAT(values<int64_t>(find("label_ids")),
              ElementsAre(-100, -100, 2, 1, -100, 0, -100, -100));
  EXPECT_THAT(values<int64_t>(find("predictions")),
              ElementsAre(-100, 2, 0, -100, 0, -100, -100, -100));
  EXPECT_THAT(values<float>(find("logprobs")),
              ElementsAre(-100, -100, -0.1F, -2.5F, -100, -1, -100, -100));
  EXPECT_THAT(find("logits").shape, ElementsAre(2, 4, 3));
  EXPECT_THAT(values<float>(find("logits")),
              ElementsAre(-100, -100, -100, 0, 1, 2, 3, 4, 5, -100, -100, -100, 6, 7, 8, -100, -100,
                          -100, -100, -100, -100, -100, -100, -100));
}

TEST(Predictions, AnUnfinishedFileIsNotLeftBehind) {
  for (const char* name : {"p.jsonl", "p.safetensors"}) {
    const fs::path path = TwoExamples().write(name, {"label_ids"}, /*commit=*/false);
    EXPECT_TRUE(fs::is_empty(path.parent_path())) << name;
  }
}

}  // namespace
}  // namespace slipway
