// scheduler.pt: the peers' own files (tests/parity/record_optimizer_files.py, record_resume.py) are
// written as they are, and gone on from.
#include "optim/scheduler_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/unit/optim/same_files.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const fs::path kData = "tests/parity/data";
const ScheduleSettings kLinear = {"linear", Json::object(), 3e-3, 5, 40};
const ScheduleSettings kPlateau = {
    "reduce_lr_on_plateau", {{"patience", 1}, {"cooldown", 2}, {"factor", 0.5}}, 1e-3, 0, 10};
const ScheduleSettings kGreedy = {"greedy",
                                  {{"patience", 1},
                                   {"cooldown", 1},
                                   {"warmup", 1},
                                   {"factor", 0.5},
                                   {"min_lr", 1e-5},
                                   {"smooth", true},
                                   {"window_size", 3}},
                                  1e-3,
                                  0,
                                  10};
const double kMetrics[] = {3.0, 2.5, 2.5, 2.6, 2.7, 2.4, 2.3, 2.2, 2.9};

std::vector<std::string> differences_to(const fs::path& theirs, const Schedule& schedule,
                                        int64_t step) {
  const fs::path ours = scratch_folder() / "scheduler.pt";
  write_torch_file(ours, scheduler_state(schedule, step));
  return differences(theirs, ours);
}

TEST(SchedulerFile, OfAFormulaIsThePeers) {
  EXPECT_THAT(
      differences_to(kData / "resume/checkpoint-20/scheduler.pt", *make_schedule(kLinear), 20),
      testing::IsEmpty());
  write_torch_file(scratch_folder() / "constant.pt",
                   scheduler_state(*make_schedule({"constant", Json::object(), 1e-3, 0, 10}), 3));
  // a function has no state
  EXPECT_EQ(TorchFile(scratch_folder() / "constant.pt").value().find("lr_lambdas")->items[1].kind,
            TorchValue::Kind::kNone);
}

TEST(SchedulerFile, OfEvaluationsIsThePeers) {
  for (const auto& [file, settings] : {std::pair("torch_scheduler_plateau.pt", kPlateau),
                                       std::pair("torch_scheduler_greedy.pt", kGreedy)}) {
    const auto schedule = make_schedule(settings);
    for (const double metric : kMetrics) schedule->evaluated(metric);
    EXPECT_THAT(differences_to(kData / file, *schedule, 9), testing::IsEmpty()) << file;
  }
}

TEST(SchedulerFile, OfEvaluationsIsGoneOnFrom) {
  for (const auto& [file, settings] : {std::pair("torch_scheduler_plateau.pt", kPlateau),
                                       std::pair("torch_scheduler_greedy.pt", kGreedy)}) {
    const auto whole = make_schedule(settings), resumed = make_schedule(settings);
    for (const double metric : kMetrics) whole->evaluated(metric);
    EXPECT_THAT(read_scheduler(kData / file, *resumed, settings.name, 9).differences,
                testing::IsEmpty());
    EXPECT_EQ(resumed->state(), whole->state()) << file;
    for (const double metric : {2.1, 3.0, 3.1, 3.2, 1.0, 0.5, 0.4, 0.3}) {
      whole->evaluated(metric), resumed->evaluated(metric);
      EXPECT_EQ(resumed->at(0), whole->at(0)) << file;
    }
  }
}

TEST(SchedulerFile, SaysWhereAFormulaStands) {
  const fs::path file = kData / "resume/checkpoint-20/scheduler.pt";
  const ReadScheduler same = read_scheduler(file, *make_schedule(kLinear), "linear", 20);
  EXPECT_EQ(same.offset, 0);
  EXPECT_THAT(same.differences, testing::IsEmpty());
  // three steps that the peer's loss scaling passed over
  EXPECT_EQ(read_scheduler(file, *make_schedule(kLinear), "linear", 23).offset, -3);
  ScheduleSettings other = kLinear;
  other.steps = 80;
  EXPECT_THAT(read_scheduler(file, *make_schedule(other), "linear", 20).differences,
              testing::ElementsAre(AllOf(HasSubstr("its next learning rate is 0.0017"),
                                         HasSubstr("the run file's schedule gives 0.0024"),
                                         HasSubstr(" after 20 updates"))));
}

std::string refusal(const fs::path& file, const ScheduleSettings& settings) {
  try {
    (void)read_scheduler(file, *make_schedule(settings), settings.name, 9);
  } catch (const Error& e) {
    return e.what();
  }
  return "taken";
}

TEST(SchedulerFile, AnotherKindIsNamed) {
  EXPECT_THAT(
      refusal(kData / "torch_scheduler_plateau.pt", kLinear),
      HasSubstr(
          "was written by \"reduce_lr_on_plateau\", and train.lr_scheduler_type is \"linear\""));
  EXPECT_THAT(
      refusal(kData / "torch_scheduler_greedy.pt", kPlateau),
      HasSubstr(
          "was written by \"greedy\", and train.lr_scheduler_type is \"reduce_lr_on_plateau\""));
  EXPECT_THAT(refusal(kData / "torch_scheduler.pt", kGreedy),
              HasSubstr("was written by a schedule that goes by steps"));
  EXPECT_THAT(refusal(kData / "torch_optimizer.pt", kLinear),
              HasSubstr("is not a learning-rate schedule"));
}

TEST(SchedulerFile, OtherOptionsAreTold) {
  ScheduleSettings other = kPlateau;
  other.options["patience"] = 7;
  EXPECT_THAT(
      read_scheduler(kData / "torch_scheduler_plateau.pt", *make_schedule(other), other.name, 9)
          .differences,
      testing::ElementsAre(HasSubstr("has patience = 1, here it is 7; the run file's is used")));
}

}  // namespace
}  // namespace slipway
