// Rows of logits, one pass each way. On a device they make the round trip through the processor.
#include "operators/token_scores.h"

#include "base/trace.h"
#include "compute/parallel.h"
#include "kernels/cpu/row_kernels.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

template <class Each>
void for_rows(int64_t rows, int64_t width, const Each& each) {
  parallel_ranges(rows, rows_per_task(width), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) each(r);
  });
}

}  // namespace

TokenScores token_scores(const at::Tensor& logits_in, const at::Tensor& targets_in) {
  const TraceScope trace("operator", "token_scores", "tokens", targets_in.numel());
  const at::Tensor logits = logits_in.cpu().contiguous(), targets = targets_in.cpu().contiguous();
  const int64_t rows = logits.size(0), width = logits.size(1);
  TokenScores out{at::empty({rows}, at::kFloat), at::empty({rows}, at::kFloat)};
  const float* x = logits.const_data_ptr<float>();
  const int64_t* target = targets.const_data_ptr<int64_t>();
  float *logprobs = out.logprobs_N.data_ptr<float>(),
        *normalizers = out.log_normalizers_N.data_ptr<float>();
  for_rows(rows, width, [&](int64_t r) {
    normalizers[r] = kernels::log_sum_exp(x + r * width, width);
    logprobs[r] = x[r * width + target[r]] - normalizers[r];
  });
  return out;
}

void token_gradients(at::Tensor& logits, const at::Tensor& targets_in, const TokenScores& scores,
                     const float* d_logprobs, const float* d_log_normalizers) {
  const TraceScope trace("operator", "token_gradients", "tokens", targets_in.numel());
  const at::Tensor here = logits.cpu(), targets = targets_in.cpu().contiguous();
  const int64_t rows = here.size(0), width = here.size(1);
  float* x = here.data_ptr<float>();
  const int64_t* target = targets.const_data_ptr<int64_t>();
  const float* normalizers = scores.log_normalizers_N.const_data_ptr<float>();
  for_rows(rows, width, [&](int64_t r) {
    float* row = x + r * width;
    kernels::softmax_scaled(row, normalizers[r], d_log_normalizers[r] - d_logprobs[r], 0, width,
                            row);
    row[target[r]] += d_logprobs[r];
  });
  if (on_device(logits)) logits.copy_(here);
}

}  // namespace slipway
