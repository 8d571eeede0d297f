// What a run recorded, as Markdown.
#include "record/model_card.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/place.h"
#include "compute/measure.h"

namespace slipway {
namespace {

constexpr const char* kMark =
    "<!-- Written by Slipway from what the run recorded. Take this line out to keep your own text: "
    "the file is then never overwritten. -->";

constexpr const char* kTokens = "num_input_tokens_seen";

// ---- what the run says -------------------------------------------------------------------------

using Cells = std::vector<std::pair<std::string, std::string>>;  // name, value

std::string title_case(std::string name) {
  bool first = true;
  for (char& c : name) {
    if (first && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    first = c == '_' || c == ' ';
    if (c == '_') c = ' ';
  }
  return name;
}

// At most four decimals.
std::string shown(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  const std::string exact = value.dump();
  const size_t point = exact.find('.');
  return value.is_number_float() && point != std::string::npos && exact.size() - point - 1 > 4
             ? fmt::format("{:.4f}", value.get<double>())
             : exact;
}

bool is_evaluation(const Json& row) {
  return row.contains("eval_loss") || row.value("event", "") == "evaluate";
}

// The metrics of an evaluation's row, without "eval_".
std::vector<std::pair<std::string, Json>> metrics_of(const Json& row) {
  static const std::set<std::string> kTimes = {"eval_runtime", "eval_samples_per_second",
                                               "eval_steps_per_second"};
  std::vector<std::pair<std::string, Json>> out;
  for (const auto& [name, value] : row.items()) {
    if (!name.starts_with("eval_") || kTimes.contains(name) || !value.is_number()) continue;
    // Of each reward the mean, where it has an opinion on anything.
    if (name.starts_with("eval_rewards/") &&
        (name.ends_with("/std") || std::isnan(value.get<double>())))
      continue;
    out.emplace_back(name.substr(5), value);
  }
  return out;
}

const Json* last_evaluation(const Json& history) {
  const Json* out = nullptr;
  for (const Json& row : history)
    if (is_evaluation(row)) out = &row;
  return out;
}

std::string file_names(const std::vector<fs::path>& files) {
  std::string out;
  for (size_t i = 0; i < files.size(); ++i)
    out += (i == 0 ? "" : i + 1 == files.size() ? " and " : ", ") + files[i].filename().string();
  return out;
}

// "organisation/name" where the base model says where it is from, else the name of its folder or
// file; "" = from scratch.
std::string base_model(const RunConfig& config, const Json& model_config) {
  if (config.weights.empty()) return "";
  const bool names = model_config.is_object() && model_config.contains("_name_or_path") &&
                     model_config["_name_or_path"].is_string();
  const std::string named = names ? model_config["_name_or_path"].get<std::string>() : "";
  std::error_code ec;
  return !named.empty() && !fs::exists(named, ec)
             ? named
             : without_slash(config.weights).filename().string();
}

// "organisation/name", of the letters that the hub takes.
bool on_the_hub(const std::string& name) {
  const auto legal = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' ||
           c == '/';
  };
  return std::ranges::count(name, '/') == 1 && name.front() != '/' && name.back() != '/' &&
         std::ranges::all_of(name, legal);
}

// Foreign text as Markdown that means only itself.
std::string markdown(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\`*[]<>|").find(c) != std::string_view::npos) out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return out;
}

// What the card of the base model says, where it lies beside the weights.
std::string license_of(const RunConfig& config) {
  const fs::path card = config.weights / "README.md";
  std::error_code ec;
  if (config.weights.empty() || !fs::is_regular_file(card, ec)) return "";
  const std::string text = read_file(card);
  const size_t end = text.starts_with("---\n") ? text.find("\n---", 4) : std::string::npos,
               at = text.find("\nlicense: ");
  if (end == std::string::npos || at == std::string::npos || at > end) return "";
  const size_t begin = at + 10;
  std::string license = text.substr(begin, text.find('\n', begin) - begin);
  std::erase_if(license, [](char c) { return c == '"' || c == '\'' || c == '\r'; });
  return license;
}

// ---- front matter ------------------------------------------------------------------------------

std::string yaml(const std::string& text) {
  const bool plain =
      !text.empty() &&
      std::ranges::all_of(text,
                          [](char c) {
                            return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
                                   c == '/' || c == '.' || c == '-';
                          }) &&
      std::isalpha(static_cast<unsigned char>(text.front())) != 0 && text != "true" &&
      text != "false" && text != "null" && text != "yes" && text != "no";
  return plain ? text : json_text(text);
}

std::string front_matter(const RunConfig& config, const TrainerState& state,
                         const std::string& name, const std::string& base) {
  std::string out = "---\nlibrary_name: transformers\n";
  if (const std::string license = license_of(config); !license.empty())
    out += "license: " + yaml(license) + "\n";
  if (on_the_hub(base)) out += "base_model: " + yaml(base) + "\n";
  out += fmt::format("tags:\n- generated_from_trainer\n- slipway\n- {}\nmodel-index:\n- name: {}\n",
                     config.raft ? "raft" : "sft", yaml(name));
  // The loss alone is no result that anybody compares.
  std::vector<std::pair<std::string, Json>> metrics;
  if (const Json* row = last_evaluation(state.log_history); row != nullptr)
    metrics = metrics_of(*row);
  std::erase_if(metrics, [](const auto& metric) { return metric.first == "loss"; });
  if (metrics.empty()) return out + "  results: []\n---\n";
  std::vector<fs::path> files =
      config.eval_sets.empty() ? config.train_files : std::vector<fs::path>{};
  for (const EvalFiles& set : config.eval_sets)
    files.insert(files.end(), set.files.begin(), set.files.end());
  out += fmt::format(
      "  results:\n  - task:\n      name: Causal Language Modeling\n      type: text-generation\n  "
      "  dataset:\n      name: {}\n      type: {}\n    metrics:\n",
      yaml(file_names(files)), yaml(files.front().stem().string()));
  for (const auto& [metric, value] : metrics)
    out += fmt::format("    - name: {}\n      type: {}\n      value: {}\n",
                       yaml(title_case(metric)), yaml(metric), value.dump());
  return out + "---\n";
}

// ---- hyperparameters ---------------------------------------------------------------------------

Cells hyperparameters(const RunConfig& c, const TrainerState& state) {
  const auto number = [](double value) { return Json(value).dump(); };
  const int64_t batch = state.train_batch_size,
                eval_batch = c.integer("train", "per_device_eval_batch_size"),
                accumulate = c.integer("train", "gradient_accumulation_steps");
  Cells out = {{"learning_rate", number(c.number("train", "learning_rate"))},
               {"train_batch_size", std::to_string(batch)},
               {"eval_batch_size", std::to_string(eval_batch)},
               {"seed", std::to_string(c.integer("train", "seed"))}};
  const auto add = [&](const char* name, std::string value) {
    out.emplace_back(name, std::move(value));
  };
  if (accumulate > 1) {
    add("gradient_accumulation_steps", std::to_string(accumulate));
    add("total_train_batch_size", std::to_string(batch * accumulate));
  }
  const std::string &optimizer = c.text("train", "optim"), &more = c.text("train", "optim_args");
  std::string text = optimizer;
  if (optimizer.find("adam") != std::string::npos)
    text += fmt::format(
        " with betas=({},{}) and epsilon={}", number(c.number("train", "adam_beta1")),
        number(c.number("train", "adam_beta2")), number(c.number("train", "adam_epsilon")));
  add("optimizer", text + (more.empty() ? "" : " and " + more));
  if (const double decay = c.number("train", "weight_decay"); decay != 0)
    add("weight_decay", number(decay));
  add("lr_scheduler_type", c.text("train", "lr_scheduler_type"));
  if (const double warmup = c.number("train", "warmup_steps"); warmup != 0)
    add("lr_scheduler_warmup_steps", number(warmup));
  if (const int64_t steps = c.integer("train", "max_steps"); steps > 0)
    add("training_steps", std::to_string(steps));
  else add("num_epochs", number(c.number("train", "num_train_epochs")));
  if (const Value* smoothing = c.resolved.find("train")->find("label_smoothing_factor");
      smoothing != nullptr && smoothing->number() != 0)
    add("label_smoothing_factor", number(smoothing->number()));
  if (!c.raft) return out;
  for (const char* key : {"iterations", "prompts_per_iteration", "samples_per_prompt"})
    add(key, std::to_string(c.integer("raft", key)));
  add("selection", c.text("raft", "selection"));
  for (const PluginUse& reward : c.rewards)
    add("reward", reward.weight == 1 ? reward.use
                                     : fmt::format("{} x {}", number(reward.weight), reward.use));
  return out;
}

// ---- table of results --------------------------------------------------------------------------

// One line an evaluation: the loss logged last, where the run stood, and the metrics.
std::vector<Cells> result_lines(const Json& history) {
  std::vector<Cells> out;
  std::string loss = "No log";
  for (const Json& row : history) {
    if (row.contains("loss")) loss = shown(row["loss"]);
    if (!is_evaluation(row)) continue;
    Cells line = {{"Training Loss", loss}};
    if (row.contains("iteration")) line.emplace_back("Iteration", shown(row["iteration"]));
    line.emplace_back("Epoch", shown(row.value("epoch", Json(0))));
    line.emplace_back("Step", shown(row.value("step", Json(0))));
    for (const auto& [metric, value] : metrics_of(row))
      line.emplace_back(metric == "loss" ? "Validation Loss" : title_case(metric), shown(value));
    if (row.contains(kTokens)) line.emplace_back("Input Tokens Seen", shown(row[kTokens]));
    out.push_back(std::move(line));
  }
  return out;
}

std::string table(const std::vector<Cells>& lines) {
  std::vector<std::pair<std::string, size_t>> columns;  // with their width
  for (const Cells& line : lines)
    for (const auto& [name, value] : line) {
      auto column = std::ranges::find(columns, name, &std::pair<std::string, size_t>::first);
      if (column == columns.end()) column = columns.insert(columns.end(), {name, name.size()});
      column->second = std::max(column->second, value.size());
    }
  std::string head, rule, body;
  for (const auto& [name, width] : columns) {
    head += fmt::format("| {:<{}} ", name, width);
    rule += "|:" + std::string(width, '-') + ":";
  }
  for (const Cells& line : lines) {
    for (const auto& [name, width] : columns) {
      const auto cell = std::ranges::find(line, name, &std::pair<std::string, std::string>::first);
      body += fmt::format("| {:<{}} ", cell == line.end() ? "" : cell->second, width);
    }
    body += "|\n";
  }
  return head + "|\n" + rule + "|\n" + body;
}

}  // namespace

std::string model_card(const RunConfig& config, const TrainerState& state,
                       const Json& model_config) {
  const std::string
      name = without_slash(fs::absolute(config.output_dir).lexically_normal()).filename().string(),
      base = base_model(config, model_config);
  std::string out =
      front_matter(config, state, name, base) + "\n" + kMark + "\n\n# " + markdown(name) + "\n\n";
  const std::string method = config.raft ? "reward-ranked fine-tuning" : "supervised fine-tuning";
  const std::string data = markdown(file_names(config.train_files));
  if (base.empty()) out += fmt::format("Trained from scratch by {} on {}.\n", method, data);
  else
    out += fmt::format(
        "A version of {} that was trained by {} on {}.\n",
        on_the_hub(base) ? fmt::format("[{0}](https://huggingface.co/{0})", base) : markdown(base),
        method, data);
  if (const Json* row = last_evaluation(state.log_history); row != nullptr) {
    out += "\nThe last evaluation on held-out data:\n";
    for (const auto& [metric, value] : metrics_of(*row))
      out += fmt::format("- {}: {}\n", title_case(metric), shown(value));
    if (row->contains(kTokens))
      out += fmt::format("- {}: {}\n", title_case(kTokens), shown((*row)[kTokens]));
  }
  for (const char* heading :
       {"Model description", "Intended uses & limitations", "Training and evaluation data"})
    out += fmt::format("\n## {}\n\nTo be written.\n", heading);
  out += "\n## Training procedure\n\n### Training hyperparameters\n\n";
  for (const auto& [key, value] : hyperparameters(config, state))
    out += fmt::format("- {}: {}\n", key, markdown(value));
  out += "\nEvery other value is in config.resolved.toml.\n";
  if (const std::vector<Cells> lines = result_lines(state.log_history); !lines.empty())
    out += "\n### Training results\n\n" + table(lines);
  return out + fmt::format(
                   "\n### Framework versions\n\n- Slipway {}\n- LibTorch {}\n- Tokenizer format: "
                   "tokenizer.json 1.0\n",
                   SLIPWAY_VERSION, torch_version());
}

void write_model_card(const fs::path& folder, const std::string& card) {
  const fs::path path = folder / "README.md";
  if (fs::exists(path) && read_file(path).find(kMark) == std::string::npos) {
    log_info("{}: is not Slipway's own any more, and stays as it is", path.string());
    return;
  }
  write_file_durably(path, card);
}

}  // namespace slipway
