// What a model declares against what a file holds.
#include "model/check_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;

ParameterSpec spec(const char* name, std::vector<int64_t> shape, int tied_to = -1) {
  ParameterSpec out;
  out.name = name;
  out.shape = std::move(shape);
  out.tied_to = tied_to;
  return out;
}

class CheckWeights : public testing::Test {
 protected:
  CheckWeights() { weights_.origin = "folder"; }
  void add(const char* name, std::vector<int64_t> shape, const std::vector<float>& values,
           const char* in_file = nullptr) {
    tensors_.push_back(std::make_unique<TensorInfo>(TensorInfo{in_file != nullptr ? in_file : name,
                                                               Encoding::kF32, std::move(shape),
                                                               std::as_bytes(std::span(values))}));
    weights_.tensors.emplace(name, tensors_.back().get());
    weights_.names.emplace_back(name);
  }
  std::string fault(const std::vector<ParameterSpec>& specs) {
    try {
      check_weights(specs, weights_);
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  }

  const std::vector<float> values_ = {1, 2, 3, 4}, others_ = {1, 2, 3, 5};
  ModelWeights weights_;
  std::vector<std::unique_ptr<TensorInfo>> tensors_;
};

TEST_F(CheckWeights, EveryParameterInItsExactShape) {
  add("embed", {2, 2}, values_);
  add("norm", {4}, values_);
  EXPECT_EQ(fault({spec("embed", {2, 2}), spec("norm", {4})}), "");
  EXPECT_THAT(
      fault({spec("embed", {4, 1}), spec("norm", {4})}),
      AllOf(HasSubstr("folder: tensor embed has the shape [2, 2], the model needs [4, 1]")));
  EXPECT_THAT(fault({spec("embed", {2, 2}), spec("norms", {4})}),
              HasSubstr("no tensor \"norms\", did you mean \"norm\"?"));
}

TEST_F(CheckWeights, ATensorWithoutAPlaceIsAnErrorUnderTheNameThatTheFileHasForIt) {
  add("embed", {2, 2}, values_);
  add("layers.0.q.bias", {4}, values_, "blk.0.attn_q.bias");
  EXPECT_THAT(
      fault({spec("embed", {2, 2})}),
      HasSubstr(
          "folder: the model has no place for a tensor: blk.0.attn_q.bias (layers.0.q.bias)"));
  for (const char* name : {"a", "b", "c", "d", "e"}) add(name, {4}, values_);
  EXPECT_THAT(fault({spec("embed", {2, 2})}),
              AllOf(HasSubstr("no place for 6 tensors: a, b, c, d and 2 more"),
                    HasSubstr("another architecture")));
  weights_.program = "model.pt";
  EXPECT_EQ(fault({spec("embed", {2, 2})}), "") << "a program holds its buffers itself";
}

TEST_F(CheckWeights, ATiedTensorMayBeThereWithTheValuesOfTheOther) {
  const std::vector<ParameterSpec> specs = {spec("embed", {2, 2}), spec("head", {2, 2}, 0)};
  add("embed", {2, 2}, values_);
  EXPECT_EQ(fault(specs), "");
  add("head", {2, 2}, values_);
  EXPECT_EQ(fault(specs), "");
  weights_.tensors.erase("head");
  add("head", {2, 2}, others_);
  EXPECT_THAT(fault(specs), AllOf(HasSubstr("ties head to embed, but the file holds other values"),
                                  HasSubstr("\"tie_word_embeddings\": false")));
  weights_.tensors.erase("head");
  add("head", {4}, values_);
  EXPECT_THAT(fault(specs), HasSubstr("tensor head has the shape [4]"));
}

}  // namespace
}  // namespace slipway
