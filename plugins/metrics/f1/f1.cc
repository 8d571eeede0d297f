// Metric: F1 of label tokens as classes, with scikit-learn's averages; a class that neither labels
// nor predictions have counts nothing, one without a true positive 0. Without `labels` the classes
// are the vocabulary, and the state three doubles a token.
#include <algorithm>
#include <limits>
#include <unordered_map>

#include "slipway/plugin.hpp"

namespace {

double ratio(double above, double below) { return below > 0 ? above / below : 0.0; }

struct F1 : slipway::Metric<F1> {
  static constexpr auto id = "org.slipway.metric.f1", name = "F1", version = "1.0.0",
                        license = "Apache-2.0",
                        help = "F1 of the label tokens, averaged as scikit-learn does.";
  static constexpr const char* kAverages[] = {"binary", "micro", "macro", "weighted", nullptr};
  static constexpr slw_option average =
      slipway::option(SLW_STRING, "average",
                      "binary: of pos_label alone; micro: of all decisions; macro: mean of the "
                      "classes' F1; weighted: by how often a class is a label.",
                      "\"macro\"", nullptr, nullptr, kAverages);
  static constexpr slw_option labels = slipway::option(
      SLW_ARRAY, "labels",
      "Token ids that are the classes; empty = all. Other predictions count as misses.", "[]", "0",
      nullptr, nullptr, 0, SLW_INT);
  static constexpr slw_option pos_label = slipway::option(
      SLW_INT, "pos_label", "average = \"binary\": the token id whose F1 it is.", "1", "0");
  static constexpr const slw_option* options[] = {&average, &labels, &pos_label, nullptr};
  static constexpr uint32_t flags = SLW_METRIC_PREDICTIONS;

  explicit F1(slipway::Config c) : average_(c.text("average")), chosen_(c.integers("labels")) {
    if (average_ == "binary") {
      if (!chosen_.empty())
        throw slipway::Error(SLW_INVALID_ARGUMENT,
                             "average = \"binary\" is of pos_label alone; leave labels out");
      chosen_ = {c.integer("pos_label")};
    }
    std::sort(chosen_.begin(), chosen_.end());
    chosen_.erase(std::unique(chosen_.begin(), chosen_.end()), chosen_.end());
    for (size_t k = 0; k < chosen_.size(); ++k) class_[chosen_[k]] = static_cast<int64_t>(k);
  }

  void begin(const slw_metric_set& set, slw_metric_needs& needs) {
    for (const int64_t token : chosen_)
      if (token >= set.vocab_size)
        throw slipway::Error(SLW_OUT_OF_RANGE, "token " + std::to_string(token) +
                                                   " is not in the model's vocabulary of " +
                                                   std::to_string(set.vocab_size));
    classes_ = chosen_.empty() ? static_cast<uint64_t>(set.vocab_size) : chosen_.size();
    needs.state_size = 3 * classes_;
  }

  // state: for each class how often it was rightly predicted, predicted, and a label.
  void update(const slw_metric_batch& b, double* state) const {
    for (uint64_t i = 0; i < b.labels; ++i) {
      const int64_t label = class_of(b.label_ids[i]), predicted = class_of(b.predictions[i]);
      if (label >= 0 && label == predicted) state[3 * label] += 1;
      if (predicted >= 0) state[3 * predicted + 1] += 1;
      if (label >= 0) state[3 * label + 2] += 1;
    }
  }

  void finish(const double* state, const slipway::Emit& emit) const {
    double right = 0, predicted = 0, labels_seen = 0, sum = 0, weighted = 0, classes = 0;
    for (uint64_t k = 0; k < classes_; ++k, state += 3) {
      right += state[0], predicted += state[1], labels_seen += state[2];
      if (chosen_.empty() && state[1] + state[2] == 0) continue;
      const double f1 = ratio(2 * state[0], state[1] + state[2]);
      sum += f1, weighted += f1 * state[2], classes += 1;
    }
    const double value = average_ == "micro"      ? ratio(2 * right, predicted + labels_seen)
                         : average_ == "weighted" ? ratio(weighted, labels_seen)
                                                  : ratio(sum, classes);
    emit("f1", predicted + labels_seen > 0 || !chosen_.empty()
                   ? value
                   : std::numeric_limits<double>::quiet_NaN());
  }

 private:
  int64_t class_of(int32_t token) const {
    if (chosen_.empty()) return token;
    const auto found = class_.find(token);
    return found == class_.end() ? -1 : found->second;
  }

  std::string average_;
  std::vector<int64_t> chosen_;
  std::unordered_map<int64_t, int64_t> class_;
  uint64_t classes_ = 0;
};

}  // namespace

SLW_EXPORT_METRIC(F1);
