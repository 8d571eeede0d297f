// Several runs on one page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "record/report/runs.h"
#include "tests/unit/record/markup.h"
#include "tests/unit/record/report_rows.h"

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::Not;

class Comparison : public ReportTest {
 protected:
  // A run folder beside the others.
  fs::path make(const std::string& name, const std::string& metrics,
                const std::string& config = "") const {
    write(name + "/metrics.jsonl", metrics);
    if (!config.empty()) write(name + "/config.resolved.toml", config);
    return run_ / name;
  }
  std::string compared(const std::vector<fs::path>& runs) const {
    write_comparison(runs, run_ / "c.html");
    return read_file(run_ / "c.html");
  }
  std::string fault(const std::vector<fs::path>& runs, const std::string& html = "c.html") const {
    try {
      write_comparison(runs, run_ / html);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
};

std::string config(const std::string& rate, const std::string& more = "") {
  return "# slipway 0.1.0\n# model plugin org.slipway.model.llama 1.0.0 sha256 04d9d614e8a6\n"
         "[run]\nalgorithm = \"raft\"\noutput_dir = \"runs/" +
         rate + "\"\n[train]\nseed = 42\nlearning_rate = " + rate + "\n" + more;
}

TEST_F(Comparison, CurvesLieOverEachOther) {
  const std::string html = compared({make("low", raft_metrics(3), config("1e-5")),
                                     make("high", raft_metrics(5), config("1e-3"))});
  expect_sound(html);
  const size_t at = html.find("<h3>Held-out reward</h3>"), end = html.find("</svg>", at);
  const std::string chart = html.substr(at, end - at);
  EXPECT_THAT(chart, HasSubstr("<g class=\"series c11\" data-name=\"low\""));
  EXPECT_THAT(chart, HasSubstr("<g class=\"series c12\" data-name=\"high\""));
  EXPECT_THAT(chart, HasSubstr(">5</text>"));  // one axis, of the longer run
  for (const char* title : {"Held-out reward", "Reward of the training samples", "Training loss",
                            "Held-out diversity", "Mean length", "Learning rate", "Gradient norm"})
    EXPECT_THAT(html, HasSubstr(fmt::format("<h3>{}</h3>", title)));
  EXPECT_THAT(html, Not(HasSubstr("<h3>Held-out loss</h3>")));
  EXPECT_THAT(html, HasSubstr("<li class=\"c11\">low</li>\n<li class=\"c12\">high</li>"));
  EXPECT_THAT(html, HasSubstr("id=\"log-"));
  EXPECT_EQ(html, compared({run_ / "low", run_ / "high"}));  // the same folders, the same bytes
}

TEST_F(Comparison, SaysInWhatTheConfigurationsDiffer) {
  const std::string html =
      compared({make("a", raft_metrics(1), config("1e-5", "neftune_noise_alpha = 5.0\n")),
                make("b", raft_metrics(1), config("1e-3") + "[[reward]]\nuse = \"</td>&\"\n")});
  expect_sound(html);
  EXPECT_THAT(html, HasSubstr("train.<wbr/>learning_<wbr/>rate</td><td data-when=\"a\">1e-05</td>"
                              "<td data-when=\"b\">0.001</td>"));
  EXPECT_THAT(html, HasSubstr("alpha</td><td data-when=\"a\">5.0</td><td data-when=\"b\" "
                              "class=\"empty\">not set</td>"));
  EXPECT_THAT(html, HasSubstr("<td data-when=\"b\">&lt;/td&gt;&amp;</td>"));
  for (const char* same : {"train.<wbr/>seed", "output_<wbr/>dir</td>", "model plugin"})
    EXPECT_THAT(html, Not(HasSubstr(same)));
}

TEST_F(Comparison, MetricsHaveCurvesAndFinalFigures) {
  const auto rows = [](double accuracy) {
    return step_row(1, 2.0) + line({{"event", "evaluate"},
                                    {"eval_loss", 2.5},
                                    {"eval_accuracy", accuracy},
                                    {"eval_runtime", 3.5},
                                    {"global_step", 1}});
  };
  const std::string html = compared({make("a", rows(0.25)), make("b", rows(0.75))});
  expect_sound(html);
  EXPECT_THAT(html, HasSubstr("<h3>Held-out accuracy</h3>"));
  EXPECT_THAT(html, HasSubstr("<td data-when=\"held-out accuracy\">0.750</td>"));
  EXPECT_THAT(html, Not(HasSubstr("Held-out runtime")));
}

TEST_F(Comparison, AnotherMachineIsADifference) {
  const std::string html = compared(
      {make("a", raft_metrics(1), "# What ran.\n# machine EPYC, 2 cores\n" + config("1")),
       make("b", raft_metrics(1), "# What ran.\n# machine Xeon, 8 cores\n" + config("1"))});
  EXPECT_THAT(html, HasSubstr("machine</td><td data-when=\"a\">EPYC, 2 cores</td><td "
                              "data-when=\"b\">Xeon, 8 cores</td>"));
}

TEST_F(Comparison, AnotherBuildOfAPluginIsADifference) {
  std::string other = config("1e-5");
  other.replace(other.find("04d9"), 4, "ffff");
  EXPECT_THAT(
      compared({make("a", raft_metrics(1), config("1e-5")), make("b", raft_metrics(1), other)}),
      HasSubstr("<td data-when=\"b\">1.0.0 sha256 ffffd614</td>"));
}

TEST_F(Comparison, ConfigurationsThatAreTheSameOrMissingAreSaid) {
  make("a", raft_metrics(1), config("1e-5"));
  make("b", raft_metrics(2), config("1e-5"));
  make("c", raft_metrics(2));
  EXPECT_THAT(compared({run_ / "a", run_ / "b"}), HasSubstr("The configurations are the same"));
  EXPECT_THAT(compared({run_ / "a", run_ / "c"}),
              HasSubstr("Without a configuration that can be read: c."));
}

TEST_F(Comparison, FinalFiguresHaveTheDigitsThatTellThemApart) {
  const auto ends = [](double reward) {
    return evaluate_row(0, 0.1, 0.9) + evaluate_row(1, reward, 0.8) +
           R"({"event":"end","outcome":"completed","seconds":61})" + "\n";
  };
  std::string html = compared({make("a", ends(0.50012)), make("b", ends(0.50021))});
  EXPECT_THAT(html, HasSubstr("<td data-when=\"held-out reward\">0.5001</td>"));
  EXPECT_THAT(html, HasSubstr("<td data-when=\"held-out reward\">0.5002</td>"));
  EXPECT_THAT(html, HasSubstr("<td data-when=\"took\">1 min 01 s</td>"));
  // of the model that a rollback went back to
  write("b/metrics.jsonl", evaluate_row(0, 0.1, 0.9) + evaluate_row(1, 0.4, 0.8) +
                               evaluate_row(2, 0.6, 0.1) +
                               R"({"event":"rollback","to_iteration":1})" + "\n");
  html = compared({run_ / "a", run_ / "b"});
  EXPECT_THAT(html, HasSubstr("<td data-when=\"held-out reward\">0.400</td>"));
  EXPECT_THAT(html, HasSubstr("<td data-when=\"outcome\">not finished</td>"));
}

TEST_F(Comparison, RaftAndSftShareTheAxisOfSteps) {
  const std::string sft =
      step_row(8, 2.0) + R"({"event":"evaluate","eval_loss":2.5,"global_step":8})" + "\n";
  const std::string raft = R"({"event":"evaluate","eval_loss":2,"iteration":1,"global_step":4})"
                           "\n";
  const std::string html = compared({make("sft", sft), make("raft", raft)});
  expect_sound(html);
  const size_t at = html.find("<h3>Held-out loss</h3>"), end = html.find("</svg>", at);
  EXPECT_THAT(html.substr(at, end - at), HasSubstr("data-count=\"step\""));
}

TEST_F(Comparison, NamesTellRunsApart) {
  const std::string html = compared({make("x/run", raft_metrics(1)), make("y/run", raft_metrics(1)),
                                     make("z<", raft_metrics(1))});
  expect_sound(html);
  for (const char* name : {">x/run</li>", ">y/run</li>", ">z&lt;</li>"})
    EXPECT_THAT(html, HasSubstr(name));
}

TEST_F(Comparison, ATitleIsNotLongerThanALine) {
  std::vector<fs::path> runs;
  for (int i = 0; i < 5; ++i)
    runs.push_back(make(fmt::format("run-{}-{}", i, std::string(20, 'x')), raft_metrics(1)));
  EXPECT_THAT(compared(runs), HasSubstr(fmt::format("<h1>run-0-{0}, run-1-{0} and 3 more</h1>",
                                                    std::string(20, 'x'))));
}

TEST_F(Comparison, RefusesWhatCannotBeCompared) {
  const fs::path a = make("a", raft_metrics(1));
  EXPECT_THAT(fault({a}), HasSubstr("two runs or more"));
  EXPECT_THAT(fault({a, run_ / "b/../a"}), HasSubstr("is given twice"));
  EXPECT_THAT(fault({a, run_}), HasSubstr("no metrics.jsonl there"));
  std::vector<fs::path> nine;
  for (int i = 0; i < 9; ++i) nine.push_back(make(fmt::format("r{}", i), raft_metrics(1)));
  EXPECT_THAT(fault(nine), HasSubstr("the curves of more than 8 cannot be told apart"));
  EXPECT_FALSE(fs::exists(run_ / "c.html"));
  nine.pop_back();
  EXPECT_EQ(fault(nine), "");
  EXPECT_EQ(count(read_file(run_ / "c.html"), "<li class=\"c"), 8u);
}

TEST_F(Comparison, ReplacesOnlySuchAPage) {
  const std::vector<fs::path> runs = {make("a", raft_metrics(1)), make("b", raft_metrics(2))};
  write("notes.html", "<html>mine</html>");
  EXPECT_THAT(fault(runs, "notes.html"), HasSubstr("notes.html: is there"));
  EXPECT_EQ(read_file(run_ / "notes.html"), "<html>mine</html>");
  write_report(run_ / "a");
  EXPECT_THAT(fault(runs, "a/report.html"), HasSubstr("is not a page of a Slipway comparison"));
  EXPECT_THAT(fault(runs, "a"), HasSubstr("is there"));  // a folder
  EXPECT_EQ(fault(runs), "");
  EXPECT_EQ(fault(runs), "");  // an earlier page of its kind
}

TEST_F(Comparison, StandsAlone) {
  std::string html = compared({make("a", raft_metrics(2)), make("b", raft_metrics(2))});
  html.erase(html.find("http-equiv"), 10);
  for (const char* outside : {"http", "src=", "href", "url(", "@import", "<link", "//"})
    EXPECT_THAT(html, Not(HasSubstr(outside)));
}

}  // namespace
}  // namespace slipway
