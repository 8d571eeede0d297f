// The report as a person reads it: what ran, answers before charts, figures that tell, no judgement
// but by rules that were set, phones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "record/report/style.h"
#include "record/report/text.h"
#include "tests/unit/record/markup.h"
#include "tests/unit/record/report_rows.h"

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::Not;

class ReportPage : public ReportTest {
 protected:
  // `count` held-out prompts whose reward goes from 0.1 to 0.1 + 0.01 i.
  void write_answers(int count) const {
    std::string before, after;
    for (int i = 0; i < count; ++i) {
      before += sample_row(fmt::format("prompt {}", i), fmt::format("dull {}", i), 0.1);
      after += sample_row(fmt::format("prompt {}", i), fmt::format("bright {}", i), 0.1 + 0.01 * i);
    }
    write("samples/eval-0000.jsonl", before);
    write("samples/eval-0002.jsonl", after);
  }
};

constexpr const char* kConfig =
    "# What ran. Reads back as a run file.\n# slipway 0.1.0\n# machine EPYC <7B13>, 2 cores\n"
    "# model plugin org.slipway.model.llama 1.0.0 sha256 04d9d614\n"
    "# reward plugin com.example.judge 2.1.0 sha256 cbeb8d8e\n\n"
    "[run]\nalgorithm = \"raft\"\noutput_dir = \"runs/x\"\n"
    "[model]\nuse = \"llama\"\nweights = \"/models/SmolLM2-135M/\"\n"
    "[data]\ntrain = [\"/data/a.jsonl\", \"b<c>.jsonl\"]\neval_rows = 64\n"
    "[[reward]]\nuse = \"com.example.judge\"\nweight = 2\n[[reward]]\nuse = \"length\"\n"
    "[train]\nseed = 7\ndevice = \"cpu\"\n";

TEST_F(ReportPage, HeadSaysWhatRan) {
  std::string end = R"({"event":"end","outcome":"completed","seconds":388.2,"time":1700000400})";
  write("metrics.jsonl", raft_metrics(2) + end + "\n");
  write("config.resolved.toml", kConfig);
  const std::string html = page();
  expect_sound(html);
  for (const char* fact :
       {"<dt>Model</dt> <dd>SmolLM2-135M (llama)</dd>",
        "<dt>Data</dt> <dd>a.jsonl, b&lt;c&gt;.jsonl; 64 rows held out</dd>",
        "<dt>Algorithm</dt> <dd>RAFT</dd>", "<dt>Seed</dt> <dd>7</dd>",
        "<dt>Rewards</dt> <dd>com.example.judge (weight 2), length (weight 1)</dd>",
        "<dt>Began</dt> <dd>2023-11-14 22:13 UTC</dd>", "<dt>Took</dt> <dd>6 min 28 s</dd>",
        "<dt>Computed on</dt> <dd>cpu: EPYC &lt;7B13&gt;, 2 cores</dd>",
        "<dt>Versions</dt> <dd>Slipway 0.1.0, llama 1.0.0, com.example.judge 2.1.0</dd>"})
    EXPECT_THAT(html, HasSubstr(fact));
  EXPECT_LT(html.find("<dt>Model</dt>"), html.find("class=\"tile\""));
}

TEST_F(ReportPage, HeadTellsTheWeightOfOneRewardWhereItHasOne) {
  write("metrics.jsonl", raft_metrics(1));
  write("config.resolved.toml", "[train]\ndevice = \"cpu\"\n[[reward]]\nuse = \"length\"\n");
  EXPECT_THAT(page(), HasSubstr("<dt>Rewards</dt> <dd>length</dd>"));
  EXPECT_THAT(page(), HasSubstr("<dt>Computed on</dt> <dd>cpu</dd>"));
  write("config.resolved.toml", "[[reward]]\nuse = \"length\"\nweight = 0.5\n");
  EXPECT_THAT(page(), HasSubstr("<dt>Rewards</dt> <dd>length (weight 0.5)</dd>"));
}

