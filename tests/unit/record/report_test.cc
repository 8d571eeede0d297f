// The report of a run folder: what it shows, and that no run folder, however broken, breaks it.
#include "record/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "tests/unit/record/markup.h"
#include "tests/unit/record/report_rows.h"

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::Not;

using Report = ReportTest;

TEST(XmlFault, IsSeen) {
  EXPECT_EQ(xml_fault("<a b=\"1\"><c/>x &amp; y</a>"), "");
  for (const char* bad :
       {"<a>", "</a>", "<a></b>", "<a b=1></a>", "a & b", "<a", "<a b=\"<\"/>", "1 < 2"})
    EXPECT_NE(xml_fault(bad), "") << bad;
}

TEST_F(Report, RunsNoScriptButItsOwn) {
  write("metrics.jsonl", step_row(1, 2.0));
  const std::string html = page();
  const size_t begin = html.find("<script>") + 8, end = html.find("</script>");
  ASSERT_LT(begin, end);
  const std::string hash = sha256(html.substr(begin, end - begin));
  const size_t at = html.find("script-src 'sha256-");
  ASSERT_NE(at, std::string::npos);
  const std::string base64 = html.substr(at + 19, 44);
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bits, hex;
  for (const char c : base64)
    for (int bit = 5; c != '=' && bit >= 0; --bit)
      bits += (kDigits.find(c) >> bit & 1) != 0 ? '1' : '0';
  for (size_t i = 0; i + 4 <= 256; i += 4)
    hex += "0123456789abcdef"[std::stoi(bits.substr(i, 4), nullptr, 2)];
  EXPECT_EQ(hex, hash);
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
}

TEST_F(Report, RaftRunShowsItsFiguresChartsSamplesAndConfiguration) {
  write(
      "metrics.jsonl",
      raft_metrics(6) +
          R"({"event":"end","outcome":"stopped: the held-out reward reached 0.65","seconds":388.2,"time":1700000400})" +
          "\n");
  std::string before, after;
  for (int i = 0; i < 40; ++i) {
    before += sample_row(fmt::format("prompt {}", i), fmt::format("dull {}", i), 0.0);
    after += sample_row(fmt::format("prompt {}", i), fmt::format("bright {}", i),
                        i < 30 ? 0.02 * i : -0.5);
  }
  write("samples/eval-0000.jsonl", before);
  write("samples/eval-0006.jsonl", after);
  write("samples/iteration-0001.jsonl", before);
  write("samples/iteration-0006.jsonl", after);
  write("config.resolved.toml", "[run]\nalgorithm = \"raft\"\n[raft]\nmin_distinct_2 = 0.8\n");
  const std::string html = page();
  expect_sound(html);
  EXPECT_THAT(html, HasSubstr("stopped: the held-out reward reached 0.65"));
  EXPECT_THAT(html, HasSubstr("0.125 <small>→</small> 0.725"));
  EXPECT_THAT(html, HasSubstr("<dd class=\"big\">86 %</dd>"));  // 0.74 of 0.86
  EXPECT_THAT(html, HasSubstr("6 min 28 s"));
  EXPECT_THAT(html, HasSubstr("<dd class=\"big\">24</dd>"));
  EXPECT_THAT(html, HasSubstr("raft.min_distinct_2: 0.8 of the first"));
  EXPECT_THAT(html, HasSubstr("algorithm = &quot;raft&quot;"));
  EXPECT_THAT(
      html,
      HasSubstr("Held-out prompts that are answered with more reward than before: 29 of 40; with "
                "less: 10; with the same: 1."));
  EXPECT_EQ(count(html, "<td class=\"prompt\">"), 12u);
  EXPECT_THAT(html, HasSubstr("bright 29"));  // the largest gain
  EXPECT_THAT(html, HasSubstr("bright 39"));  // the largest loss
  EXPECT_EQ(count(html, "<figure"), 9u);
  for (const char* title : {"Reward", "Diversity of the held-out answers",
                            "Rewards of the training samples", "Training loss", "Learning rate",
                            "Gradient norm", "Mean length", "Cut share", "Time of an iteration"})
    EXPECT_THAT(html, HasSubstr(fmt::format("<h3>{}</h3>", title)));
  EXPECT_EQ(html, page());  // the same folder, the same bytes
}

