// The page of a search.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/unit/record/markup.h"
#include "tests/unit/record/report_rows.h"

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::Not;

class SearchPage : public ReportTest {
 protected:
  std::string shown() const {
    write_search_report(run_, run_ / "report.html");
    return read_file(run_ / "report.html");
  }
};

Json trial(int number, const char* state, const Json& values) {
  return {{"trial", number},
          {"state", state},
          {"metric", "eval_reward"},
          {"direction", "maximize"},
          {"values", values}};
}

std::string complete(int number, double objective, const Json& values) {
  Json row = trial(number, "complete", values);
  row["objective"] = objective;
  return line(trial(number, "running", values)) + line(row);
}

Json values(double rate, const char* optim) {
  return {{"train.learning_rate", rate}, {"train.optim", optim}, {"train.seed", 3}};
}

std::string four_trials() {
  return complete(0, 0.25, values(1e-5, "sgd")) + complete(1, 0.75, values(1e-3, "adamw<b>")) +
         line(trial(2, "running", values(1e-4, "sgd"))) +
         line(trial(2, "failed", values(1e-4, "sgd"))) + complete(3, 0.5, values(1e-4, "sgd"));
}

TEST_F(SearchPage, TrialsStandBestFirst) {
  write("trials.jsonl", four_trials());
  const std::string html = shown();
  expect_sound(html);
  size_t at = 0;
  for (const char* name :
       {">trial 1</span>", ">trial 3</span>", ">trial 0</span>", ">trial 2</span>"}) {
    const size_t next = html.find(name);
    ASSERT_NE(next, std::string::npos) << name;
    EXPECT_GT(next, at) << name;
    at = next;
  }
  EXPECT_THAT(html, HasSubstr("<td data-when=\"eval_reward\">failed</td>"));
  EXPECT_THAT(html, HasSubstr("<td data-when=\"train.learning_rate\">0.001</td><td "
                              "data-when=\"train.optim\">adamw&lt;b&gt;</td>"));
  EXPECT_THAT(html, HasSubstr("4 trials: 3 complete, 1 failed"));
  EXPECT_THAT(html, HasSubstr("<dt>Best eval_reward</dt><dd class=\"big\">0.7500</dd><dd "
                              "class=\"more\">trial 1; more is better</dd>"));
  EXPECT_EQ(html, shown());
}

TEST_F(SearchPage, LessMayBeBetter) {
  std::string rows = four_trials();
  for (size_t at = 0; (at = rows.find("maximize", at)) != std::string::npos;)
    rows.replace(at, 8, "minimize");
  write("trials.jsonl", rows);
  const std::string html = shown();
  EXPECT_THAT(html, HasSubstr("trial 0; less is better"));
  EXPECT_LT(html.find(">trial 0</span>"), html.find(">trial 1</span>"));
}

TEST_F(SearchPage, AJournalThatDoesNotSayWhatIsBetterIsNotJudged) {
  const Json row = {
      {"trial", 0}, {"state", "complete"}, {"values", {{"train.seed", 1}}}, {"objective", 2}};
  Json other = row;
  other["trial"] = 1;
  other["objective"] = 1;
  write("trials.jsonl", line(row) + line(other));
  const std::string html = shown();
  expect_sound(html);
  EXPECT_THAT(html, HasSubstr("trials.jsonl does not say whether more or less is better"));
  EXPECT_THAT(html, Not(HasSubstr("Best")));
  EXPECT_THAT(html, Not(HasSubstr(">best")));
}

