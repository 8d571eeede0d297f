// Run files as plain fields: paths, and faults that a single key cannot tell.
#include "config/run_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/schema.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(RunConfig, NamesEveryPathThatIsNotThere) {
  const char* kSource =
      "[run]\nalgorithm = \"sft\"\noutput_dir = \"x\"\n[model]\nweights = "
      "\"no-weights\"\n[data]\ntrain = [\"no-rows.jsonl\", \"/dev/null\"]\neval = { a = "
      "\"no-eval\" }\n[plugins]\npath = [\"no-folder\"]\n";
  std::vector<std::string> faults;
  parse_run_config(kSource, "run.toml", {}, nullptr, faults);
  EXPECT_THAT(faults, ElementsAre(HasSubstr("run.toml:5: model.weights = \"no-weights\""),
                                  HasSubstr("run.toml:7: data.train = \"no-rows.jsonl\""),
                                  HasSubstr("run.toml:8: data.eval.a = \"no-eval\""),
                                  HasSubstr("run.toml:10: plugins.path = \"no-folder\"")));
  try {
    parse_run_config(kSource, "run.toml", {}, nullptr);
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_EQ(e.faults, faults);
  }
}

}  // namespace
}  // namespace slipway
