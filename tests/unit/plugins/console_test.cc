// The console logger: plain lines where nobody watches, a bar in a terminal.
#include <cstdlib>
#include <limits>

#include "plugin/logger.h"
#include "tests/unit/plugins/bundled.h"
#include "tests/unit/plugins/terminal.h"

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::string kErase = "\r\033[K";

LoggerPlugin console(const std::string& options) {
  return LoggerPlugin(bundled("console", options));
}
void row(const LoggerPlugin& plugin, int64_t step, std::vector<slw_metric> metrics) {
  plugin.scalars(step, 0, metrics);
}
void progress(const LoggerPlugin& plugin, double time, double fraction,
              std::vector<slw_metric> more = {}) {
  more.push_back({"progress/fraction", fraction});
  plugin.scalars(0, time, more);
}

// What `body` writes to a standard error that is a file.
template <class Body>
std::string written(Body body) {
  testing::internal::CaptureStderr();
  body();
  return testing::internal::GetCapturedStderr();
}

size_t code_points(const std::string& text) {
  size_t out = 0;
  for (const char c : text) out += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return out;
}

// ---- lines -------------------------------------------------------------------------------------

TEST(Console, ResultRowsArePlainLines) {
  const auto line = [](int64_t step, std::vector<slw_metric> metrics) {
    return written([&] { row(console("bar = \"off\""), step, metrics); });
  };
  EXPECT_EQ(
      line(12, {{"loss", 1.23456}, {"grad_norm", 0.5}, {"learning_rate", 5e-5}, {"epoch", 1}}),
      "trained   step 12  loss 1.2346  grad 0.500  lr 5.00e-05\n");
  EXPECT_EQ(line(12, {{"loss", 1}, {"tokens_per_second", 1234.4}, {"mfu", 0.456}}),
            "trained   step 12  loss 1.0000  tokens/s 1234  MFU 46%\n");
  EXPECT_EQ(
      line(3, {{"iteration", 2},
               {"reward_mean", 0.25},
               {"reward_std", 0.125},
               {"selected_reward", 0.5},
               {"mean_length", 40},
               {"tokens_per_second", 1234}}),
      "sampled   iteration 2  step 3  reward +0.250  \u00b1 0.125  selected +0.500  mean length "
      "40.0  tokens/s 1234\n");
  EXPECT_EQ(line(4, {{"eval_reward", -0.5}, {"eval_reward_std", 0.25}, {"eval_distinct_2", 0.75}}),
            "held out  step 4  reward -0.500  \u00b1 0.250  distinct-2 0.750\n");
  EXPECT_EQ(line(4, {{"eval_reward", -0.5},
                     {"eval_rewards/length/mean", 1},
                     {"eval_rewards/length/std", 0},
                     {"eval_rewards/tone/mean", -2}}),
            "held out  step 4  reward -0.500  length +1.000  tone -2.000\n");
  EXPECT_EQ(line(3, {{"iteration", 2},
                     {"reward_mean", 0.25},
                     {"rewards/judge/a/mean", 1},
                     {"rewards/judge/b/mean", 2}}),
            "sampled   iteration 2  step 3  reward +0.250  judge/a +1.000  judge/b +2.000\n");
  EXPECT_EQ(line(3, {{"iteration", 2}, {"reward_mean", 0.25}, {"rewards/length/mean", 0.25}}),
            "sampled   iteration 2  step 3  reward +0.250\n");
  EXPECT_EQ(line(4, {{"eval_loss", 2}, {"loss", 1}}), "held out  step 4  loss 2.0000\n");
  EXPECT_EQ(line(4, {{"eval_loss", 2},
                     {"eval_f1", 0.5},
                     {"eval_accuracy", 0.25},
                     {"eval_runtime", 3},
                     {"eval_steps_per_second", 9}}),
            "held out  step 4  loss 2.0000  accuracy 0.2500  f1 0.5000\n");
  EXPECT_EQ(
      line(4,
           {{"eval_news_loss", 2}, {"eval_news_f1", 0.5}, {"eval_news_runtime", 3}, {"epoch", 1}}),
      "held out  step 4  news  loss 2.0000  f1 0.5000\n");
  EXPECT_EQ(line(4, {{"loss", std::numeric_limits<double>::quiet_NaN()}}),
            "trained   step 4  loss nan\n");
  EXPECT_EQ(line(4, {{"seconds", 3}}), "");
}