TEST_F(Report, SeveralRewardsHaveAChartEach) {
  const auto rows = [](const std::vector<std::string>& names) {
    std::string out;
    for (int i = 0; i < 3; ++i) {
      Json held_out = parse_json(evaluate_row(i, 0.5, 0.8), "row"),
           iteration = parse_json(iteration_row(i + 1), "row");
      for (const std::string& name : names) {
        held_out["eval_rewards/" + name + "/mean"] = 0.25 * i;
        iteration["rewards/" + name + "/mean"] = 0.5 * i;
      }
      out += line(held_out) + line(iteration);
    }
    return out;
  };
  write("metrics.jsonl", rows({"length", "judge/shape"}));
  const std::string html = page();
  expect_sound(html);
  EXPECT_THAT(html, HasSubstr("<h3>Reward length</h3>"));
  EXPECT_THAT(html, HasSubstr("<h3>Reward judge/shape</h3>"));
  const size_t at = html.find("<h3>Reward length</h3>"), end = html.find("</figure>", at);
  EXPECT_THAT(html.substr(at, end - at), HasSubstr("data-name=\"held-out\""));
  EXPECT_THAT(html.substr(at, end - at), HasSubstr("data-name=\"training\""));
  write("metrics.jsonl", rows({"length"}));  // the only one is the reward
  EXPECT_THAT(page(), Not(HasSubstr("<h3>Reward length</h3>")));
  std::vector<std::string> many;
  for (int i = 0; i < 15; ++i) many.push_back(fmt::format("r{:02}", i));
  write("metrics.jsonl", rows(many));
  EXPECT_EQ(count(page(), "<h3>Reward r"), 12u);
  EXPECT_THAT(page(), HasSubstr("3 more rewards are in metrics.jsonl."));
}

TEST_F(Report, StandsAlone) {
  write("metrics.jsonl", raft_metrics(2));
  std::string html = page();
  const size_t policy = html.find("http-equiv");  // of the policy that says so to the browser
  ASSERT_NE(policy, std::string::npos);
  html.erase(policy, 10);
  for (const char* outside : {"http", "src=", "href", "url(", "@import", "<link", "//"})
    EXPECT_THAT(html, Not(HasSubstr(outside)));
}

TEST_F(Report, SftRunShowsOnlyWhatExists) {
  std::string rows;
  for (int i = 1; i <= 20; ++i) rows += step_row(10 * i, 3.0 / i);
  rows += R"({"event":"evaluate","eval_loss":2.5,"global_step":100})"
          "\n"
          R"({"event":"evaluate","eval_loss":2.25,"global_step":200})"
          "\n";
  write("metrics.jsonl", rows + R"({"event":"end","outcome":"completed","seconds":61})" + "\n");
  const std::string html = page();
  expect_sound(html);
  EXPECT_EQ(count(html, "<figure"), 3u);
  EXPECT_THAT(html, HasSubstr("2.50 <small>→</small> 2.25"));
  EXPECT_THAT(html, HasSubstr("data-name=\"held-out\""));
  EXPECT_THAT(html, Not(HasSubstr("<h3>Reward</h3>")));
  EXPECT_THAT(html, Not(HasSubstr("Numbers of every iteration")));
  EXPECT_THAT(html, Not(HasSubstr("RAFT")));
}

TEST_F(Report, EscapesWhateverSamplesHold) {
  const std::string hostile = "</td><script>alert(1)</script>&\"'<b>";
  write("metrics.jsonl", raft_metrics(1) +
                             Json{{"event", "end"}, {"outcome", "stopped: <img> & \"x\""}}.dump() +
                             "\n");
  write("samples/eval-0000.jsonl", sample_row(hostile, hostile, 0.1));
  write("samples/eval-0001.jsonl", sample_row(hostile, "]]>" + hostile, 0.2));
  write("config.resolved.toml", "# </pre>" + hostile + "\n");
  const std::string html = page(), svg = picture();
  expect_sound(html);
  EXPECT_EQ(xml_fault(svg), "");
  for (const std::string& text : {html, svg}) {
    EXPECT_THAT(text, Not(HasSubstr("alert(1)</script>")));
    EXPECT_THAT(text, Not(HasSubstr("<b>'")));
    EXPECT_THAT(text, HasSubstr("&lt;/td&gt;&lt;script&gt;"));
  }
  EXPECT_THAT(html, HasSubstr("stopped: &lt;img&gt; &amp; &quot;x&quot;"));
}

TEST_F(Report, InvalidUtf8AndControlCharactersBecomeReplacementCharacters) {
  write("metrics.jsonl", raft_metrics(1));
  write("samples/eval-0000.jsonl",
        "{\"prompt\":\"p\",\"completion\":\"a\xFF\xC0\xAF z\\u0000\\u001b end\",\"reward\":0.1}\n");
  write("samples/eval-0001.jsonl",
        "{\"prompt\":\"p\",\"completion\":\"caf\xC3\xA9 \xF0\x9F\x98\x80\",\"reward\":0.2}\n");
  write("config.resolved.toml", "x = \"\xED\xA0\x80\"\r\n");
  const std::string html = page();
  expect_sound(html);
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_THAT(html, HasSubstr("a" + mark + mark + mark + " z" + mark + mark + " end"));
  EXPECT_THAT(html, HasSubstr("café 😀"));
  EXPECT_THAT(html, HasSubstr("x = &quot;" + mark + mark + mark + "&quot;\n"));
  for (const char byte : html)
    EXPECT_TRUE(static_cast<unsigned char>(byte) >= 0x20 || byte == '\n' || byte == '\t');
}

