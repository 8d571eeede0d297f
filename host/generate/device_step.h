// Decoding on the accelerator: one step of all rows, recorded once for each number of rows and
// replayed after that.
#pragma once
#include <map>
#include <span>
#include <vector>

#include "base/random.h"
#include "generate/sampling.h"
#include "model/model.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/context_plan.h"
#include "operators/key_value_cache.h"

namespace slipway {

class DeviceStep {
 public:
  struct Row {
    int64_t token, position;
    AttentionContext::Row place;
    DrawPlace draw;
  };

  // All of it outlives the object, and weights and cache stay where they are. [loop]
  DeviceStep(Model& model, KeyValueCache& cache, const SamplingSettings& sampling, uint64_t seed,
             uint32_t iteration);

  // Feeds every row's token; what is drawn next. Rows are filled up to a few numbers, so that few
  // recordings serve all.
  std::vector<Drawn> step(std::span<const Row> rows);
  // Draws from one row of logits [N, vocab].
  std::vector<Drawn> draw(const at::Tensor& logits_NV, int64_t row,
                          std::span<const DrawPlace> places);

 private:
  // The memory of steps of one number of rows.
  struct Sized {
    at::Tensor inputs, tokens, logprobs;  // [kInputs, rows], [rows], [rows]
    AttentionContext context;
    std::unique_ptr<Recording> recording;
    bool warm = false, recordable = true;
  };
  Sized& sized(int64_t rows);
  void run(Sized& at);
  void record(Sized& at);
  void launch_draw(const at::Tensor& logits, const int64_t* rows, const int64_t* places,
                   int64_t draws, at::Tensor& tokens, at::Tensor& logprobs) const;

  Model& model_;
  KeyValueCache& cache_;
  SamplingSettings sampling_;
  uint64_t seed_;
  uint32_t iteration_;
  std::map<int64_t, Sized> sizes_;
};

}  // namespace slipway
