// The picture of a run for a README: two curves and three answers before and after, as one SVG
// file.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "record/report/data.h"
#include "record/report/figures.h"
#include "record/report/report.h"
#include "record/report/samples.h"
#include "record/report/style.h"
#include "record/report/text.h"

namespace slipway {
namespace report {
namespace {

constexpr int kWidth = 1000, kChartHeight = 250, kMargin = 24;
constexpr double kTextSize = 13.5, kLine = 19;

constexpr std::string_view kPictureStyle = R"css(
.ground { fill: var(--ground); stroke: var(--rule); }
.title { font-size: 18px; font-weight: 650; fill: var(--ink); }
.heading { font-size: 14.5px; font-weight: 650; fill: var(--ink); }
.small { font-size: 12.5px; fill: var(--soft); }
.text, .prompt { font-size: 13.5px; fill: var(--ink); }
.prompt { font-weight: 600; }
.rule { stroke: var(--rule); fill: none; }
.up { --hue: var(--up); } .down { --hue: var(--down); }
.pill { fill: rgb(var(--hue)); stroke: rgb(var(--hue)); stroke-opacity: .55; }
.reward { font-size: 12.5px; font-weight: 650; fill: var(--ink); text-anchor: middle; }
)css";

std::string text(const char* css, double x, double y, std::string_view words) {
  return fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", css, x, y,
                     escape(words));
}

std::string pill(double x, double y, double reward, double largest) {
  const double share = largest > 0 ? std::abs(reward) / largest : 0;
  return fmt::format(
             "<rect class=\"pill {}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"58\" height=\"21\" "
             "rx=\"10.5\" "
             "fill-opacity=\"{:.2f}\"/>",
             reward < 0 ? "down" : "up", x, y - 15, 0.06 + 0.5 * share) +
         text("reward", x + 29, y, signed_text(reward));
}

// A chart at a place: the nested <svg> keeps its own coordinates.
std::string placed(const Chart& chart, const char* title, int x, int y) {
  const std::string svg = svg_curve(chart);
  if (svg.empty()) return "";
  return text("heading", x, y, title) +
         fmt::format("<g transform=\"translate({} {})\">", x, y + 16) + svg + "</g>\n";
}

std::string charts(const Record& record, double& bottom) {
  const int half = (kWidth - 2 * kMargin - 32) / 2, top = 92;
  Chart reward = reward_chart(record), distinct = distinct_chart(record), loss = loss_chart(record);
  for (Chart* chart : {&reward, &distinct, &loss}) {
    chart->hover = false;
    chart->width = half;
    chart->height = kChartHeight;
  }
  std::string out;
  int x = kMargin;
  const auto place = [&](const Chart& chart, const char* title) {
    const std::string svg = x < kWidth / 2 + kMargin ? placed(chart, title, x, top) : "";
    if (!svg.empty()) x += half + 32;
    out += svg;
  };
  place(reward, "Reward");
  place(distinct, record.evaluations.has("eval_distinct_2") ? "Diversity of the held-out answers"
                                                            : "Diversity of the training samples");
  place(loss, "Training loss");
  bottom = out.empty() ? top : top + 16 + kChartHeight;
  return out;
}

std::string answers(const Record& record, double& bottom) {
  const std::vector<const Pair*> shown = typical_of_parts(record.pairs, 3);
  if (shown.empty()) return "";
  double largest = 0;
  for (const Pair* pair : shown)
    largest = std::max({largest, std::abs(pair->before.reward), std::abs(pair->after.reward)});
  const double before_x = kMargin + 210, after_x = before_x + 380, width = 292;
  double y = bottom + 42;
  const std::string before = record.before_iteration == 0
                                 ? "before training"
                                 : fmt::format("after iteration {}", record.before_iteration);
  std::string out =
      text("heading", kMargin, y, "prompt") + text("heading", before_x, y, before) +
      text("heading", after_x, y, fmt::format("after iteration {}", record.after_iteration));
  y += 14;
  for (const Pair* pair : shown) {
    out += fmt::format("<path class=\"rule\" d=\"M{} {:.1f}H{}\"/>", kMargin, y, kWidth - kMargin);
    y += 26;
    size_t lines = 1;
    const auto paragraph = [&](const char* css, double x, double room, const std::string& words) {
      const std::vector<std::string> wrapped_lines = wrapped(words, kTextSize, room, 4);
      for (size_t i = 0; i < wrapped_lines.size(); ++i)
        out += text(css, x, y + kLine * static_cast<double>(i), wrapped_lines[i]);
      lines = std::max(lines, wrapped_lines.size());
    };
    paragraph("prompt", kMargin, 200, pair->before.prompt);
    out += pill(before_x, y, pair->before.reward, largest) +
           pill(after_x, y, pair->after.reward, largest);
    paragraph("text", before_x + 70, width, pair->before.completion);
    paragraph("text", after_x + 70, width, pair->after.completion);
    y += kLine * static_cast<double>(lines - 1) + 16;
  }
  bottom = y + 4;
  if (record.pairs.size() > shown.size()) {
    out +=
        text("small", kMargin, bottom + 12,
             fmt::format(
                 "The middle one of each third of {} held-out prompts, ranked by change of reward.",
                 record.pairs.size()));
    bottom += 16;
  }
  return out;
}

std::string summary(const Record& record) {
  const Table& held_out = record.evaluations;
  const int final = final_evaluation(record);
  const auto at_end = [&](const char* key) {
    const std::vector<double>& column = held_out.column(key);
    return final >= 0 && static_cast<size_t>(final) < column.size()
               ? column[static_cast<size_t>(final)]
               : kMissing;
  };
  std::string out;
  const auto add = [&](const std::string& words) { out += (out.empty() ? "" : " · ") + words; };
  if (!std::isnan(at_end("eval_reward")))
    add(fmt::format("held-out reward {} → {}", number_text(held_out.first("eval_reward")),
                    number_text(at_end("eval_reward"))));
  if (const double base = held_out.first("eval_distinct_2");
      base > 0 && !std::isnan(at_end("eval_distinct_2")))
    add(fmt::format("distinct-2 at {:.0f} % of the start", 100 * at_end("eval_distinct_2") / base));
  if (record.iterations.rows > 0) add(fmt::format("{} iterations", record.iterations.rows));
  if (!std::isnan(record.seconds)) add(duration_text(record.seconds));
  return out;
}

std::string picture(const Record& record) {
  double bottom = 0;
  std::string inside = text("title", kMargin, 34, record.name);
  inside += text("small", kMargin, 54, summary(record));
  inside += charts(record, bottom);
  inside += answers(record, bottom);
  const double height = std::ceil(bottom + 20);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1:.0f}\" width=\"{0}\" "
      "height=\"{1:.0f}\" role=\"img\">\n",
      kWidth, height);
  out += fmt::format("<title>{}</title>\n<style>{}{}</style>\n", escape(record.name), kChartStyle,
                     kPictureStyle);
  out += fmt::format(
      "<rect class=\"ground\" x=\".5\" y=\".5\" width=\"{}\" height=\"{:.0f}\" rx=\"12\"/>\n",
      kWidth - 1, height - 1);
  return out + inside + "</svg>\n";
}

}  // namespace
}  // namespace report

void write_picture(const fs::path& run_dir, const fs::path& svg) {
  write_file_durably(svg, report::picture(report::read_record(run_dir)));
}

}  // namespace slipway
