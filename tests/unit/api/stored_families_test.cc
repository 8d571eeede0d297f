// Every family with its frozen matrices in bfloat16: adapters learn beside them as beside the same
// values in float32.
#include <gtest/gtest.h>

#include "loop/loss.h"
#include "model/lora.h"
#include "tests/unit/api/family_model.h"

namespace slipway {
namespace {

// With adapters of the head's neighbours, frozen matrices in bfloat16 or rounded to it.
LoadedModel adapted(const fs::path& folder, bool stored) {
  static const Registry registry({SLIPWAY_PLUGINS});
  ModelSource source = open_source(folder);
  Lora lora{{.r = 2}};
  if (stored) lora.frozen = [](const ParameterSpec&) { return Encoding::kBF16; };
  LoadedModel out = create_model(registry, "auto", {}, source, {}, true, {}, &lora);
  source.weights->read = [read = source.weights->read, weights = &*source.weights](
                             const std::string& name, float* values, int64_t count) {
    read(name, values, count);
    if (weights->tensors.at(name)->shape.size() != 2) return;
    at::Tensor here = at::from_blob(values, {count});
    here.copy_(here.to(at::kBFloat16));
  };
  fill_weights(out, source, 0);
  out.model->parameters().initialise_adapters(3);
  return out;
}

struct Outcome {
  double loss;
  std::vector<at::Tensor> grads;
};
Outcome backward(Model& model, const Json& record) {
  std::vector<Example> examples;
  for (const Json& ids : record.at("examples"))
    examples.push_back({ids.get<std::vector<int32_t>>(), 0});
  const std::vector<const Example*> two = {&examples[0], &examples[1]};
  const PackedBatch batch = pack(two, Prompts::kShared);
  model.parameters().zero_grad();
  Outcome out{loss_backward(model, batch, static_cast<int64_t>(batch.targets.size())), {}};
  for (const FlatParameters::Group& group : model.parameters().groups())
    if (group.trainable) out.grads.push_back(group.grads.clone());
  return out;
}

TEST(StoredFamilies, LearnAsInFloat32) {
  const Json record = parse_json(read_file("tests/parity/data/families.json"), "families.json");
  size_t compared = 0;
  for (const Json& recorded : record.at("cases")) {
    SCOPED_TRACE(recorded.at("name").get<std::string>());
    if (recorded.at("config").at("model_type") == "gpt2") continue;  // it transposes its matrices
    const fs::path folder = family_folder(recorded);
    const LoadedModel stored = adapted(folder, true), plain = adapted(folder, false);
    EXPECT_LT(stored.model->parameters().weight_bytes() * 5,
              plain.model->parameters().weight_bytes() * 4);
    const Outcome ours = backward(*stored.model, record), theirs = backward(*plain.model, record);
    EXPECT_EQ(ours.loss, theirs.loss);
    ASSERT_EQ(ours.grads.size(), theirs.grads.size());
    for (size_t i = 0; i < ours.grads.size(); ++i)
      EXPECT_TRUE(at::equal(ours.grads[i], theirs.grads[i]));
    ++compared;
  }
  EXPECT_GT(compared, 20u);
}

}  // namespace
}  // namespace slipway
