// Evaluation batches across the boundary.
#include "plugin/metric.h"

#include <algorithm>

#include "base/error.h"
#include "plugin/trampoline.h"

namespace slipway {
namespace {

constexpr uint64_t kMostState = uint64_t{1} << 27;  // doubles

bool is_name(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c == '/';
  });
}

}  // namespace

MetricPlugin::MetricPlugin(Plugin plugin, std::string prefix)
    : plugin_(std::move(plugin)),
      prefix_(std::move(prefix)),
      table_(plugin_.interface<slw_metric_plugin>(SLW_METRIC)) {
  if (!SLW_HAS(table_, begin) || !SLW_HAS(table_, update) || !SLW_HAS(table_, finish))
    fail("plugin {} offers {} without begin(), update() and finish()", id(), SLW_METRIC);
}

void MetricPlugin::begin(const std::string& set, int64_t examples, int64_t vocab_size) {
  const slw_metric_set what{sizeof what, 0, set.c_str(), examples, vocab_size};
  needs_ = {};
  needs_.struct_size = sizeof needs_;
  call_plugin_at_length(id(), "begin", [&](slw_error* error) {
    return table_->begin(plugin_.get(), &what, &needs_, error);
  });
  if ((needs_.flags & ~uint32_t{SLW_METRIC_PREDICTIONS}) != 0)
    fail(
        "plugin {}, begin(): asks for what this host does not know (flags {:#x}); it needs a newer "
        "Slipway",
        id(), needs_.flags);
  if (needs_.state_size > kMostState)
    fail("plugin {}, begin(): a state of {} doubles; at most {} are allowed", id(),
         needs_.state_size, kMostState);
  if (needs_.reduced_width > 0 && !SLW_HAS(table_, reduce))
    fail("plugin {}, begin(): asks for logits, but offers no reduce()", id());
  if (needs_.reduced_width > what.vocab_size)
    fail("plugin {}, begin(): reduces logits to {} values, more than the vocabulary's {}", id(),
         needs_.reduced_width, vocab_size);
  state_.assign(needs_.state_size, 0.0);
}

void MetricPlugin::reduce(const slw_metric_logits& logits, float* out) const {
  call_plugin(id(), "reduce",
              [&](slw_error* error) { return table_->reduce(plugin_.get(), &logits, out, error); });
}

void MetricPlugin::update(const slw_metric_batch& batch) {
  call_plugin(id(), "update", [&](slw_error* error) {
    return table_->update(plugin_.get(), &batch, state_.data(), error);
  });
}

std::vector<std::pair<std::string, double>> MetricPlugin::finish() const {
  std::vector<std::pair<std::string, double>> out;
  const auto emit = [](void* ctx, const slw_metric* metric) noexcept {
    static_cast<std::vector<std::pair<std::string, double>>*>(ctx)->emplace_back(
        metric->name != nullptr ? metric->name : "", metric->value);
  };
  call_plugin_at_length(id(), "finish", [&](slw_error* error) {
    return table_->finish(plugin_.get(), state_.data(), &out, emit, error);
  });
  for (size_t i = 0; i < out.size(); ++i) {
    if (!is_name(out[i].first))
      fail(
          "plugin {}, finish(): \"{}\" is not a valid name for a metric: letters, digits, _ - . "
          "and / make "
          "one",
          id(), out[i].first);
    out[i].first = prefix_ + out[i].first;
    for (size_t k = 0; k < i; ++k)
      if (out[k].first == out[i].first)
        fail("plugin {}, finish(): gives \"{}\" twice", id(), out[i].first);
  }
  return out;
}

}  // namespace slipway
