// Answers before and after training, side by side.
#include "record/report/samples.h"

#include <fmt/format.h>

#include <algorithm>

#include "record/report/text.h"

namespace slipway::report {
namespace {

constexpr size_t kPairs = 12;
constexpr size_t kAnswersAtOnce = 4;     // of them: charts come soon after
constexpr size_t kMostTextBytes = 2000;  // of one text

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

std::string paragraph(const std::string& words) {
  const size_t begin = words.find_first_not_of(" \n\t");
  const std::string text = begin == std::string::npos
                               ? ""
                               : shortened(std::string_view(words).substr(begin), kMostTextBytes);
  return fmt::format("<div class=\"text{}\">{}</div>", text.empty() ? " empty" : "",
                     text.empty() ? "(nothing)" : escape(text));
}

std::string answer(const Sample& sample, double largest, const std::string& when) {
  return fmt::format("<td data-when=\"{}\">{}{}</td>\n", when, pill(sample.reward, largest),
                     paragraph(sample.completion));
}

std::string counts(const std::vector<Pair>& pairs) {
  size_t up = 0, down = 0;
  for (const Pair& pair : pairs) {
    up += pair.change() > 0 ? 1 : 0;
    down += pair.change() < 0 ? 1 : 0;
  }
  return fmt::format(
      "Held-out prompts that are answered with more reward than before: {} of {}; with less: {}; "
      "with the same: {}.",
      up, pairs.size(), down, pairs.size() - up - down);
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

std::string few_and_more(const std::string& head, const std::vector<std::string>& rows) {
  std::string few, more;
  size_t next = 0, shown = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool at_once = rows.size() <= kAnswersAtOnce || i == next;
    (at_once ? few : more) += rows[i];
    if (!at_once) continue;
    ++shown;
    next = shown * (rows.size() - 1) / (kAnswersAtOnce - 1);
  }
  const auto table = [&](const std::string& body) {
    return fmt::format(
        "<div class=\"sheet\"><table class=\"samples\">{}<tbody>\n{}</tbody></table></div>", head,
        body);
  };
  std::string out = table(few) + "\n";
  if (!more.empty())
    out += fmt::format("<details><summary>{} more</summary>\n{}</details>\n", rows.size() - shown,
                       table(more));
  return out;
}

namespace {

std::string pairs_section(const Record& record) {
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
  std::vector<std::string> rows;
  for (const Pair* pair : shown)
    rows.push_back(
        fmt::format("<tr><td class=\"prompt\">{}<span class=\"change\">reward {}</span></td>\n",
                    escape(shortened(pair->before.prompt, kMostTextBytes)),
                    change_text(pair->before.reward, pair->after.reward).change) +
        answer(pair->before, largest, before) + answer(pair->after, largest, after) + "</tr>\n");
  return out + "</p>\n" +
         few_and_more(fmt::format("<thead><tr><th>prompt</th><th>{}</th><th>{}</th></tr></thead>",
                                  before, after),
                      rows) +
         "</section>\n";
}

// The most certain first; those without a figure last.
std::vector<const Prediction*> by_logprob(const std::vector<Prediction>& predictions) {
  std::vector<const Prediction*> out;
  for (const Prediction& each : predictions) out.push_back(&each);
  std::stable_sort(out.begin(), out.end(), [](const Prediction* a, const Prediction* b) {
    if (std::isnan(a->logprob) || std::isnan(b->logprob))
      return !std::isnan(a->logprob) && std::isnan(b->logprob);
    return a->logprob > b->logprob;
  });
  return out;
}

std::string predictions_section(const Record& record) {
  const std::vector<const Prediction*> all = by_logprob(record.predictions);
  const size_t count = std::min(all.size(), kPairs);
  if (count == 0) return "";
  std::string out = fmt::format(
      "<section><h2>Held-out examples</h2>\n<p class=\"note\">Of predictions.jsonl: at each token "
      "of the answer the model's most likely one, given the right ones before it.{}</p>\n",
      count == 1 ? ""
      : count == all.size() && !record.more_predictions
          ? " The right answer that is most probable comes first."
          : fmt::format(" Of the {}{} examples, the {} here are spread evenly over the probability "
                        "of the right answer, from the largest to the smallest.",
                        record.more_predictions ? "first " : "",
                        whole_text(static_cast<double>(all.size())), count));
  std::vector<std::string> rows;
  for (size_t i = 0; i < count; ++i) {
    const Prediction& each = *all[count == 1 ? 0 : i * (all.size() - 1) / (count - 1)];
    const std::string figure = std::isnan(each.logprob)
                                   ? ""
                                   : fmt::format("<span class=\"change\">{} nats a token</span>",
                                                 number_text(-each.logprob));
    rows.push_back(
        fmt::format("<tr><td class=\"prompt\">{}{}</td>\n<td data-when=\"in the "
                    "data\">{}</td>\n<td data-when=\"predicted\">{}</td></tr>\n",
                    escape(shortened(each.prompt, kMostTextBytes)), figure, paragraph(each.label),
                    paragraph(each.prediction)));
  }
  return out +
         few_and_more(
             "<thead><tr><th>prompt</th><th>in the data</th><th>predicted</th></tr></thead>",
             rows) +
         "</section>\n";
}

}  // namespace

std::string samples_section(const Record& record) {
  const std::string pairs = pairs_section(record);
  return pairs.empty() ? predictions_section(record) : pairs;
}

}  // namespace slipway::report