TEST(Console, WithoutABarProgressComesEveryFewSeconds) {
  const std::string out = written([] {
    const LoggerPlugin plugin = console("bar = \"off\"\nevery = 10");
    progress(plugin, 1000, 0.0);
    progress(plugin, 1009.9, 0.001);
    progress(plugin, 1010, 0.001);
    progress(plugin, 1019, 0.002);
    progress(plugin, 1020, 0.002);
    progress(plugin, 500, 0.002);  // the clock was set back
    plugin.end(SLW_OK);
  });
  EXPECT_EQ(
      out,
      "  0%  0:00  training\n  0%  0:10  training\n  0%  0:20  training\n  0%  0:00  training\n");
}

TEST(Console, EveryZeroShowsAllProgress) {
  const std::string out = written([] {
    const LoggerPlugin plugin = console("bar = \"off\"\nevery = 0");
    for (int i = 0; i < 5; ++i) progress(plugin, 1000 + 0.01 * i, 0.2 * i);
  });
  EXPECT_EQ(std::ranges::count(out, '\n'), 5);
  EXPECT_THAT(error_of([] { console("every = -1"); }), HasSubstr("at least 0.0"));
}

TEST(Console, ProgressSaysWhatIsGoingOn) {
  const std::string out = written([] {
    const LoggerPlugin plugin = console("bar = \"off\"\nevery = 0");
    progress(plugin, 1000, 0.5,
             {{"phase", 0},
              {"iteration", 3},
              {"rows_done", 12},
              {"rows_total", 64},
              {"progress/tokens_per_second", 99.6},
              {"loss", 1.5}});
    progress(plugin, 1000, 0.5, {{"phase", 4}});
    progress(plugin, 1001, 7, {{"phase", 99}});
    progress(plugin, 1000, -7, {{"phase", -1}});
  });
  EXPECT_EQ(out,
            " 50%  0:00  sampling (iteration 3)  12/64  100 tokens/s  loss 1.500\n 50%  0:00  "
            "saving\n100%  0:01 < 0:00  saving\n  0%  0:00  sampling\n");
}

// ---- time left ---------------------------------------------------------------------------------

TEST(Console, TimeLeftIsThePaceSoFar) {
  const std::string out = written([] {
    const LoggerPlugin plugin = console("bar = \"off\"\nevery = 0");
    progress(plugin, 1000, 0);
    progress(plugin, 1001, 0.001);  // too little to tell
    progress(plugin, 1060, 0.25);
  });
  EXPECT_THAT(out, HasSubstr("  0%  0:01  training\n"));
  EXPECT_THAT(out, HasSubstr(" 25%  1:00 < 3:00  training\n"));
}

TEST(Console, AtAnEvenPaceTimeLeftCountsDownByTheClock) {
  const std::string out = written([] {
    const LoggerPlugin plugin = console("bar = \"off\"\nevery = 0");
    for (int i = 0; i <= 100; ++i) progress(plugin, 1000 + 10 * i, 0.01 * i);
  });
  EXPECT_THAT(out, HasSubstr(" 10%  1:40 < 15:00  training\n"));
  EXPECT_THAT(out, HasSubstr(" 50%  8:20 < 8:20  training\n"));
  EXPECT_THAT(out, HasSubstr("100%  16:40 < 0:00  training\n"));
}

TEST(Console, TimeLeftDoesNotJumpWithOneSlowStep) {
  const std::string out = written([] {
    const LoggerPlugin plugin = console("bar = \"off\"\nevery = 0");
    progress(plugin, 1000, 0);
    progress(plugin, 1010, 0.1);  // 90 s left
    progress(plugin, 1070, 0.1);  // 630 s by the pace
  });
  EXPECT_THAT(out, HasSubstr(" 10%  1:10 < 1:30  training\n"));  // 0.9 * 30 + 0.1 * 630
}

