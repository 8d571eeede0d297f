// Every argument of transformers' TrainingArguments has its place here, with their default or a
// reason.
#include "config/training_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "base/files.h"
#include "base/json.h"
#include "config/schema.h"
#include "config/toml.h"

namespace slipway {
namespace {

using enum Value::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Key* key_of(const std::string& name) {
  for (const Key& key : run_schema())
    if (std::string_view(key.section) == "train" && key.name == name) return &key;
  return nullptr;
}

// Names, types and defaults of the installed transformers: tests/parity/record_arguments.py.
Json recorded() {
  return parse_json(read_file("tests/parity/data/training_arguments.json"),
                    "training_arguments.json");
}

Value check(const std::string& train, std::vector<std::string>* notices = nullptr) {
  return check_run_file(
      parse_toml(
          "[run]\nalgorithm = \"sft\"\noutput_dir = \"x\"\n[data]\ntrain = [\"t\"]\n[train]\n" +
              train,
          "run.toml"),
      notices);
}

std::string refusal(const std::string& train) {
  try {
    check(train);
    return "";
  } catch (const ConfigError& e) {
    return e.what();
  }
}

TEST(TrainingArguments, EachIsKnown) {
  std::vector<std::string> unknown, twice;
  const Json all = recorded();
  for (const auto& [name, argument] : all["arguments"].items()) {
    const bool known = key_of(name) != nullptr || idle_argument(name) != nullptr ||
                       former_switch(name) != nullptr ||
                       refusal(name + " = 3").find("unknown key") == std::string::npos;
    if (!known) unknown.push_back(name);
    if (key_of(name) != nullptr && idle_argument(name) != nullptr) twice.push_back(name);
  }
  EXPECT_THAT(unknown, IsEmpty());
  EXPECT_THAT(twice, IsEmpty()) << "a key of [train] needs no place among those that are none";
  EXPECT_EQ(recorded()["arguments"].size(), 114u);
}

// What stands for None here; of numbers 0, or -1 where 0 is a value.
bool none(const Value& value) {
  return (value.kind == kString && (value.s.empty() || value.s == "auto")) ||
         (value.is_number() && (value.number() == 0 || value.number() == -1)) ||
         (value.kind == kTable && value.table.empty()) ||
         (value.kind == kArray && value.items.empty()) || (value.kind == kBool && !value.b);
}

bool equal(const Value& ours, const Json& theirs) {
  if (theirs.is_null()) return none(ours);
  if (theirs.is_boolean()) return ours.kind == kBool && ours.b == theirs.get<bool>();
  if (theirs.is_number()) return ours.is_number() && ours.number() == theirs.get<double>();
  if (theirs.is_string()) return ours.kind == kString && ours.s == theirs.get<std::string>();
  return theirs.empty() && none(ours);
}

TEST(TrainingArguments, DefaultsAreTheirsOrTheDifferenceHasAReason) {
  const Json all = recorded();
  for (const auto& [name, argument] : all["arguments"].items()) {
    const Key* key = key_of(name);
    if (key == nullptr) continue;
    ASSERT_NE(key->fallback, nullptr) << name;
    const bool same = equal(parse_toml_value(key->fallback, name), argument["default"]);
    const OtherDefault* other = other_default(name);
    EXPECT_EQ(same, other == nullptr)
        << name << ": " << key->fallback << " here, " << argument["default"] << " in transformers";
    if (other == nullptr) continue;
    EXPECT_TRUE(equal(parse_toml_value(other->theirs, name), argument["default"])) << name;
  }
}

TEST(TrainingArguments, TypesAreTheirs) {
  const Json all = recorded();
  for (const auto& [name, argument] : all["arguments"].items()) {
    const Key* key = key_of(name);
    if (key == nullptr) continue;
    const std::string type = argument["type"].get<std::string>();
    // text that takes true and false
    const bool switches =
        key->choices != nullptr &&
        std::string_view(key->choices).find("true|false") != std::string_view::npos;
    const char* word = key->kind == kBool || (switches && type.find("str") == std::string::npos)
                           ? "bool"
                       : key->kind == kInt   ? "int"
                       : key->kind == kFloat ? "float"
                       : key->kind == kTable ? "dict"
                       : key->kind == kArray ? "list"
                                             : "str";
    // a number with a fraction may be whole
    const bool is_wider = key->kind == kFloat && type.starts_with("int");
    EXPECT_THAT(type, HasSubstr(is_wider ? "int" : word)) << name;
  }
}

TEST(TrainingArguments, FormerSwitchesSayWhatTheyAreNow) {
  std::vector<std::string> notices;
  const Value resolved =
      check("adafactor = true\nno_cuda = true\ninclude_tokens_per_second = true", &notices);
  EXPECT_EQ(resolved.find("train")->find("optim")->s, "adafactor");
  EXPECT_EQ(resolved.find("train")->find("include_num_input_tokens_seen")->s, "all");
  EXPECT_THAT(notices,
              ElementsAre("run.toml:7: train.adafactor = true is called optim = \"adafactor\" here",
                          "run.toml:8: train.no_cuda = true is called device = \"cpu\" here",
                          "run.toml:9: train.include_tokens_per_second = true is called "
                          "include_num_input_tokens_seen = \"all\" here"));
  notices.clear();
  check("adafactor = false", &notices);
  EXPECT_THAT(notices, ElementsAre("run.toml:7: train.adafactor = false is what happens anyway"));
}

TEST(TrainingArguments, WhatCannotBeHadIsRefusedWithTheReason) {
  EXPECT_THAT(refusal("parallelism_config = \"x\""), HasSubstr("whole blocks on whole sequences"));
  EXPECT_THAT(refusal("dataloader_num_workers = 4"), HasSubstr("in a thread ahead of their step"));
  EXPECT_THAT(refusal("tf32 = true"), HasSubstr("float32"));
  EXPECT_THAT(refusal("local_rank = 1"), HasSubstr("slipway launch"));
  EXPECT_EQ(refusal("fp16 = false\nlocal_rank = -1\nfsdp = \"\"\nddp_timeout = 1800\n_n_gpu = 1"),
            "");
  for (const char* either : {"true", "false"})
    for (const char* name :
         {"ddp_find_unused_parameters", "ddp_broadcast_buffers", "ddp_static_graph"})
      EXPECT_EQ(refusal(std::string(name) + " = " + either), "") << name;
}

// Those of versions 4.28 to 4.57 that 5.23 has no more.
TEST(TrainingArguments, FormerNamesAreKnown) {
  for (const char* name : {"overwrite_output_dir",
                           "evaluation_strategy",
                           "per_gpu_train_batch_size",
                           "per_gpu_eval_batch_size",
                           "warmup_ratio",
                           "logging_dir",
                           "save_safetensors",
                           "no_cuda",
                           "use_mps_device",
                           "xpu_backend",
                           "jit_mode_eval",
                           "use_ipex",
                           "torchdynamo",
                           "fp16_opt_level",
                           "half_precision_backend",
                           "fp16_backend",
                           "tpu_num_cores",
                           "tpu_metrics_debug",
                           "past_index",
                           "sharded_ddp",
                           "fsdp_min_num_params",
                           "fsdp_transformer_layer_cls_to_wrap",
                           "adafactor",
                           "use_legacy_prediction_loop",
                           "include_inputs_for_metrics",
                           "include_tokens_per_second",
                           "push_to_hub_model_id",
                           "push_to_hub_organization",
                           "push_to_hub_token",
                           "ray_scope",
                           "_n_gpu",
                           "mp_parameters"})
    EXPECT_EQ(refusal(std::string(name) + " = 3").find("unknown key"), std::string::npos) << name;
}

}  // namespace
}  // namespace slipway