// Rows of sft with what [[metric]] blocks measured, of two named sets.
std::string metric_rows(double first, double last) {
  std::string out;
  for (const auto& [step, value] : {std::pair(10, first), std::pair(20, last)})
    out += line({{"event", "evaluate"},
                 {"eval_loss", 2.5},
                 {"eval_accuracy", value},
                 {"eval_news_f1", 0.5},
                 {"eval_news_loss", 2.25},
                 {"eval_runtime", 3.5},
                 {"eval_samples_per_second", 9},
                 {"eval_steps_per_second", 4},
                 {"global_step", step},
                 {"epoch", 0.1 * step}});
  return out;
}

TEST_F(ReportPage, ShowsWhatMetricsMeasured) {
  write("metrics.jsonl", step_row(1, 3.0) + metric_rows(0.25, 0.75));
  const std::string html = page();
  expect_sound(html);
  EXPECT_THAT(html, HasSubstr("<dt>Held-out accuracy, first → last</dt><dd class=\"big\">0.250 "
                              "<small>→</small> 0.750</dd>"));
  EXPECT_THAT(html, HasSubstr("<h3>Metric accuracy</h3>"));
  EXPECT_THAT(html, HasSubstr("<h3>Metric news_f1</h3>"));
  EXPECT_EQ(count(html, "<h3>Metric "), 2u) << "neither losses nor speeds";
  write("metrics.jsonl", raft_metrics(2));
  EXPECT_THAT(page(), Not(HasSubstr("<h3>Metric "))) << "raft has figures of its own";
}

TEST_F(ReportPage, HeadLeavesOutWhatIsMissing) {
  write("metrics.jsonl", "{\"global_step\":1,\"loss\":2}\n");
  EXPECT_THAT(page(), Not(HasSubstr("class=\"facts\"")));
  write("config.resolved.toml", "[train]\nseed = 3\n");
  EXPECT_EQ(count(page(), "<dt>"), 1 + 2u);             // the seed, and two tiles
  write("config.resolved.toml", "[train\nseed = 3\n");  // damaged: shown, not understood
  EXPECT_THAT(page(), Not(HasSubstr("class=\"facts\"")));
  EXPECT_THAT(page(), HasSubstr("[train\nseed = 3\n</pre>"));
  write(
      "config.resolved.toml",
      "[data]\ntrain = [\"1\", \"2\", \"3\", \"4\", \"5\"]\neval = \"${SLIPWAY_NO_SUCH_NAME}\"\n");
  EXPECT_THAT(page(), HasSubstr("<dd>1, 2, 3 and 2 more; held out: ${SLIPWAY_NO_SUCH_NAME}</dd>"));
}

TEST_F(ReportPage, AnswersComeBeforeTheCharts) {
  write("metrics.jsonl", raft_metrics(2));
  write_answers(40);
  const std::string html = page();
  expect_sound(html);
  const size_t answers = html.find("<table class=\"samples\">"), charts = html.find("<figure"),
               more = html.find("<summary>8 more</summary>");
  ASSERT_NE(more, std::string::npos);
  EXPECT_LT(answers, more);
  EXPECT_LT(more, charts);
  // few at once, spread over the change as all are: the largest gain and the largest loss are there
  const std::string few = html.substr(answers, more - answers);
  EXPECT_EQ(count(few, "<td class=\"prompt\">"), 4u);
  EXPECT_THAT(few, HasSubstr("bright 39<"));
  EXPECT_THAT(few, HasSubstr("bright 0<"));
  EXPECT_EQ(count(html, "<td class=\"prompt\">"), 12u);
}

TEST_F(ReportPage, FewAnswersAreAllThereAtOnce) {
  write("metrics.jsonl", raft_metrics(2));
  for (const int all : {1, 3, 4, 5}) {
    write_answers(all);
    const std::string html = page();
    EXPECT_EQ(count(html, "<td class=\"prompt\">"), static_cast<size_t>(all));
    EXPECT_EQ(count(html, "more</summary>"), all > 4 ? 1u : 0u) << all;
  }
}

