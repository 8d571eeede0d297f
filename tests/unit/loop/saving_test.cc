// Checkpoints that are written while training goes on.
#include "loop/saving.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <cstdlib>
#include <future>

#include "base/place.h"
#include "record/resume_files.h"
#include "tests/unit/base/recorded_calls.h"
#include "tests/unit/loop/tiny_run.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SavingTest : public testing::Test {
 protected:
  explicit SavingTest() { write_tiny_run(folder, "ab\n", "", "max_steps = 10\n"); }

  // A run whose optimizer has stepped; in an own folder where it has a name.
  std::unique_ptr<slipway::TinyRun> tiny(std::vector<std::string> more = {}) const {
    auto out = std::make_unique<slipway::TinyRun>(folder, more);
    out->run.begin_flow(10, 1);
    out->run.begin_schedule(out->run.stage, 10);
    step(*out);
    return out;
  }
  static void step(slipway::TinyRun& tiny) {
    const at::NoGradGuard no_grad;
    tiny.model.parameters().zero_grad();
    for (FlatParameters::Group& group : tiny.model.parameters().groups())
      group.grads.fill_(0.25f + static_cast<float>(tiny.run.optimizer->step_count()));
    tiny.run.optimizer->step(0.1);
  }
  static std::string said(const std::function<void()>& body) {
    testing::internal::CaptureStderr();
    body();
    return testing::internal::GetCapturedStderr();
  }
  std::vector<fs::path> checkpoints() const { return list_checkpoints(folder / "run"); }

  const fs::path folder = scratch();
};

CheckpointFile file_that(std::function<void()> first) {
  return {"more.txt", [first = std::move(first)](const fs::path& path) {
            first();
            write_file_durably(path, "more");
          }};
}

TEST_F(SavingTest, FilesHoldWhatWasTrueWhenTheCopyWasMade) {
  const auto run = tiny();
  const auto files = [&](const HostValues& values) {
    std::vector<CheckpointFile> out =
        model_files(run->model, model_folder_of(run->config, parse_json(kTinyModel, "config.json")),
                    run->tokenizer, values);
    for (CheckpointFile& file : resume_files({*run->run.optimizer, run->model.parameters(),
                                              run->run.schedule.get(), 1, 0.1, nullptr, 7, values}))
      out.push_back(std::move(file));
    return out;
  };
  const auto write = [&](const std::vector<CheckpointFile>& some, const char* name) {
    create_folder(folder / name);
    for (const CheckpointFile& file : some) file.write(folder / name / file.name);
  };
  write(files(on_host), "then");
  const auto copy = run->run.saving.copy(run->model.parameters(), *run->run.optimizer, false);
  ASSERT_NE(copy, nullptr);
  const std::vector<CheckpointFile> behind =
      files([&](const at::Tensor& tensor) { return copy->held(tensor); });
  step(*run);
  write(behind, "behind");
  write(files(on_host), "later");
  const std::vector<fs::path> all = list_folder(folder / "then");
  EXPECT_GT(all.size(), 5u);
  for (const fs::path& path : all)
    EXPECT_EQ(read_file(folder / "behind" / path.filename()), read_file(path)) << path;
  for (const char* name : {"model.safetensors", "optimizer.pt"})
    EXPECT_NE(read_file(folder / "later" / name), read_file(folder / "then" / name)) << name;
}

TEST_F(SavingTest, TrainingGoesOnWhileACheckpointIsWritten) {
  const auto run = tiny();
  std::promise<void> goes_on;
  const fs::path saved = run->run.save({file_that([&] { goes_on.get_future().wait(); })});
  EXPECT_THAT(checkpoints(), IsEmpty());
  run->run.saving.hear();  // waits for nothing
  goes_on.set_value();
  run->run.saving.finish();
  EXPECT_THAT(checkpoints(), ElementsAre(saved));
  EXPECT_NO_THROW(verify_checkpoint(saved));
}

