// Whose numbers go into which row, and under which name.
#include "plugin/report_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/services.h"

namespace slipway {
namespace {

RunFacts on(ReportBoard& board, bool apart = false) {
  RunFacts facts;
  facts.reports = &board;
  facts.reports_apart = apart;
  return facts;
}

TEST(ReportBoard, InstancesOfOnePluginAreToldApart) {
  ReportBoard board;
  const HostServices first("org.test.length", on(board)), second("org.test.length", on(board)),
      other("org.example.length", on(board));
  EXPECT_EQ(first.name(), "length");
  EXPECT_EQ(second.name(), "length-2");
  EXPECT_EQ(other.name(), "length-3");
  // rows have such names of the host's own
  const HostServices taken("org.test.progress", on(board));
  EXPECT_EQ(taken.name(), "progress-2");
  EXPECT_EQ(HostServices("org.test.length", {}).name(), "length");
}

TEST(ReportBoard, ANameIsFreeAgainWhenItsInstanceIsGone) {
  ReportBoard board;
  {
    const HostServices first("org.test.length", on(board));
  }
  EXPECT_EQ(HostServices("org.test.length", on(board)).name(), "length");
}

// Two processes that each reported; the same on both, whichever comes first.
TEST(ReportBoard, WhatSeveralProcessesReportedBecomesOne) {
  ReportBoard here, there;
  HostServices own("org.test.watch", on(here)), other("org.test.watch", on(there));
  const auto say = [](HostServices& to, double a, double b) {
    for (const double value : {a, b}) {
      to.keep_scalar("mean", value, SLW_REDUCE_MEAN);
      to.keep_scalar("sum", value, SLW_REDUCE_SUM);
      to.keep_scalar("least", value, SLW_REDUCE_MIN);
      to.keep_scalar("most", value, SLW_REDUCE_MAX);
      to.keep_scalar("last", value, SLW_REDUCE_NONE);
    }
  };
  say(own, 4, 2);
  say(other, -1, 9);
  other.keep_scalar("alone", 3, SLW_REDUCE_NONE);
  const std::vector<Json> states = {here.state(), there.state()};
  const char* const together =
      R"({"watch/mean":3.5,"watch/sum":14.0,"watch/least":-1.0,"watch/most":9.0,)"
      R"("watch/last":2.0,"watch/alone":3.0})";
  for (ReportBoard* board : {&here, &there}) {
    board->put_together(states, false);
    EXPECT_EQ(board->take(false).dump(), together);
    EXPECT_TRUE(board->take(false).empty());
  }
  // of an evaluation the same, apart
  {
    const EvaluationReports evaluation(&here);
    own.keep_scalar("sum", 1, SLW_REDUCE_SUM);
  }
  here.put_together({here.state(true), here.state(true)}, true);
  EXPECT_TRUE(here.take(false).empty());
  EXPECT_EQ(here.take(true).dump(), "{\"watch/sum\":2.0}");
}

TEST(ReportBoard, EvaluationsAndTrainingAreKeptApart) {
  ReportBoard board;
  HostServices watch("org.test.watch", on(board)), reward("org.test.reward", on(board, true));
  watch.keep_scalar("seen", 1, SLW_REDUCE_SUM);
  {
    const EvaluationReports evaluation(&board);
    watch.keep_scalar("seen", 10, SLW_REDUCE_SUM);
    reward.keep_scalar("seen", 5, SLW_REDUCE_SUM);
  }
  watch.keep_scalar("seen", 2, SLW_REDUCE_SUM);
  EXPECT_EQ(board.take(true).dump(), "{\"watch/seen\":10.0}");
  EXPECT_EQ(board.take(false).dump(), "{\"watch/seen\":3.0}");
  EXPECT_EQ(board.take(false).dump(), "{}");
  // whoever calls it takes it
  EXPECT_THAT(reward.take_scalars(), testing::ElementsAre(testing::Pair("seen", 5)));
}

TEST(ReportBoard, ACheckpointHasWhatTrainingReported) {
  ReportBoard board;
  HostServices watch("org.test.watch", on(board));
  watch.keep_scalar("seen", 4, SLW_REDUCE_MEAN);
  const Json state = board.state();
  watch.keep_scalar("seen", 100, SLW_REDUCE_MEAN);
  board.restore(state);
  watch.keep_scalar("seen", 6, SLW_REDUCE_MEAN);
  EXPECT_EQ(board.take(false).dump(), "{\"watch/seen\":5.0}");
}

}  // namespace
}  // namespace slipway
