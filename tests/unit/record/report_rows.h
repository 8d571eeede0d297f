// Run folders for tests of the report: a folder that goes away with the test, and rows to fill it.
#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/files.h"
#include "base/json.h"
#include "record/report/report.h"

namespace slipway {

// A run folder that goes away with the test.
class ReportTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    scratch_ = fs::temp_directory_path() /
               fmt::format("slipway-report-{}-{}", getpid(), test->test_suite_name());
    run_ = scratch_ / test->name();
    fs::create_directories(run_ / "samples");
  }
  void TearDown() override { fs::remove_all(scratch_); }

  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((run_ / name).parent_path());
    std::ofstream(run_ / name, std::ios::binary) << text;
  }

  std::string page() const {
    write_report(run_);
    return read_file(run_ / "report.html");
  }
  std::string picture() const {
    write_picture(run_, run_ / "picture.svg");
    return read_file(run_ / "picture.svg");
  }

  fs::path scratch_, run_;  // run_ is inside of scratch_
};

// clang-format off: one row reads best as one paragraph
inline std::string line(const Json& row) { return row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

inline std::string step_row(int step, double loss) {
  return line({{"global_step", step},
               {"epoch", 0.5},
               {"loss", loss},
               {"grad_norm", 1.5},
               {"learning_rate", 1e-4},
               {"time", 1.7e9 + step}});
}

inline std::string evaluate_row(int iteration, double reward, double distinct_2) {
  return line({{"event", "evaluate"},
               {"eval_reward", reward},
               {"eval_reward_std", 0.4},
               {"eval_distinct_1", 0.4},
               {"eval_distinct_2", distinct_2},
               {"eval_mean_length", 23.5},
               {"iteration", iteration},
               {"global_step", 4 * iteration},
               {"time", 1.7e9}});
}

inline std::string iteration_row(int iteration) {
  return line({{"event", "iteration"},
               {"iteration", iteration},
               {"global_step", 4 * iteration},
               {"reward_mean", 0.3},
               {"policy_reward", 0.31},
               {"selected_reward", 0.8},
               {"mean_length", 22},
               {"cut_share", 0.5},
               {"tokens_per_second", 410},
               {"generate_seconds", 15.5}});
}
// clang-format on

inline std::string raft_metrics(int iterations) {
  std::string out = evaluate_row(0, 0.125, 0.86);
  for (int i = 1; i <= iterations; ++i) {
    for (int step = 4 * i - 3; step <= 4 * i; ++step) out += step_row(step, 3.5 - 0.01 * step);
    out += iteration_row(i) + evaluate_row(i, 0.125 + 0.1 * i, 0.86 - 0.02 * i);
  }
  return out;
}

inline std::string sample_row(const std::string& prompt, const std::string& completion,
                              double reward) {
  return line({{"prompt", prompt}, {"completion", completion}, {"reward", reward}});
}

}  // namespace slipway