TEST_F(SavingTest, TheNextOneWaitsForTheOneBefore) {
  const auto run = tiny({"train.save_total_limit=1"});
  const RecordedCalls disk(folder / "run");
  run->run.save({});
  run->run.state.global_step = 1;
  run->run.save({});
  run->run.saving.finish();
  const std::vector<std::string> calls = disk.calls();
  const auto first = [&](const char* text) {
    return std::ranges::find_if(
               calls,
               [&](const std::string& call) { return call.find(text) != std::string::npos; }) -
           calls.begin();
  };
  EXPECT_LT(first("-> checkpoint-0"), first("mkdir .checkpoint-1"));
  EXPECT_LT(first("-> checkpoint-1"), first("rename checkpoint-0"));
  EXPECT_THAT(checkpoints(), ElementsAre(folder / "run" / "checkpoint-1"));
}

TEST_F(SavingTest, OneThatCannotBeWrittenEndsTheRunAndCostsNoOther) {
  for (const bool behind : {true, false}) {
    const auto run = tiny({"train.save_total_limit=1", fmt::format("train.async_save={}", behind)});
    const fs::path whole = run->run.save({});
    run->run.state.global_step = 1;
    const auto failing = [&] {
      run->run.save({file_that([] { fail("No space left on device"); })});
      for (;;) run->run.after_step({1, 10, 1.0, 1.0, 0.1, 0.5, 3});
    };
    EXPECT_THAT(failing, testing::ThrowsMessage<Error>("No space left on device")) << behind;
    EXPECT_THAT(checkpoints(), ElementsAre(whole)) << behind;
    EXPECT_NO_THROW(verify_checkpoint(whole));
    EXPECT_FALSE(fs::exists(folder / "run" / ".checkpoint-1.slipway-part")) << "takes room";
  }
}

TEST_F(SavingTest, WhoReadsCheckpointsWaits) {
  const auto run = tiny();
  const fs::path saved = run->run.save({});
  run->run.load_weights(saved);
  EXPECT_THAT(checkpoints(), ElementsAre(saved));
  run->run.state.global_step = 1;
  const RecordedCalls disk(folder / "run");
  run->run.save({});
  run->run.save_final_model();
  bool final_model = false;
  for (const std::string& call : disk.calls()) {
    const bool of_checkpoint = call.find("checkpoint-1") != std::string::npos;
    EXPECT_FALSE(final_model && of_checkpoint) << call;
    final_model = final_model || (!of_checkpoint && call != "fsync .");
  }
  EXPECT_TRUE(final_model);
}

TEST_F(SavingTest, WhyTrainingWaitsIsSaidOnce) {
  const auto copied = [&](const std::vector<std::string>& more, bool fits, bool told) {
    const auto run = tiny(more);
    Saving saving(run->config, run->run.clock, fits);
    bool out = false;
    const std::string words = said([&] {
      for (int time = 0; time < 2; ++time)
        out = saving.copy(run->model.parameters(), *run->run.optimizer, told) != nullptr;
    });
    return (out ? "copy " : "waits ") + words;
  };
  EXPECT_EQ(copied({}, true, false), "copy ");
  EXPECT_EQ(copied({"train.async_save=false"}, true, false), "waits ");
  EXPECT_EQ(copied({}, false, false), "waits ") << "said when the run's memory was reckoned";
  EXPECT_EQ(copied({}, true, true),
            "waits info: training waits while checkpoints are written: a callback is told of each "
            "(on_save), and finds it complete\n");
}

using SavingDeathTest = SavingTest;

TEST_F(SavingDeathTest, WithoutMemoryForTheCopyTrainingWaits) {
  const auto run = tiny();
  EXPECT_EXIT(
      {
        rlimit space{};
        space.rlim_cur = space.rlim_max = 1;
        setrlimit(RLIMIT_AS, &space);
        const auto copy = run->run.saving.copy(run->model.parameters(), *run->run.optimizer, false);
        std::_Exit(copy == nullptr ? 7 : 1);
      },
      testing::ExitedWithCode(7),
      "info: training waits while checkpoints are written: a copy of 0.00 GiB does not fit into "
      "the memory that is free\n");
}

}  // namespace
}  // namespace slipway