TEST(Console, AResumedRunsPaceIsThatSinceItsStart) {
  const std::string out = written([] {
    const LoggerPlugin plugin = console("bar = \"off\"\nevery = 0");
    progress(plugin, 1000, 0.5);
    progress(plugin, 1360, 0.6);  // a tenth in six minutes
  });
  EXPECT_THAT(out, HasSubstr(" 60%  6:00 < 24:00  training\n"));
}

TEST(Console, LongTimesHaveHours) {
  const std::string out = written([] {
    const LoggerPlugin plugin = console("bar = \"off\"\nevery = 0");
    progress(plugin, 1000, 0);
    progress(plugin, 1000 + 3661, 0.25);
  });
  EXPECT_THAT(out, HasSubstr(" 25%  1:01:01 < 3:03:03  training\n"));
}

TEST(Console, WhatTheHostSaysIsLeftIsShownAsItIs) {
  const std::string out = written([] {
    const LoggerPlugin plugin = console("bar = \"off\"\nevery = 0");
    progress(plugin, 1000, 0.1, {{"progress/seconds_left", -1}});  // not known yet
    progress(plugin, 1010, 0.5, {{"progress/seconds_left", 75.2}});
    progress(plugin, 1011, 0.99, {{"progress/seconds_left", 1}, {"phase", 4}});
    progress(plugin, 1012, 1, {{"progress/seconds_left", 0}, {"phase", 4}});
  });
  EXPECT_EQ(out,
            " 10%  0:00  training\n 50%  0:10 < 1:15  training\n 99%  0:11 < 0:01  saving\n"
            "100%  0:12 < 0:00  saving\n");
}

TEST(Console, AnswersAreShownWhenTheyAreSampledAndNotAgainAfterTraining) {
  const std::string out = written([] {
    const LoggerPlugin plugin = console("bar = \"off\"");
    for (const double iteration : {1.0, 2.0}) {
      row(plugin, 3, {{"iteration", iteration}, {"reward_mean", 0.5}, {"progress/fraction", 0.2}});
      row(plugin, 6, {{"iteration", iteration}, {"loss", 2}});
      row(plugin, 6, {{"iteration", iteration}, {"reward_mean", 0.5}, {"train_seconds", 9}});
    }
  });
  EXPECT_EQ(out,
            "sampled   iteration 1  step 3  reward +0.500\n"
            "trained   iteration 1  step 6  loss 2.0000\n"
            "sampled   iteration 2  step 3  reward +0.500\n"
            "trained   iteration 2  step 6  loss 2.0000\n");
}

// ---- samples -----------------------------------------------------------------------------------

TEST(Console, SamplesShowTheirFirstLines) {
  const auto shown = [](const std::string& options, const std::string& text) {
    return written([&] { console("bar = \"off\"\n" + options).text(1, 0, "samples", text); });
  };
  EXPECT_EQ(shown("", "a\nb\nc\nd"), "    a\n    b\n    c\n");
  EXPECT_EQ(shown("samples = 1", "a\nb"), "    a\n");
  EXPECT_EQ(shown("samples = 0", "a\nb"), "");
  EXPECT_EQ(shown("samples = 9", "a\n\nb\n"), "    a\n    \n    b\n");
  EXPECT_EQ(shown("", ""), "");
}

TEST(Console, SamplesAreShownWithoutMarkdown) {
  const auto shown = [](const std::string& text) {
    return written([&] { console("bar = \"off\"").text(1, 0, "samples", text); });
  };
  EXPECT_EQ(shown("- **The film** is good `+0.50`"), "    The film is good +0.50\n");
  EXPECT_EQ(shown("2 ** 3 and ` alone - **x"), "    2  3 and ` alone - x\n");
  EXPECT_EQ(shown("a ** b"), "    a ** b\n");
}

TEST(Console, ATrainingsLastRowIsShown) {
  EXPECT_EQ(written([] {
              row(console("bar = \"off\""), 18,
                  {{"train_loss", 2.5}, {"train_runtime", 75}, {"train_steps_per_second", 0.24}});
            }),
            "finished  step 18  loss of all steps 2.5000  steps/s 0.24  in 1:15\n");
}