TEST_F(SearchPage, ValueStandsAgainstTrialAndEachKey) {
  write("trials.jsonl", four_trials());
  const std::string html = shown();
  const auto chart = [&](const std::string& title) {
    const size_t at = html.find("<h3>" + title + "</h3>");
    EXPECT_NE(at, std::string::npos) << title;
    return html.substr(at, html.find("</svg>", at) - at);
  };
  EXPECT_THAT(chart("eval_reward of each trial"),
              HasSubstr("data-name=\"best so far\" data-points=\""));
  EXPECT_EQ(count(chart("eval_reward of each trial"), "class=\"mark\""), 1u);  // trial 2 failed
  const std::string rate = chart("eval_reward against train.learning_rate");
  for (const char* tick : {">1e-5<", ">0.0001<", ">0.001<"})  // logarithmic
    EXPECT_THAT(rate, HasSubstr(tick));
  EXPECT_EQ(count(rate, "class=\"dot\""), 3 + 1u);  // and the best once more
  const std::string optim = chart("eval_reward against train.optim");
  EXPECT_THAT(optim, HasSubstr(">adamw&lt;b&gt;</text>"));
  EXPECT_THAT(optim, HasSubstr(">sgd</text>"));
  EXPECT_EQ(count(optim, "class=\"dot\""), 3 + 1u);  // two trials of sgd are two dots
  EXPECT_EQ(count(chart("eval_reward against train.seed"), "class=\"dot\""), 3 + 1u);
}

TEST_F(SearchPage, WholeNumbersHaveWholeTicks) {
  std::string rows;
  for (int i = 0; i < 2; ++i)
    rows += complete(i, 0.5 * i, {{"train.per_device_train_batch_size", 2 + 2 * i}});
  write("trials.jsonl", rows);
  const std::string html = shown();
  const std::string chart = html.substr(html.find("against train.per_device_train_batch_size"));
  for (const char* tick : {">2</text>", ">3</text>", ">4</text>"})
    EXPECT_THAT(chart, HasSubstr(tick));
  EXPECT_THAT(chart, Not(HasSubstr(">2.5</text>")));
}

TEST_F(SearchPage, CurvesAreOfTheBestTrialsThatAreThere) {
  std::string rows;
  for (int i = 0; i < 12; ++i) {
    rows += complete(i, 0.1 * i, values(1e-4 * (i + 1), "sgd"));
    if (i != 11) write(fmt::format("trial-{:04}/metrics.jsonl", i), raft_metrics(2));
  }
  write("trials.jsonl", rows);
  const std::string html = shown();
  expect_sound(html);
  EXPECT_THAT(html, HasSubstr("Curves of the best 8 trials"));
  EXPECT_THAT(html, HasSubstr("<li class=\"c11\">trial 10</li>"));  // the best has no folder
  EXPECT_THAT(html, HasSubstr("<li class=\"c18 dashed\">trial 3</li>"));
  EXPECT_THAT(html, HasSubstr("<span class=\"swatch c11\">trial 10</span>"));
  EXPECT_THAT(html, HasSubstr("<span class=\"swatch\">trial 2</span>"));
}

TEST_F(SearchPage, ManyTrialsAreBehindALine) {
  std::string rows;
  for (int i = 0; i < 50; ++i) rows += complete(i, std::sin(i), values(1e-4 * (i + 1), "sgd"));
  write("trials.jsonl", rows);
  const std::string html = shown();
  expect_sound(html);
  EXPECT_THAT(html, HasSubstr("<summary>30 more</summary>"));
  EXPECT_EQ(count(html, "<td class=\"row\">"), 50u);
}

TEST_F(SearchPage, BrokenJournalsMakeAPage) {
  for (const std::string& rows :
       {std::string(), std::string("garbage\n[1]\n{\"trial\":\"x\"}\n{\"a\":1}\ntorn"),
        line(trial(0, "running", values(1, "x"))),
        complete(-5, 1e300, {{"k", {1, 2}}, {"\x01", nullptr}}), complete(0, 1, Json::object()),
        complete(0, 2, "no object")}) {
    write("trials.jsonl", rows);
    expect_sound(shown());
  }
  write("trials.jsonl", "garbage\n[1]\n" + four_trials());
  EXPECT_THAT(shown(), HasSubstr("2 lines of trials.jsonl could not be read."));
}

TEST_F(SearchPage, RefusesWhatIsNoSearchAndReplacesOnlySuchAPage) {
  EXPECT_THROW(write_search_report(run_, run_ / "report.html"), Error);
  write("trials.jsonl", four_trials());
  write("report.html", "mine");
  EXPECT_THROW(write_search_report(run_, run_ / "report.html"), Error);
  EXPECT_EQ(read_file(run_ / "report.html"), "mine");
  fs::remove(run_ / "report.html");
  shown();
  shown();
}

}  // namespace
}  // namespace slipway