TEST_F(ReportPage, SftShowsWhatIsPredictedOfHeldOutExamples) {
  write("metrics.jsonl", step_row(1, 3.0));
  EXPECT_THAT(page(), Not(HasSubstr("class=\"samples\"")));
  std::string rows;
  for (int i = 0; i < 30; ++i)
    rows += line({{"prompt", fmt::format("p{}", i)},
                  {"label", "right"},
                  {"prediction", fmt::format("said {}</td>", i)},
                  {"logprobs", {-0.5 * (i + 1), -1.5 * (i + 1), nullptr}}});
  write("predictions.jsonl", rows + "torn");
  const std::string html = page();
  expect_sound(html);
  EXPECT_EQ(count(html, "<td class=\"prompt\">"), 12u);
  EXPECT_THAT(html, HasSubstr("said 0&lt;/td&gt;"));   // the most probable
  EXPECT_THAT(html, HasSubstr("said 29&lt;/td&gt;"));  // the least
  EXPECT_THAT(html, HasSubstr("1.00 nats a token"));   // mean of 0.5 and 1.5
  EXPECT_THAT(html, HasSubstr("Of the 30 examples, the 12 here"));
  EXPECT_LT(html.find("Held-out examples"), html.find("<figure"));
  write("predictions.jsonl", rows.substr(0, rows.find('\n') + 1));
  EXPECT_THAT(page(), HasSubstr("given the right ones before it.</p>"));  // of one: no order
}

TEST_F(ReportPage, ARunThatLoggedNoLossSaysWhy) {
  write("metrics.jsonl", line({{"train_loss", 0.6698}, {"global_step", 12}}));
  write("config.resolved.toml", "[train]\nlogging_steps = 500.0\n");
  EXPECT_THAT(page(), HasSubstr("No row with numbers yet."));  // it goes on
  write("metrics.jsonl", line({{"train_loss", 0.6698}, {"global_step", 12}}) +
                             line({{"event", "end"}, {"outcome", "completed"}}));
  const std::string html = page();
  expect_sound(html);
  EXPECT_THAT(html, HasSubstr("No loss was logged, for train.logging_steps is 500:"));
  EXPECT_THAT(html, HasSubstr("<dt>Training loss</dt><dd class=\"big\">0.670</dd><dd "
                              "class=\"more\">mean of all steps</dd>"));
}

TEST_F(ReportPage, AHeldOutLossThatRoseAgainSaysWhereItWasLeast) {
  const auto evaluation = [](int step, double loss) {
    return line({{"event", "evaluate"}, {"eval_loss", loss}, {"global_step", step}});
  };
  write("metrics.jsonl", evaluation(3, 3) + evaluation(9, 2.25) + evaluation(24, 2.5));
  EXPECT_THAT(page(), HasSubstr("−0.50; least 2.25 at step 9"));
  write("metrics.jsonl", evaluation(3, 3) + evaluation(9, 2.25));
  EXPECT_THAT(page(), Not(HasSubstr("least")));
}

// On a phone a curve may pass where the name of a level stands by habit.
TEST_F(ReportPage, TheNameOfALevelStandsClearOfCurves) {
  const auto name_is_above = [&](double first, double last) {
    const auto row = [](int iteration, double distinct) {
      return line({{"event", "evaluate"},
                   {"eval_reward", 0.5},
                   {"eval_distinct_2", distinct},
                   {"iteration", iteration}});
    };
    write("metrics.jsonl", row(0, first) + row(1, last) + row(2, last));
    write("config.resolved.toml", "[raft]\nmin_distinct_2 = 0.8\n");
    const std::string html = page();
    static const std::regex level("class=\"level\" d=\"M[0-9.]+ ([0-9.]+)H"),
        name("class=\"tick halo\" x=\"[0-9.]+\" y=\"([0-9.]+)\"");
    std::smatch line_at, name_at;
    EXPECT_TRUE(std::regex_search(html, line_at, level) && std::regex_search(html, name_at, name));
    return std::stod(name_at[1]) < std::stod(line_at[1]);
  };
  EXPECT_TRUE(name_is_above(0.9, 0.9));
  EXPECT_FALSE(name_is_above(0.9, 0.73));  // the level is 0.72
}

