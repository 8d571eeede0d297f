// Rows of samples.
#include "raft/samples.h"

#include <fmt/format.h>

#include "base/json_text.h"
#include "plugin/options.h"

namespace slipway {

std::string sample_line(const Json& row) { return json_text(row) + "\n"; }

Json sample_row(const std::string& prompt, const Answer& a,
                const std::vector<RewardLabel>& labels) {
  Json row = {{"prompt", prompt},       {"completion", a.text}, {"reward", a.reward},
              {"ranking", a.ranking},   {"kept", a.kept},       {"discarded", a.discarded},
              {"finished", a.finished}, {"sample", a.sample},   {"logprob", a.logprob}};
  if (!a.scores.empty()) row["rewards"] = named_scores(labels, a.scores);
  if (!a.columns.empty()) row["columns"] = a.columns;
  return row;
}

SampleTable kept_samples(std::span<const std::string* const> prompts,
                         const std::vector<Answer>& answers, const std::vector<RewardLabel>& labels,
                         size_t most) {
  std::vector<const Answer*> kept;
  Json columns = Json::object();
  for (const Answer& a : answers) {
    if (!a.kept || kept.size() == most) continue;
    kept.push_back(&a);
    columns.update(a.columns);
  }
  SampleTable table{{"prompt", "completion", "reward", "kept"}, {}};
  if (labels.size() > 1)
    for (const RewardLabel& label : labels) table.columns.push_back("rewards/" + label.name);
  for (const auto& [name, value] : columns.items()) table.columns.push_back(name);
  for (const Answer* a : kept) {
    auto& row = table.rows.emplace_back();
    row = {Value::of(*prompts[a->prompt]), Value::of(a->text), Value::of(a->reward),
           Value::of(a->kept)};
    if (labels.size() > 1)
      for (const double score : a->scores) row.push_back(Value::of(score));
    for (const auto& [name, value] : columns.items()) {
      const auto own = a->columns.find(name);
      row.push_back(own == a->columns.end() ? Value::of(std::string()) : value_of(*own));
    }
  }
  return table;
}

namespace {

std::string on_one_line(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? std::string("\u21b5") : std::string(1, c);
  return out;
}

}  // namespace

std::string samples_markdown(const SampleTable& table) {
  std::string out;
  // the score first: what a text is too long for is its end
  for (const auto& row : table.rows)
    out += fmt::format("- `{:+.2f}` **{}**{}\n", row[2].f, on_one_line(row[0].s),
                       on_one_line(row[1].s));
  return out;
}

}  // namespace slipway