TEST_F(Report, WithoutMetricsThrowsAndWritesNothing) {
  EXPECT_THAT([&] { write_report(run_); },
              testing::ThrowsMessage<Error>(
                  testing::AllOf(HasSubstr(run_.string()), HasSubstr("metrics.jsonl"))));
  EXPECT_FALSE(fs::exists(run_ / "report.html"));
  EXPECT_THROW(write_picture(run_, run_ / "p.svg"), Error);
}

TEST_F(Report, EmptyMetricsMakeAPage) {
  write("metrics.jsonl", "");
  const std::string html = page();
  expect_sound(html);
  EXPECT_THAT(html, HasSubstr("No row with numbers yet."));
  EXPECT_THAT(html, HasSubstr("not finished when this page was written"));
  EXPECT_EQ(xml_fault(picture()), "");
}

TEST_F(Report, ATornLastLineIsIgnoredAndABrokenOneCounted) {
  write("metrics.jsonl", raft_metrics(2) + R"({"global_step":9,"lo)");
  EXPECT_THAT(page(), Not(HasSubstr("could not be read")));
  write("metrics.jsonl",
        "garbage\n[1,2]\n" + raft_metrics(2) + "{\"a\":\n" + R"({"global_step":9,"lo)");
  const std::string html = page();
  expect_sound(html);
  EXPECT_THAT(html, HasSubstr("3 lines of metrics.jsonl could not be read"));
  EXPECT_THAT(html, HasSubstr("0.125 <small>→</small> 0.325"));
}

TEST_F(Report, NumbersThatAreNoneLeaveGaps) {
  std::string rows;
  int step = 0;
  for (const char* loss : {"2.5", "2.5", "2.5", "NaN", "2.5", "null", "-Infinity", "1e300", "2.5"})
    rows += fmt::format("{{\"global_step\":{},\"loss\":{}}}\n", ++step, loss);
  write("metrics.jsonl",
        rows + "{\"global_step\":\"ten\",\"loss\":\"high\"}\n{\"global_step\":null,\"loss\":1}\n");
  const std::string html = page();
  expect_sound(html);
  EXPECT_THAT(html, Not(HasSubstr("could not be read")));
  const size_t begin = html.find("class=\"line\" d=\"") + 16;
  const std::string path = html.substr(begin, html.find('"', begin) - begin);
  EXPECT_EQ(count(path, "M"), 3u) << path;          // 1..3, 5 alone, 9 alone
  EXPECT_EQ(count(path, "h0"), 2u) << path;         // points that stand alone are seen
  EXPECT_EQ(count(html, "class=\"dot\""), 2 * 5u);  // wide and narrow
}

TEST_F(Report, AllNumbersMissingMakesNoChart) {
  write("metrics.jsonl",
        "{\"global_step\":1,\"loss\":null,\"grad_norm\":NaN}\n{\"event\":\"evaluate\","
        "\"iteration\":0,\"eval_"
        "reward\":null}\n");
  const std::string html = page();
  expect_sound(html);
  EXPECT_EQ(count(html, "<figure"), 0u);
}

TEST_F(Report, OnePointAndConstantSeriesHaveAxes) {
  for (const double value : {2.5, 0.0, -3.0, 1e-12, 1e29, -1e-30}) {
    for (const int rows : {1, 2, 50}) {
      std::string text;
      for (int i = 1; i <= rows; ++i)
        text += line({{"global_step", i},
                      {"loss", value},
                      {"learning_rate", value},
                      {"grad_norm", value}}) +
                line({{"event", "evaluate"},
                      {"iteration", i - 1},
                      {"eval_reward", value},
                      {"eval_distinct_2", value}});
      write("metrics.jsonl", text);
      const std::string html = page();
      expect_sound(html);
      EXPECT_EQ(count(html, "<figure"), 5u) << value << " in " << rows << " rows";
      const size_t ticks = count(html, "class=\"tick end\"");
      EXPECT_GE(ticks, 2 * 5u * 2) << value;  // wide and narrow
      EXPECT_LE(ticks, 2 * 5u * 8) << value;
    }
  }
}

