// Help on keys and blocks, from the tables that check them.
#include "config/schema_help.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "config/blocks.h"
#include "config/schema.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string on(std::string_view name) { return schema_help_on(name, 1000); }

TEST(SchemaHelp, ExplainsEveryKeyAndBlock) {
  const std::string help = schema_help(100'000);
  for (const Key& key : run_schema()) EXPECT_THAT(help, HasSubstr(key.help));
  for (const BlockKey& key : block_schema())
    EXPECT_THAT(help, AllOf(HasSubstr(key.help), HasSubstr(written_block(key.block))));
}

TEST(SchemaHelp, LinesFitTheWidth) {
  for (const size_t columns : {40u, 80u}) {
    std::string help = schema_help(columns);
    size_t longest = 0;
    for (size_t end; (end = help.find('\n')) != std::string::npos; help.erase(0, end + 1))
      // one word may be longer
      if (help.substr(0, end).find(' ', 6) != std::string::npos) longest = std::max(longest, end);
    EXPECT_LE(longest, columns);
  }
}

TEST(SchemaHelp, OneKeyWithItsRangeChoicesAndOtherNames) {
  EXPECT_EQ(on("train.adam_beta1"),
            "[train]\n  adam_beta1 (a number, default 0.9, at least 0.0, at most 1.0)\n      First "
            "decay rate of adamw and lion.\n");
  EXPECT_THAT(on("train.logging_strategy"),
              HasSubstr("(text, default \"steps\": no | steps | epoch)"));
  EXPECT_THAT(on("optim"), StartsWith("[train]\n  optim (text"));
  EXPECT_EQ(on("warmup_ratio"), on("train.warmup_steps"));
  EXPECT_THAT(on("train.warmup_steps"), HasSubstr("Also called warmup_ratio."));
  EXPECT_THAT(on("raft.output_max_length"), StartsWith("[generation]\n  max_new_tokens ("));
  EXPECT_THAT(on("output_min_length"), AllOf(StartsWith("[raft]\n  output_min_length (of LMFlow)"),
                                             HasSubstr("Has no use here: ")));
  EXPECT_THAT(on("peft"), StartsWith("[peft]: adapters stand in [lora]"));
  EXPECT_THAT(on("run.output_dir"), HasSubstr("from the working folder"));
  EXPECT_THAT(on("search.direction"), HasSubstr("(text, default by the metric's name: minimize | "
                                                "maximize)"));
  EXPECT_THAT(on("sharded_ddp"),
              StartsWith("[train]\n  sharded_ddp (of the Hugging Face Trainer)\n      zero_stage "
                         "under its name of before"));
  EXPECT_THAT(on("train.tf32"),
              AllOf(StartsWith("[train]\n  tf32 "), HasSubstr("Has no use here: ")));
}

TEST(SchemaHelp, ASectionABlockAndWhatSeveralHave) {
  EXPECT_THAT(on("raft"), AllOf(StartsWith("[raft]\n  iterations"), HasSubstr("kl_beta"),
                                Not(HasSubstr("[train]"))));
  EXPECT_EQ(on("[raft]"), on("raft"));
  EXPECT_THAT(on("reward"), AllOf(StartsWith("[[reward]]\n  use"), HasSubstr("reward[0].weight")));
  EXPECT_EQ(on("[[reward]]"), on("reward"));
  EXPECT_THAT(on("reward.weight"), StartsWith("[[reward]]\n  weight (a number, default 1.0)"));
  EXPECT_THAT(on("use"),
              AllOf(HasSubstr("[model]"), HasSubstr("[[logger]]"), HasSubstr("[search]")));
}

TEST(SchemaHelp, AnUnknownNameComesWithTheNearest) {
  EXPECT_THROW(on(""), Error);
  try {
    on("learnin_rate");
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "a run file has no key, block or section \"learnin_rate\", did you mean "
                 "\"learning_rate\"?; `slipway config help` lists them");
  }
}

}  // namespace
}  // namespace slipway