TEST(Console, SamplesCannotCommandTheTerminal) {
  const auto shown = [](const std::string& text) {
    return written([&] { console("bar = \"off\"").text(1, 0, "samples", text); });
  };
  EXPECT_EQ(shown("\033]0;title\007 \033[2J\b\r\t"), "     ]0;title   [2J   \n");
  EXPECT_EQ(shown("del\177"), "    del \n");
  EXPECT_EQ(shown("csi\u009b2J nel\u0085 nbsp\u00a0"), "    csi 2J nel  nbsp\u00a0\n");
  EXPECT_EQ(shown("\x9b"
                  "2J"),
            "    \uFFFD"
            "2J\n");  // the same as a stray byte
  // ... and spelled longer than needed
  EXPECT_EQ(shown("\xC0\x9B"
                  "2J"),
            "    \uFFFD\uFFFD"
            "2J\n");
  EXPECT_EQ(shown("\xE0\x82\x9B."), "    \uFFFD\uFFFD\uFFFD.\n");
  EXPECT_EQ(shown("\xED\xA0\x80."), "    \uFFFD\uFFFD\uFFFD.\n");            // a surrogate
  EXPECT_EQ(shown("\xF4\x90\x80\x80."), "    \uFFFD\uFFFD\uFFFD\uFFFD.\n");  // beyond U+10FFFF
  EXPECT_EQ(shown("\xE2\x82"), "    \uFFFD\uFFFD\n");                        // torn at the end
  EXPECT_EQ(shown("\u00e4 \u20ac \U0001F600"), "    \u00e4 \u20ac \U0001F600\n");
}

// ---- the bar -----------------------------------------------------------------------------------

TEST(ConsoleInATerminal, DrawsInPlaceAndMakesRoomForResults) {
  Terminal terminal(80);
  const LoggerPlugin plugin = console("color = \"off\"");  // bar = auto: this is a terminal
  progress(plugin, 1000, 0.25);
  std::string half;
  for (int i = 0; i < 20; ++i) half += i < 5 ? "\u2588" : "\u2591";
  EXPECT_EQ(terminal.read(), kErase + half + "  25%  0:00  training");
  row(plugin, 5, {{"loss", 2}});  // the bar stays, below it
  const std::string bar = half + "  25%  0:00  training";
  EXPECT_EQ(terminal.read(), kErase + "trained   step 5  loss 2.0000\n" + bar);
  plugin.text(5, 0, "samples", "hello");
  EXPECT_EQ(terminal.read(), kErase + "    hello\n" + bar);
  progress(plugin, 1001, 0.5);
  EXPECT_THAT(terminal.read(), StartsWith(kErase));
  plugin.end(SLW_OK);
  EXPECT_EQ(terminal.read(), kErase);
  plugin.end(SLW_OK);
  EXPECT_EQ(terminal.read(), "");
}

TEST(ConsoleInATerminal, DrawsNoFasterThanEyesAre) {
  Terminal terminal(80);
  const LoggerPlugin plugin = console("bar = \"on\"\ncolor = \"off\"");
  progress(plugin, 1000, 0.1);
  EXPECT_NE(terminal.read(), "");
  progress(plugin, 1000.05, 0.2);
  EXPECT_EQ(terminal.read(), "");
  progress(plugin, 1000.06, 1);  // the end is always shown
  EXPECT_THAT(terminal.read(), HasSubstr("100%"));
}

TEST(ConsoleInATerminal, NothingIsWiderThanTheTerminal) {
  for (const unsigned short width : std::initializer_list<unsigned short>{20, 33, 80, 300}) {
    Terminal terminal(width);
    const LoggerPlugin plugin = console("bar = \"on\"\ncolor = \"off\"");
    progress(plugin, 1000, 0.5,
             {{"iteration", 1e15},
              {"rows_done", 1e15},
              {"rows_total", 1e15},
              {"progress/tokens_per_second", 1e15},
              {"loss", 1e15}});
    const std::string drawn = terminal.read();
    ASSERT_THAT(drawn, StartsWith(kErase));
    EXPECT_LT(code_points(drawn.substr(kErase.size())), width) << drawn;
    std::string euros;
    for (int i = 0; i < 400; ++i) euros += "\u20ac";
    plugin.text(1, 0, "samples", euros);
    std::string expected = "    ";
    while (code_points(expected) < width - 2u) expected += "\u20ac";
    expected += "\u2026";
    // three bytes each, none of them torn
    EXPECT_EQ(terminal.read(), kErase + expected + "\n" + drawn.substr(kErase.size()));
  }
}