TEST_F(ReportPage, LossHasALogScaleThatNeedsNoScript) {
  const auto losses = [](double first, double last) {
    return step_row(1, first) + step_row(2, last);
  };
  write("metrics.jsonl", losses(10.1, 1));
  std::string html = page();
  expect_sound(html);
  EXPECT_THAT(html, HasSubstr("<input type=\"checkbox\" id=\"log-loss\" checked=\"checked\"/>"));
  for (const char* css : {"linear wide", "linear narrow", "log wide", "log narrow"})
    EXPECT_EQ(count(html, fmt::format("<svg class=\"chart {}\"", css)), 1u) << css;
  EXPECT_THAT(html, HasSubstr(".switched > input:checked ~ svg.linear"));
  write("metrics.jsonl", losses(9.9, 1));
  html = page();
  EXPECT_THAT(html,
              HasSubstr("<input type=\"checkbox\" id=\"log-loss\"/>"));  // within a factor of 10
  write("metrics.jsonl", losses(1, -0.1));
  EXPECT_THAT(page(), Not(HasSubstr("type=\"checkbox\"")));  // there is no logarithm
  write("metrics.jsonl", losses(1, 1));
  EXPECT_THAT(page(), Not(HasSubstr("type=\"checkbox\"")));
}

TEST_F(ReportPage, ALogScaleHasRoundTicksAndEqualSteps) {
  write("metrics.jsonl", step_row(1, 100) + step_row(2, 1) + step_row(3, 0.01));
  const std::string html = page();
  const size_t begin = html.find("class=\"chart log wide\"");
  const std::string svg = html.substr(begin, html.find("</svg>", begin) - begin);
  std::vector<double> at;
  static const std::regex dot("cy=\"([0-9.]+)\"");
  for (std::sregex_iterator i(svg.begin(), svg.end(), dot), end; i != end; ++i)
    at.push_back(std::stod((*i)[1]));
  ASSERT_EQ(at.size(), 3u);
  EXPECT_NEAR(at[1] - at[0], at[2] - at[1], 0.11);
  for (const char* tick : {">0.01<", ">0.1<", ">1<", ">10<", ">100<"})
    EXPECT_THAT(svg, HasSubstr(tick));
}

TEST_F(ReportPage, JudgesOnlyByRulesThatWereSet) {
  write("metrics.jsonl", raft_metrics(6) + R"({"event":"end","outcome":"completed"})" + "\n");
  for (const char* config : {"", "[raft]\nmin_distinct_2 = 0.0\n"}) {
    write("config.resolved.toml", config);
    const std::string html = page();
    EXPECT_THAT(html, HasSubstr("<dd class=\"more\">0.860 → 0.740</dd>"));
    EXPECT_THAT(html, Not(HasSubstr("class=\"level\"")));
    EXPECT_THAT(html, Not(HasSubstr("min_distinct_2: ")));
    EXPECT_THAT(html, HasSubstr("<p class=\"outcome\">completed</p>"));
    EXPECT_THAT(html, Not(HasSubstr("outcome good")));  // an end is not a verdict on quality
    EXPECT_THAT(picture(), Not(HasSubstr("class=\"level\"")));
  }
  write("config.resolved.toml", "[raft]\nmin_distinct_2 = 0.9\n");
  EXPECT_THAT(page(), HasSubstr("0.860 → 0.740, under raft.min_distinct_2 = 0.9"));
  EXPECT_THAT(page(), HasSubstr("class=\"level\""));
  write("config.resolved.toml", "[raft]\nmin_distinct_2 = 0.5\n");
  EXPECT_THAT(page(), HasSubstr("0.860 → 0.740, above raft.min_distinct_2 = 0.5"));
}

TEST_F(ReportPage, SmallChangesAreSeen) {
  const auto evaluations = [](double first, double last) {
    return line({{"event", "evaluate"}, {"eval_loss", first}, {"global_step", 1}}) +
           line({{"event", "evaluate"}, {"eval_loss", last}, {"global_step", 2}});
  };
  write("metrics.jsonl", evaluations(0.014, 0.019));
  EXPECT_THAT(page(), HasSubstr("0.014 <small>→</small> 0.019"));
  EXPECT_THAT(page(), HasSubstr("<dd class=\"more\">+0.005</dd>"));
  write("metrics.jsonl", raft_metrics(1));
  write("samples/eval-0000.jsonl", sample_row("p", "a", 0.4));
  write("samples/eval-0001.jsonl", sample_row("p", "b", 0.4001));
  EXPECT_THAT(page(), HasSubstr("reward +0.0001"));
}

