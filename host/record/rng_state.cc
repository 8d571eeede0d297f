// Seeding three generators, all of them a Mersenne Twister of 624 words (Matsumoto and Nishimura,
// 1998).
#include "record/rng_state.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <array>

#include "weights/torch_file.h"

namespace slipway {
namespace {

constexpr size_t kWords = 624;
using Words = std::array<uint32_t, kWords>;

uint32_t mixed(uint32_t word) { return word ^ word >> 30; }

// From one number, as numpy does for a seed of 32 bits.
Words seeded(uint32_t seed) {
  Words out{};
  out[0] = seed;
  for (uint32_t i = 1; i < kWords; ++i) out[i] = 1812433253u * mixed(out[i - 1]) + i;
  return out;
}

// From a key of several numbers, as Python does: those of the seed, lowest first.
Words seeded(const std::vector<uint32_t>& key) {
  Words out = seeded(19650218u);
  size_t i = 1, j = 0;
  const auto step = [&] {
    if (++i == kWords) out[0] = out[kWords - 1], i = 1;
  };
  for (size_t k = std::max(kWords, key.size()); k > 0; --k) {
    out[i] = (out[i] ^ mixed(out[i - 1]) * 1664525u) + key[j] + static_cast<uint32_t>(j);
    step();
    j = (j + 1) % key.size();
  }
  for (size_t k = kWords - 1; k > 0; --k) {
    out[i] = (out[i] ^ mixed(out[i - 1]) * 1566083941u) - static_cast<uint32_t>(i);
    step();
  }
  out[0] = 0x80000000u;
  return out;
}

TorchValue python_state(uint64_t seed) {
  std::vector<uint32_t> key = {static_cast<uint32_t>(seed)};
  if (seed >> 32 != 0) key.push_back(static_cast<uint32_t>(seed >> 32));
  std::vector<TorchValue> words;
  for (const uint32_t word : seeded(key)) words.emplace_back(static_cast<int64_t>(word));
  // all of them are used up: the next draw makes new ones
  words.emplace_back(static_cast<int64_t>(kWords));
  return TorchValue::tuple({3, TorchValue::tuple(std::move(words)), TorchValue()});
}

TorchValue numpy_state(uint64_t seed) {
  const Words words = seeded(static_cast<uint32_t>(seed));
  return TorchValue::tuple({"MT19937", TorchValue::array({words.begin(), words.end()}),
                            static_cast<int64_t>(kWords), 0, 0.0});
}

}  // namespace

void write_rng_state(const fs::path& path, uint64_t seed) {
  const at::Tensor cpu = at::detail::createCPUGenerator(seed).get_state();
  TorchValue root = TorchValue::dict();
  root["python"] = python_state(seed);
  root["numpy"] = numpy_state(seed);
  root["cpu"] = TensorInfo{
      "",
      Encoding::kU8,
      cpu.sizes().vec(),
      {static_cast<const std::byte*>(cpu.const_data_ptr()), static_cast<size_t>(cpu.numel())}};
  write_torch_file(path, root);
}

}  // namespace slipway
