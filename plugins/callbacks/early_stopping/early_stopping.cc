// Callback: stops training when a metric no longer gets better, by the rule of transformers'
// EarlyStoppingCallback: an evaluation that is not better than the best so far by more than the
// threshold uses up patience, one that is restores all of it. The best follows every gain, however
// small. The first evaluation uses up nothing; NaN is never better.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "slipway/plugin.hpp"

namespace {

struct EarlyStopping : slipway::Callback<EarlyStopping> {
  static constexpr auto id = "org.slipway.callback.early_stopping", name = "Early stopping",
                        version = "1.0.0", license = "Apache-2.0",
                        help = "Stops when the evaluation metric has not improved for a while.";
  static constexpr slw_option patience =
      slipway::option(SLW_INT, "early_stopping_patience",
                      "Evaluations without improvement before training stops.", "1", "1");
  static constexpr slw_option threshold = slipway::option(
      SLW_FLOAT, "early_stopping_threshold", "How much better counts as better.", "0.0", "0.0");
  static constexpr slw_option metric =
      slipway::option(SLW_STRING, "metric_for_best_model", "The metric, with or without \"eval_\".",
                      "\"eval_loss\"");
  static constexpr const char* kDirections[] = {"auto", "true", "false", nullptr};
  static constexpr slw_option greater =
      slipway::option(SLW_STRING, "greater_is_better",
                      "Whether more is better; auto: unless the name ends in \"loss\".", "\"auto\"",
                      nullptr, nullptr, kDirections);
  static constexpr const slw_option* options[] = {&patience, &threshold, &metric, &greater,
                                                  nullptr};
  static constexpr uint64_t events = uint64_t{1} << SLW_ON_EVALUATE;

  EarlyStopping(const slw_host* host, slipway::Config c)
      : host_(host),
        patience_(c.integer("early_stopping_patience")),
        threshold_(c.number("early_stopping_threshold")),
        metric_(c.text("metric_for_best_model")) {
    if (metric_.rfind("eval_", 0) != 0) metric_ = "eval_" + metric_;
    if (metric_.find_first_of("\"\\,}") != std::string::npos)
      throw slipway::Error(SLW_INVALID_ARGUMENT, "metric_for_best_model: \"" + metric_ +
                                                     "\" is not the name of a metric");
    const bool loss = metric_.size() >= 4 && metric_.compare(metric_.size() - 4, 4, "loss") == 0;
    greater_ =
        c.text("greater_is_better") == "auto" ? !loss : c.text("greater_is_better") == "true";
  }

  void on_event(const slw_event& event, uint32_t& control) {
    const slw_metric* found = nullptr;
    std::string known;
    for (uint64_t i = 0; i < event.metric_count; ++i) {
      if (metric_ == event.metrics[i].name) found = &event.metrics[i];
      known += (known.empty() ? "" : ", ") + std::string(event.metrics[i].name);
    }
    if (found == nullptr) {
      if (!warned_)
        say(SLW_LOG_WARN, "no metric \"" + metric_ +
                              "\" in the evaluation, early stopping is off; there are: " + known);
      warned_ = true;
      return;
    }
    const double value = found->value;
    if (adopts_best_) {
      adopts_best_ = false;
      seen_ = !std::isnan(event.state->best_metric);
      if (seen_) best_ = event.state->best_metric;
    }
    const bool gain = seen_ && (greater_ ? value > best_ : value < best_);
    waited_ = !seen_ || (gain && std::abs(value - best_) > threshold_) ? 0 : waited_ + 1;
    if (!seen_) best_ = worst();
    seen_ = true;
    if (greater_ ? value > best_ : value < best_) best_ = value;
    if (waited_ < patience_) return;
    control |= SLW_STOP_TRAINING;
    say(SLW_LOG_INFO, metric_ + " has not improved on " + std::to_string(best_) + " for " +
                          std::to_string(waited_) + " evaluations: stopping");
  }