TEST(ConsoleInATerminal, WithoutAWidthThereAreEightyColumns) {
  Terminal terminal(0);
  console("bar = \"on\"\ncolor = \"off\"").text(1, 0, "samples", std::string(400, 'x'));
  EXPECT_EQ(terminal.read(), "    " + std::string(74, 'x') + "\u2026\n");
}

TEST(ConsoleInATerminal, ColouredRowsFitToo) {
  Terminal terminal(24);
  row(console("bar = \"on\"\ncolor = \"on\""), 5, {{"loss", 2}, {"grad_norm", 1}});
  EXPECT_EQ(terminal.read(),
            "\033[33mtrained \033[0m  step 5\n          loss 2.0000\n          grad 1.000\n");
}

TEST(ConsoleInATerminal, WhereThereIsNoRoomNoNumberIsTorn) {
  Terminal terminal(80);
  const LoggerPlugin plugin = console("color = \"off\"");
  row(plugin, 3,
      {{"iteration", 1},
       {"reward_mean", 0.5},
       {"reward_std", 0.125},
       {"rewards/length/mean", 0.75},
       {"rewards/sentiment/mean", 0.25},
       {"selected_reward", 0.875},
       {"mean_length", 24},
       {"tokens_per_second", 164}});
  // each reward is seen; the speed has room below
  EXPECT_EQ(terminal.read(),
            "sampled   iteration 1  step 3  reward +0.500  \u00b1 0.125  length +0.750\n"
            "          sentiment +0.250  selected +0.875  mean length 24.0  tokens/s 164\n");
  row(plugin, 10,
      {{"iteration", 1},
       {"loss", 3.1348},
       {"grad_norm", 4.609},
       {"learning_rate", 1e-4},
       {"tokens_per_second", 215},  // 81 columns: no "tokens/s 21"
       {"mfu", 0.4}});
  EXPECT_EQ(terminal.read(),
            "trained   iteration 1  step 10  loss 3.1348  grad 4.609  lr 1.00e-04\n");
  progress(plugin, 1000, 0.46,
           {{"phase", 0},
            {"iteration", 5},
            {"rows_done", 257},
            {"rows_total", 384},
            {"progress/seconds_left", 241},
            {"progress/tokens_per_second", 430}});
  EXPECT_TRUE(terminal.read().ends_with("46%  0:00 < 4:01  sampling (iteration 5)  257/384"));
}

TEST(ConsoleInATerminal, ADumbOneHasNoBar) {
  Terminal terminal(80);
  const std::string before = std::getenv("TERM") != nullptr ? std::getenv("TERM") : "";
  ::setenv("TERM", "dumb", 1);
  const LoggerPlugin plugin = console("");
  ::setenv("TERM", before.c_str(), 1);
  progress(plugin, 1000, 0.25);
  EXPECT_EQ(terminal.read(), " 25%  0:00  training\n");
}

TEST(ConsoleInATerminal, ColoursAreForTheBarUnlessRefused) {
  Terminal terminal(80);
  const auto painted = [&](const std::string& options) {
    row(console(options), 1, {{"loss", 1}});
    return terminal.read().find('\033') != std::string::npos;
  };
  ::unsetenv("NO_COLOR");
  EXPECT_TRUE(painted(""));
  EXPECT_FALSE(painted("color = \"off\""));
  EXPECT_FALSE(painted("bar = \"off\""));
  EXPECT_TRUE(painted("bar = \"off\"\ncolor = \"on\""));
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(painted(""));
  EXPECT_TRUE(painted("color = \"on\""));
  ::unsetenv("NO_COLOR");
}

TEST(Console, WithoutATerminalThereIsNoBarUnlessAskedFor) {
  EXPECT_EQ(written([] { progress(console(""), 1000, 1); }), "100%  0:00  training\n");
  EXPECT_THAT(written([] { progress(console("bar = \"on\""), 1000, 1); }), StartsWith(kErase));
}

}  // namespace
}  // namespace slipway