TEST_F(Report, AResumedRunHasNotEndedAndARollbackCountsTheModelKept) {
  write("metrics.jsonl", raft_metrics(1) +
                             R"({"event":"end","outcome":"interrupted","seconds":5})" + "\n" +
                             step_row(5, 3.0));
  EXPECT_THAT(page(), HasSubstr("not finished when this page was written"));
  write("metrics.jsonl",
        raft_metrics(3) +
            R"({"event":"rollback","to_iteration":2,"eval_reward":0.325,"iteration":3})" + "\n" +
            R"({"event":"end","outcome":"stopped: distinct-2 fell","seconds":5})" + "\n");
  for (int i = 0; i < 4; ++i)
    write(fmt::format("samples/eval-{:04}.jsonl", i),
          sample_row("p", fmt::format("answer {}", i), 0.1 * i));
  const std::string html = page();
  EXPECT_THAT(html, HasSubstr("back to the model of iteration 2"));
  EXPECT_THAT(html, HasSubstr("0.125 <small>→</small> 0.325"));
  EXPECT_THAT(html, HasSubstr("answer 2"));
  EXPECT_THAT(html, Not(HasSubstr("answer 3")));
}

TEST_F(Report, PairsOnlyTheSamePrompt) {
  write("metrics.jsonl", raft_metrics(1));
  write("samples/eval-0000.jsonl",
        sample_row("one", "a", 0.1) + sample_row("two", "b", 0.1) +
            "{\"prompt\":\"three\",\"completion\":\"c\",\"reward\":null}\n" + "torn");
  write("samples/eval-0001.jsonl",
        sample_row("one", "", 0.2) + sample_row("other", "d", 0.1) + sample_row("three", "e", 0.1));
  write("samples/eval-final.jsonl", "not a number\n");
  const std::string html = page();
  expect_sound(html);
  EXPECT_EQ(count(html, "<td class=\"prompt\">"), 1u);
  EXPECT_THAT(html, HasSubstr("(nothing)"));
}

TEST_F(Report, AHugeRunIsThinnedWithItsPeaksWithinASecond) {
  std::string rows;
  for (int i = 1; i <= 30000; ++i)
    rows += step_row(i, i == 12345 ? 77.5 : 2.0 + std::sin(i * 0.37));
  write("metrics.jsonl", rows);
  std::string samples;
  for (int i = 0; i < 5000; ++i)
    samples += sample_row(fmt::format("prompt {}", i), std::string(200, 'x'), std::sin(i));
  for (const char* name : {"eval-0000", "eval-0006", "iteration-0001", "iteration-0006"})
    write(fmt::format("samples/{}.jsonl", name), samples);
  const auto begin = std::chrono::steady_clock::now();
  const std::string html = page();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  RecordProperty("milliseconds", static_cast<int>(1000 * seconds));
  expect_sound(html);
  EXPECT_LT(html.size(), 400'000u);
  EXPECT_THAT(html, HasSubstr(",12345,77.5"));
  EXPECT_THAT(html, HasSubstr("Thin: every logged step."));
#if defined(NDEBUG)
  EXPECT_LT(seconds, 1.0);
#endif
}

TEST_F(Report, PictureIsOneWellFormedSvg) {
  write("metrics.jsonl", raft_metrics(6));
  std::string before, after;
  for (int i = 0; i < 9; ++i) {
    before +=
        sample_row(fmt::format("prompt {}", i),
                   "a long answer that must be broken into lines " + std::string(300, 'w'), -0.5);
    after += sample_row(fmt::format("prompt {}", i), "good\n\nanswer", 0.1 * i);
  }
  write("samples/eval-0000.jsonl", before);
  write("samples/eval-0006.jsonl", after);
  const std::string svg = picture();
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_TRUE(svg.starts_with("<svg xmlns="));
  EXPECT_EQ(count(svg, "http"),
            1u);  // the name of the SVG namespace, which a stand-alone file must carry
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_EQ(count(svg, "class=\"chart\""), 2u);
  for (const char* prompt : {"prompt 7<", "prompt 4<", "prompt 1<"})
    EXPECT_THAT(svg, HasSubstr(prompt));  // the middle of each third
  EXPECT_EQ(count(svg, "class=\"pill"), 6u);
  EXPECT_EQ(svg, picture());
}

TEST_F(Report, PictureOfAnSftRunShowsItsLoss) {
  write("metrics.jsonl", step_row(1, 3.0) + step_row(2, 2.0));
  const std::string svg = picture();
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_EQ(count(svg, "class=\"chart\""), 1u);
  EXPECT_THAT(svg, HasSubstr("Training loss"));
}

}  // namespace
}  // namespace slipway
