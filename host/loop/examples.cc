// Tokenizing.
#include "loop/examples.h"

#include <cctype>

#include "base/error.h"
#include "base/excerpt.h"
#include "base/log.h"
#include "data/row_columns.h"

namespace slipway {

ExampleMaker::ExampleMaker(const RunConfig& config, const Tokenizer& tokenizer,
                           const ModelLimits& limits, std::string set)
    : tokenizer_(tokenizer),
      conversations_(config, tokenizer),
      limits_(limits),
      set_(std::move(set)),
      max_tokens_(static_cast<size_t>(config.integer("data", "max_tokens"))),
      max_prompt_(static_cast<size_t>(config.integer("data", "max_prompt_tokens"))),
      completion_only_(config.flag("data", "completion_only_loss")),
      append_eos_(config.flag("data", "append_eos")),
      columns_used_(config.loss.has_value()) {
  if (append_eos_ && !tokenizer.eos)
    fail(
        "data.append_eos is true, but the tokenizer names no end-of-text token; set "
        "data.append_eos = false");
}

namespace {

bool is_letter_or_digit(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// Whether the answer's first word follows the prompt's last one with nothing between. Scripts that
// put no spaces between words are not judged.
bool runs_together(const Row& row) {
  const char last = row.prompt.back();
  return (is_letter_or_digit(last) || std::string_view(".,:;?!").find(last) != std::string::npos) &&
         is_letter_or_digit(row.completion.front());
}

// "make?Bees": the words that meet.
std::string seam_of(const Row& row) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t before = row.prompt.find_last_of(kSpace);
  const std::string last = before == std::string::npos ? row.prompt : row.prompt.substr(before + 1);
  return excerpt(last + row.completion.substr(0, row.completion.find_first_of(kSpace)), 60);
}

}  // namespace

// Whether the post-processor has put an end token behind one that the text itself ends in.
bool ExampleMaker::ends_twice(const std::vector<int32_t>& ids, const std::string& text) const {
  if (!tokenizer_.eos || ids.size() < 2 || ids.back() != *tokenizer_.eos ||
      ids[ids.size() - 2] != *tokenizer_.eos)
    return false;
  return ids.size() > tokenizer_.encode(text, /*add_special_tokens=*/false).size() &&
         text.ends_with(tokenizer_.token(*tokenizer_.eos));
}

std::optional<Example> ExampleMaker::plain(const Row& row) {
  Example example;
  if (!row.prompt.empty()) example.ids = tokenizer_.encode_beginning(row.prompt);
  if (example.ids.size() > max_prompt_) return std::nullopt;
  example.loss_begin = completion_only_ ? static_cast<int64_t>(example.ids.size()) : 0;
  std::vector<int32_t> completion = row.prompt.empty() ? tokenizer_.encode(row.completion)
                                                       : tokenizer_.encode_end(row.completion);
  if (ends_twice(completion, row.completion)) completion.pop_back();
  if (append_eos_ && (completion.empty() || completion.back() != *tokenizer_.eos))
    completion.push_back(*tokenizer_.eos);
  example.ids.insert(example.ids.end(), completion.begin(), completion.end());
  return example;
}

std::optional<Example> ExampleMaker::make(const Row& row) {
  ++rows_;
  std::set<std::string> reach_the_loss;
  check_trained_row(row, columns_used_ ? reach_the_loss : ignored_);
  const bool chat = row.kind == Row::Kind::kChat;
  std::optional<Example> made = chat ? conversations_.example(row) : plain(row);
  if (!made || (chat && static_cast<size_t>(made->loss_begin) > max_prompt_)) {
    ++long_prompts_;
    return std::nullopt;
  }
  Example& example = *made;
  if (example.ids.size() > max_tokens_) {
    example.ids.resize(max_tokens_);
    ++cut_;
  }
  if (example.label_tokens() == 0) {
    ++empty_;
    return std::nullopt;
  }
  check_tokens(example.ids, limits_, tokenizer_, row.where);
  no_answers_ += !chat && row.completion.empty() ? 1 : 0;
  if (!row.prompt.empty() && !row.completion.empty()) {
    ++answered_;
    if (runs_together(row) && run_together_++ == 0) run_together_like_ = seam_of(row);
  }
  beyond_positions_ +=
      limits_.max_positions > 0 && example.ids.size() > static_cast<size_t>(limits_.max_positions)
          ? 1
          : 0;
  example.columns = row.columns.empty() ? nullptr : &row.columns;
  return made;
}

std::vector<std::string> ExampleMaker::dropped() const {
  std::vector<std::string> out;
  if (long_prompts_ > 0)
    out.push_back(fmt::format(
        "{} of {} rows dropped: the prompt has more than data.max_prompt_tokens = {} tokens",
        long_prompts_, rows_, max_prompt_));
  if (empty_ > 0)
    out.push_back(fmt::format("{} of {} rows dropped: no token carries loss", empty_, rows_));
  return out;
}

void ExampleMaker::tell_losses() const {
  for (const std::string& each : dropped()) log_warn("{}: {}", set_, each);
  if (cut_ > 0)
    log_warn("{}: {} of {} rows cut at data.max_tokens = {}", set_, cut_, rows_, max_tokens_);
  if (no_answers_ > 0)
    log_warn(
        "{}: {} of {} rows have no answer but the end of the text: the model is taught to say "
        "nothing there",
        set_, no_answers_, rows_);
  if (beyond_positions_ > 0)
    log_warn(
        "{}: {} of {} rows have more tokens than the {} positions that the model was made for; "
        "data.max_tokens = {} cuts them there",
        set_, beyond_positions_, rows_, limits_.max_positions, limits_.max_positions);
  if (answered_ > 0 && run_together_ == answered_)
    log_warn(
        "{}: every answer follows its prompt with nothing between, as in \"{}\"; begin answers "
        "with a space or a line break, or end prompts in one, where the model is to see one",
        set_, run_together_like_);
  std::string names;
  for (const std::string& each : ignored_) names += (names.empty() ? "" : ", ") + each;
  if (!names.empty())
    log_warn("{}: these columns hold text that nothing is trained on: {}", set_, names);
}

std::vector<Example> examples_of(const std::vector<Row>& rows, const RunConfig& config,
                                 const Tokenizer& tokenizer, const ModelLimits& limits,
                                 const std::string& set) {
  ExampleMaker maker(config, tokenizer, limits, set);
  std::vector<Example> out;
  for (const Row& row : rows)
    if (std::optional<Example> example = maker.make(row)) out.push_back(std::move(*example));
  maker.tell_losses();
  if (!out.empty()) return out;
  std::string why;
  for (const std::string& each : maker.dropped()) why += (why.empty() ? "" : "; ") + each;
  fail("{}: no row is left to {}: {}", set, set == "data.train" ? "train on" : "evaluate on", why);
}

}  // namespace slipway
