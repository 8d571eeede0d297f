// Label tokens across the boundary.
#include "plugin/loss.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"
#include "plugin/trampoline.h"

namespace slipway {
namespace {

bool all_finite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7F800000;
  uint32_t bad = 0;  // of bits, so that the loop is one of vectors
  for (const float value : values)
    bad |= (std::bit_cast<uint32_t>(value) & kExponent) == kExponent ? 1 : 0;
  return bad == 0;
}

}  // namespace

LossPlugin::LossPlugin(Plugin plugin, std::optional<ColumnTypes> types)
    : plugin_(std::move(plugin)),
      table_(plugin_.interface<slw_loss>(SLW_LOSS)),
      takes_logits_(SLW_HAS(table_, logits)),
      types_(std::move(types)) {
  if (!takes_logits_ && !SLW_HAS(table_, tokens))
    fail("plugin {} offers {} without tokens() or logits()", id(), SLW_LOSS);
}

void LossPlugin::check(const char* function, const slw_loss_batch& batch, double loss,
                       std::initializer_list<std::span<const float>> derivatives) const {
  const bool good = std::ranges::all_of(derivatives, all_finite);
  if (std::isfinite(loss) && good) return;
  const bool given =
      all_finite({batch.logprobs, batch.size}) && all_finite({batch.log_normalizers, batch.size});
  if (!given)
    fail(
        "the model's log-probabilities are not finite, and so is not what plugin {} makes of them; "
        "lower train.learning_rate or check the data",
        id());
  if (!std::isfinite(loss)) fail("plugin {}, {}(): the loss is {}", id(), function, loss);
  for (const std::span<const float> each : derivatives)
    for (size_t i = 0; i < each.size(); ++i)
      if (!std::isfinite(each[i])) {
        const size_t token = i / std::max<size_t>(1, each.size() / batch.size);
        fail("plugin {}, {}(): the loss is {}, but its derivative at token {} is {}", id(),
             function, loss, token, each[i]);
      }
}

double LossPlugin::tokens(const slw_loss_batch& batch, float* d_logprobs,
                          float* d_log_normalizers) const {
  double loss = 0;
  call_plugin(id(), "tokens", [&](slw_error* error) {
    return table_->tokens(plugin_.get(), &batch, &loss, d_logprobs, d_log_normalizers, error);
  });
  const size_t derivatives = d_logprobs != nullptr ? batch.size : 0;
  check("tokens", batch, loss, {{d_logprobs, derivatives}, {d_log_normalizers, derivatives}});
  return loss;
}

double LossPlugin::logits(const slw_loss_batch& batch, float* logits) const {
  double loss = 0;
  call_plugin(id(), "logits", [&](slw_error* error) {
    return table_->logits(plugin_.get(), &batch, &loss, logits, error);
  });
  const size_t derivatives =
      batch.evaluation != 0 ? 0 : batch.size * static_cast<size_t>(batch.vocab_size);
  check("logits", batch, loss, {{logits, derivatives}});
  return loss;
}

}  // namespace slipway