TEST(ReportText, ChangesHaveTheDigitsThatTellThem) {
  const auto told = [](double from, double to) {
    const report::ChangeText text = report::change_text(from, to);
    return text.from + " " + text.to + " " + text.change;
  };
  EXPECT_EQ(told(0.014, 0.019), "0.014 0.019 +0.005");
  EXPECT_EQ(told(0.125, 0.725), "0.125 0.725 +0.60");
  EXPECT_EQ(told(2.5, 2.25), "2.50 2.25 −0.25");
  EXPECT_EQ(told(10.8, 6.456), "10.8 6.46 −4.34");
  EXPECT_EQ(told(3.45210, 3.45190), "3.4521 3.4519 −0.0002");
  EXPECT_EQ(told(0.00121, 0.00139), "0.0012 0.0014 +0.0002");
  EXPECT_EQ(told(-0.5, 0.5), "−0.500 0.500 +1.00");
  EXPECT_EQ(told(12400, 12350), "12,400 12,350 −50.00");
  EXPECT_EQ(told(1e-9, 3e-9), "1e-9 3e-9 +2e-9");
  EXPECT_EQ(told(0.4, 0.4), "0.400 0.400 ±0");
  EXPECT_EQ(told(0.3, 0.1 + 0.2), "0.300 0.300 ±0");  // no more than rounding
  EXPECT_EQ(told(0, 0), "0 0 ±0");
  EXPECT_EQ(told(NAN, 1), "– 1.00 –");
  EXPECT_EQ(report::signed_text(0.0096), "+0.01");
  EXPECT_EQ(report::signed_text(-0.0004), "−0.0004");
  EXPECT_EQ(report::signed_text(0), "±0.00");
}

TEST(ReportText, LongNamesAreCutToTheirRoom) {
  EXPECT_EQ(report::fitted("short", 12, 100), "short");
  const std::string cut = report::fitted("a name of a run that is long", 12, 60);
  EXPECT_TRUE(cut.ends_with("…"));
  EXPECT_LE(report::text_width(cut, 12), 60);
  EXPECT_EQ(report::fitted("ééééééééé", 12, 30).find("\xC3\xE2"), std::string::npos);
}

// Each chart is there for a narrow column too, as wide as the room of a phone of 360 px: 12 px of
// the drawing are 12 px on it.
TEST_F(ReportPage, ChartsOfAPhoneHaveReadableText) {
  write("metrics.jsonl", raft_metrics(3));
  write("samples/iteration-0001.jsonl", sample_row("p", "a", 0.1) + sample_row("p", "b", 0.7));
  const std::string html = page();
  EXPECT_EQ(count(html, " wide\"") + count(html, "chart wide\""),
            count(html, " narrow\"") + count(html, "chart narrow\""));
  static const std::regex narrow("narrow\" viewBox=\"0 0 ([0-9]+) ");
  size_t seen = 0;
  for (std::sregex_iterator i(html.begin(), html.end(), narrow), end; i != end; ++i, ++seen)
    EXPECT_LE(std::stoi((*i)[1]), 310);
  EXPECT_EQ(seen, count(html, "<figure") + 1);  // the loss has a linear and a logarithmic one
  static const std::regex size("\\.chart[^{}]*\\{[^}]*font-size: ([0-9.]+)px");
  const std::string style(report::kChartStyle);
  size_t sizes = 0;
  for (std::sregex_iterator i(style.begin(), style.end(), size), end; i != end; ++i, ++sizes)
    EXPECT_GE(std::stod((*i)[1]), 12);
  EXPECT_GE(sizes, 3u);
  EXPECT_THAT(html, HasSubstr("figure svg.wide { display: none; }"));
}

}  // namespace
}  // namespace slipway
