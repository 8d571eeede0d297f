// train.auto_find_batch_size: what is tried. What becomes of the folder in between:
// run_folder_test.cc.
#include "api/batch_size.h"

#include "base/place.h"
#include "operators/out_of_memory.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Try = std::pair<int64_t, int64_t>;

class BatchSize : public testing::Test {
 protected:
  BatchSize() {
    write_file_durably(folder / "texts.txt", "a\n");
    create_folder(folder / "model");
    write_file_durably(folder / "run.toml",
                       "[run]\nalgorithm = \"sft\"\noutput_dir = \"" + run.string() +
                           "\"\n[model]\nweights = \"model\"\n[data]\ntrain = "
                           "[\"texts.txt\"]\n[train]\nauto_find_batch_size = true\n"
                           "per_device_train_batch_size = 10\nmax_tokens_per_batch = 512\n");
  }
  RunConfig config(const std::vector<std::string>& more = {}) const {
    return load_run_config(folder / "run.toml", more, nullptr);
  }
  static Try now(const RunConfig& c) {
    return {c.integer("train", "per_device_train_batch_size"),
            c.integer("train", "max_tokens_per_batch")};
  }
  const fs::path folder = scratch(), run = folder / "run";
};

TEST_F(BatchSize, BatchAndTokensShrinkUntilTheyFit) {
  RunConfig c = config();
  std::vector<Try> tried;
  find_batch_size(c, {}, [&] {
    tried.push_back(now(c));
    if (tried.size() < 4) throw OutOfMemory("no room");
  });
  EXPECT_THAT(tried, ElementsAre(Try{10, 512}, Try{9, 460}, Try{8, 414}, Try{7, 372}));
  RunConfig whole = config({"train.max_tokens_per_batch=0"});
  tried.clear();
  find_batch_size(whole, {}, [&] {
    tried.push_back(now(whole));
    if (tried.size() < 2) throw OutOfMemory("no room");
  });
  EXPECT_THAT(tried, ElementsAre(Try{10, 0}, Try{9, 0}));
  EXPECT_THAT(error_of([&] { find_batch_size(c, {}, [] { throw OutOfMemory("no room"); }); }),
              HasSubstr("no room (train.auto_find_batch_size: no batch size is left to try)"));
}

TEST_F(BatchSize, OtherFaultsEndItAndSoDoesAResumedRun) {
  RunConfig c = config();
  EXPECT_EQ(error_of([&] { find_batch_size(c, {}, [] { fail("another fault"); }); }),
            "another fault");
  write_file_durably(
      run / "checkpoint-3" / "trainer_state.json",
      R"({"epoch": 1, "global_step": 3, "max_steps": 9, "log_history": [], "train_batch_size": 6})");
  Try tried;
  EXPECT_THAT(error_of([&] {
                find_batch_size(c, run / "checkpoint-3", [&] {
                  tried = now(c);
                  throw OutOfMemory("no room");
                });
              }),
              HasSubstr("a run that is resumed keeps its batch size of 6"));
  EXPECT_EQ(tried.first, 6);
}

}  // namespace
}  // namespace slipway
