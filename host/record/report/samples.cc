// Answers before and after training, side by side.
#include "record/report/samples.h"

#include <fmt/format.h>

#include <algorithm>

#include "record/report/text.h"

namespace slipway::report {
namespace {

constexpr size_t kPairs = 12;
constexpr size_t kMostBytes = 800;  // of one text: a page of answers stays readable

std::vector<const Pair*> ranked(const std::vector<Pair>& pairs) {
  std::vector<const Pair*> out;
  for (const Pair& pair : pairs) out.push_back(&pair);
  std::stable_sort(out.begin(), out.end(),
                   [](const Pair* a, const Pair* b) { return a->change() > b->change(); });
  return out;
}

std::string pill(double reward, double largest) {
  return fmt::format("<span class=\"reward {}\" style=\"--share:{:.2f}\">{}</span>",
                     reward < 0 ? "down" : "up", largest > 0 ? std::abs(reward) / largest : 0.0,
                     signed_text(reward));
}

std::string answer(const Sample& sample, double largest, const std::string& when) {
  const size_t begin = sample.completion.find_first_not_of(" \n\t");
  const std::string text =
      begin == std::string::npos
          ? ""
          : shortened(std::string_view(sample.completion).substr(begin), kMostBytes);
  return fmt::format("<td data-when=\"{}\">{}<div class=\"text{}\">{}</div></td>\n", when,
                     pill(sample.reward, largest), text.empty() ? " empty" : "",
                     text.empty() ? "(nothing)" : escape(text));
}

std::string counts(const std::vector<Pair>& pairs) {
  size_t up = 0, down = 0;
  for (const Pair& pair : pairs) {
    up += pair.change() > 0 ? 1 : 0;
    down += pair.change() < 0 ? 1 : 0;
  }
  return fmt::format(
      "Of {} held-out prompts, {} are answered with more reward than before, {} with less, {} with "
      "the same.",
      pairs.size(), up, down, pairs.size() - up - down);
}

}  // namespace

std::vector<const Pair*> spread_over_change(const std::vector<Pair>& pairs, size_t count) {
  const std::vector<const Pair*> all = ranked(pairs);
  if (all.size() <= count || count < 2) return all;
  std::vector<const Pair*> out;
  for (size_t i = 0; i < count; ++i) out.push_back(all[i * (all.size() - 1) / (count - 1)]);
  return out;
}

std::vector<const Pair*> typical_of_parts(const std::vector<Pair>& pairs, size_t count) {
  const std::vector<const Pair*> all = ranked(pairs);
  if (all.size() <= count) return all;
  std::vector<const Pair*> out;
  for (size_t i = 0; i < count; ++i) out.push_back(all[(2 * i + 1) * all.size() / (2 * count)]);
  return out;
}

std::string samples_section(const Record& record) {
  const std::vector<const Pair*> shown = spread_over_change(record.pairs, kPairs);
  if (shown.empty()) return "";
  double largest = 0;
  for (const Pair* pair : shown)
    largest = std::max({largest, std::abs(pair->before.reward), std::abs(pair->after.reward)});
  std::string out = "<section><h2>The same prompts, before and after</h2>\n";
  out += fmt::format("<p class=\"note\">{}", counts(record.pairs));
  if (shown.size() < record.pairs.size())
    out += fmt::format(
        " The {} here are spread evenly over the change, from the largest gain to the largest "
        "loss; none is "
        "picked by hand.",
        shown.size());
  const std::string before = record.before_iteration == 0
                                 ? "before training"
                                 : fmt::format("after iteration {}", record.before_iteration);
  const std::string after = fmt::format("after iteration {}", record.after_iteration);
  out += fmt::format(
      "</p>\n<div class=\"sheet\"><table "
      "class=\"samples\"><thead><tr><th>prompt</th><th>{}</th><th>{}</th></tr></thead><tbody>\n",
      before, after);
  for (const Pair* pair : shown) {
    out += fmt::format("<tr><td class=\"prompt\">{}<span class=\"change\">reward {}</span></td>\n",
                       escape(shortened(pair->before.prompt, kMostBytes)),
                       signed_text(pair->change()));
    out += answer(pair->before, largest, before) + answer(pair->after, largest, after) + "</tr>\n";
  }
  return out + "</tbody></table></div></section>\n";
}

}  // namespace slipway::report
