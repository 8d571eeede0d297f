// What weights in fewer bits gain in decoding: tokens a second of each storage for 1, 4, 8 and 32
// rows, measured in turn.
//
// usage: slipway_bench_weights MODEL [TURNS [PROMPT_TOKENS ROWS STORAGE]]     (default 5, and all)
//
// Prints one JSON object: for each count of rows and storage every turn's tokens a second and their
// median, and the ratio of the median to float32's. A turn is one generation from a prompt of one
// token, or of as many as given; it counts from the first decoding step done to the last, so that
// reading the prompt and packing the weights stay out.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "compute/measure.h"
#include "generate/generate.h"
#include "kernels/cpu/gemm.h"
#include "tests/real_model.h"

namespace slipway {
namespace {

constexpr int kNewTokens = 33;

double tokens_per_second(Model& model, int64_t prompt, int rows, WeightStorage storage) {
  using Clock = std::chrono::steady_clock;
  GenerationSettings settings;
  settings.max_new_tokens = kNewTokens;
  settings.weights = storage;
  Clock::time_point first, last;
  int64_t tokens_first = 0, tokens_last = 0;
  GenerationHooks hooks;
  hooks.on_progress = [&](const GenerationProgress& progress) {
    last = Clock::now(), tokens_last = progress.tokens;
    if (tokens_first == 0) first = last, tokens_first = tokens_last;
    return true;
  };
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < prompt; ++i) ids.push_back(static_cast<int32_t>(1 + i % 1000));
  const std::vector<GenerationRequest> requests = {{std::move(ids), 0, rows}};
  generate(model, requests, settings, hooks);
  return static_cast<double>(tokens_last - tokens_first) /
         std::chrono::duration<double>(last - first).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

struct Wanted {
  int turns = 5;
  int64_t prompt = 1;
  std::vector<int> rows = {1, 4, 8, 32};
  std::vector<WeightStorage> storages = {WeightStorage::kFloat32, WeightStorage::kBfloat16,
                                         WeightStorage::kInt8};
};

Json measure(Model& model, const Wanted& wanted) {
  Json out;
  out["kernels"] = std::string(gemm::instruction_set());
  out["threads"] = thread_count();
  for (const int rows : wanted.rows) {
    std::vector<std::vector<double>> rates(wanted.storages.size());
    for (int turn = 0; turn < wanted.turns; ++turn)
      for (size_t i = 0; i < rates.size(); ++i)
        rates[i].push_back(tokens_per_second(model, wanted.prompt, rows, wanted.storages[i]));
    for (size_t i = 0; i < rates.size(); ++i)
      out["rows"][std::to_string(rows)][std::string(name_of(wanted.storages[i]))] = {
          {"turns", rates[i]},
          {"median", median(rates[i])},
          {"ratio", median(rates[i]) / median(rates[0])}};
  }
  return out;
}

}  // namespace
}  // namespace slipway

int main(int argc, char** argv) {
  using namespace slipway;
  Wanted wanted;
  if (argc > 2) wanted.turns = std::atoi(argv[2]);
  if (argc == 6) {
    wanted.prompt = std::atoll(argv[3]), wanted.rows = {std::atoi(argv[4])};
    std::erase_if(wanted.storages, [&](WeightStorage s) { return name_of(s) != argv[5]; });
  }
  if ((argc != 2 && argc != 3 && argc != 6) || wanted.turns < 1 || wanted.prompt < 1 ||
      wanted.rows[0] < 1 || wanted.storages.empty()) {
    std::fprintf(stderr,
                 "usage: slipway_bench_weights MODEL [TURNS [PROMPT_TOKENS ROWS STORAGE]]\n");
    return 2;
  }
  try {
    RealModel real(argv[1]);
    std::puts(measure(real.model, wanted).dump(1).c_str());
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "slipway_bench_weights: %s\n", e.what());
    return 1;
  }
}