  // As transformers' EarlyStoppingCallback is kept in trainer_state.json, and beside it what that
  // takes from the state of its Trainer: "early_stopping/1 WAITED BEST DIRECTION METRIC"; BEST is
  // "none" before the first evaluation.
  std::string save() const {
    char best[40] = "none", limit[40];
    if (seen_) std::snprintf(best, sizeof best, "%a", best_);
    std::snprintf(limit, sizeof limit, "%.17g", threshold_);
    const std::string own = std::string(kFormat) + " " + std::to_string(waited_) + " " + best +
                            " " + direction() + " " + metric_;
    return R"({"class":"EarlyStoppingCallback","args":{"early_stopping_patience":)" +
           std::to_string(patience_) + R"(,"early_stopping_threshold":)" + limit +
           (std::strpbrk(limit, ".en") == nullptr ? ".0" : "") + R"(},"attributes":{")" + kCounter +
           "\":" + std::to_string(waited_) + ",\"" + kOwn + "\":\"" + own + "\"}}";
  }
  void load(std::string_view text) {
    const std::string own = member(text, kOwn);
    if (own.empty()) {  // written by transformers: its Trainer knows the best
      const int64_t waited = whole(member(text, kCounter), text);
      waited_ = waited, adopts_best_ = true;
      return;
    }
    load_own(own);
  }

 private:
  // The value of a member of the JSON object, without the quotes of a text: none of those read here
  // holds a quote itself.
  static std::string member(std::string_view json, const char* name) {
    const size_t key = json.find('"' + std::string(name) + '"');
    if (key == std::string_view::npos) return "";
    const size_t begin = json.find_first_not_of(": \"", key + std::strlen(name) + 2);
    return begin == std::string_view::npos
               ? ""
               : std::string(json.substr(begin, json.find_first_of(",}\"", begin) - begin));
  }

  void load_own(const std::string& state) {
    std::vector<std::string> fields;
    size_t at = 0;
    for (size_t space; fields.size() < 4 && (space = state.find(' ', at)) != std::string::npos;
         at = space + 1)
      fields.emplace_back(state.substr(at, space - at));
    fields.emplace_back(state.substr(at));
    if (fields.size() != 5 || fields[0] != kFormat) refuse(state);
    if (fields[3] != direction() || fields[4] != metric_) {
      say(SLW_LOG_WARN, "the state saved is that of \"" + fields[4] + "\" (" + fields[3] +
                            "), not of \"" + metric_ + "\" (" + direction() +
                            "): starting to count anew");
      return;
    }
    const bool seen = fields[2] != "none";
    const int64_t waited = whole(fields[1], state);
    const double best = seen ? number(fields[2], state) : 0;
    if (!seen && waited != 0) refuse(state);
    seen_ = seen, waited_ = waited, best_ = best;
  }

  void say(slw_log_level level, const std::string& text) const {
    if (SLW_HAS(host_, log)) host_->log(host_, level, {text.data(), text.size()});
  }
  static constexpr const char *kFormat = "early_stopping/1",
                              *kCounter = "early_stopping_patience_counter", *kOwn = "state";
  const char* direction() const { return greater_ ? "greater" : "less"; }
  double worst() const { return (greater_ ? -1 : 1) * std::numeric_limits<double>::infinity(); }

  [[noreturn]] static void refuse(std::string_view state) {
    throw slipway::Error(SLW_DATA_LOSS, "the checkpoint's state \"" +
                                            std::string(state.substr(0, 80)) +
                                            "\" is damaged or of another version");
  }
  static int64_t whole(const std::string& text, std::string_view state) {
    if (text.empty() || text.size() > 18 ||
        text.find_first_not_of("0123456789") != std::string::npos)
      refuse(state);
    return std::strtoll(text.c_str(), nullptr, 10);
  }
  static double number(const std::string& text, std::string_view state) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || std::isnan(value)) refuse(state);
    return value;
  }

  const slw_host* host_;
  int64_t patience_, waited_ = 0;
  double threshold_, best_ = 0;
  std::string metric_;
  bool greater_ = false, warned_ = false, seen_ = false;
  bool adopts_best_ = false;  // the next evaluation is held against the best of the run's state
};

}  // namespace

SLW_EXPORT_CALLBACK(EarlyStopping);
