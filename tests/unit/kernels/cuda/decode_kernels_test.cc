// Attention of decoding on the emulator: against the packed forward of the host; keys shared by
// blocks of threads.
#include "kernels/cpu/attention_kernel.h"
#include "kernels/cuda/decode_split.h"
#include "tests/unit/kernels/cuda/attention_batch.h"

namespace slipway::cuda {
namespace {

// A random sequence, of which `prompt` tokens are in the cache as a prompt, and the cache.
class Decoding {
 public:
  Decoding(const HeadShape& heads, int64_t prompt, int64_t own, int64_t slot_capacity)
      : shape(heads),
        prompt_length(prompt),
        tokens(prompt + own),
        cache_{},
        qkv_(random_values(tokens * columns(), 31)) {
    cache_.prompt_capacity = prompt + 10, cache_.slot_capacity = slot_capacity;
    prompt_k_.assign(
        static_cast<size_t>(kRegions * shape.kv_heads * cache_.prompt_capacity * shape.width), NAN);
    slot_k_.assign(static_cast<size_t>(kSlots * shape.kv_heads * slot_capacity * shape.width), NAN);
    prompt_v_ = prompt_k_, slot_v_ = slot_k_;
    cache_.prompt_k = prompt_k_.data(), cache_.prompt_v = prompt_v_.data(),
    cache_.slot_k = slot_k_.data(), cache_.slot_v = slot_v_.data();
  }

  // What every token after the prompt gets in one packed forward.
  std::vector<float> expected() const {
    std::vector<float> out(static_cast<size_t>(tokens * wide())),
        lse(static_cast<size_t>(tokens * shape.heads));
    AttentionRows in = rows_of(qkv_);
    in.tokens = tokens;
    attention_forward(in, {{{{0, tokens}}}}, out.data(), lse.data());
    return {out.begin() + prompt_length * wide(), out.end()};
  }
  void store_prompt(DeviceKernels& kernels) {
    std::vector<int64_t> places;
    for (int64_t i = 0; i < prompt_length; ++i)
      places.push_back(kRegion * cache_.prompt_capacity + i);
    kernels.cache_prompts(rows_of(qkv_), prompt_length, places.data(), cache_);
  }
  // Feeds a token `length` after the prompt in one row, beside `others` rows that are not there;
  // what the row gets.
  std::vector<float> step(DeviceKernels& kernels, int64_t length, int64_t others = 1) {
    std::vector<int64_t> region(1 + static_cast<size_t>(others), 0),
        prompt = region, slot(region.size(), -1), lengths = region;
    region[0] = kRegion, prompt[0] = prompt_length, slot[0] = kSlot, lengths[0] = length;
    std::vector<float> fed(region.size() * static_cast<size_t>(columns()), NAN),
        out(region.size() * static_cast<size_t>(wide()), NAN);
    std::copy_n(qkv_.data() + (prompt_length + length) * columns(), columns(), fed.data());
    const AttentionRows in = rows_of(fed);
    const DecodeRows rows{region.data(), prompt.data(), slot.data(), lengths.data(), 1 + others};
    std::vector<float> partial(static_cast<size_t>(kernels.attention_decode_room(in, rows, cache_)),
                               NAN);
    kernels.attention_decode(in, rows, cache_, partial.data(), out.data());
    for (size_t i = static_cast<size_t>(wide()); i < out.size(); ++i) EXPECT_EQ(out[i], 0.0f);
    out.resize(static_cast<size_t>(wide()));
    return out;
  }
  // Every token after the prompt, one by one.
  std::vector<float> all(DeviceKernels& kernels) {
    store_prompt(kernels);
    std::vector<float> out;
    for (int64_t i = 0; i < tokens - prompt_length; ++i) {
      const std::vector<float> row = step(kernels, i);
      out.insert(out.end(), row.begin(), row.end());
    }
    return out;
  }

  const HeadShape shape;
  const int64_t prompt_length, tokens;
  ScoreRule scores{0.2f};

 private:
  static constexpr int64_t kRegions = 2, kSlots = 3, kRegion = 1, kSlot = 2;
  int64_t wide() const { return shape.heads * shape.width; }
  int64_t columns() const { return (shape.heads + 2 * shape.kv_heads) * shape.width; }
  AttentionRows rows_of(const std::vector<float>& from) const {
    const float *q = from.data(), *k = q + wide(), *v = k + shape.kv_heads * shape.width;
    return {q, k, v, columns(), columns(), 0, shape.heads, shape.kv_heads, shape.width, scores};
  }

  CacheLayer cache_;
  std::vector<float> qkv_, prompt_k_, prompt_v_, slot_k_, slot_v_;
};

TEST(CudaDecoding, EqualsThePackedForward) {
  const auto expect = [](const char* what, const HeadShape& shape, int64_t prompt, int64_t own) {
    Decoding reference(shape, prompt, own, own);
    const auto decoded =
        in_both_orders([&](DeviceKernels& k) { return Decoding(shape, prompt, own, own).all(k); });
    expect_near(what, decoded, reference.expected(), 2e-6f);
  };
  expect("decode attention, one part", {6, 2, 20}, 70, 68);
  expect("decode attention, three parts", {2, 1, 16}, 530, 66);
  expect("decode attention, heads of 256", {8, 1, 256}, 300, 2);
}

TEST(CudaDecoding, WindowsAndSoftcapsEqualThePackedForward) {
  for (const int64_t window : {1, 50, 64, 300})
    for (const float softcap : {0.0f, 1.5f}) {
      const auto made = [&](const auto& work) {
        Decoding decoding({2, 1, 16}, 530, 66, 66);
        decoding.scores.window = window, decoding.scores.softcap = softcap;
        return work(decoding);
      };
      const auto decoded = in_both_orders([&](DeviceKernels& k) {
        return made([&](Decoding& decoding) { return decoding.all(k); });
      });
      expect_near("decode attention", decoded,
                  made([](Decoding& decoding) { return decoding.expected(); }), 2e-6f);
    }
}

// One row, two heads of keys: alone they would keep two multiprocessors busy.
TEST(CudaDecoding, KeysAreSharedByBlocksThatFillTheCard) {
  const auto blocks = [](int64_t multiprocessors, int64_t others) {
    const Card card{kServerCard.shared_bytes, multiprocessors};
    const auto kernels = emulated_kernels(ThreadOrder::kAscending, nullptr, card);
    Decoding one({2, 2, 8}, 4000, 1, 64);
    one.store_prompt(*kernels);
    emulated_launches().most_blocks = 0;
    one.step(*kernels, 0, others);
    return emulated_launches().most_blocks;
  };
  const int64_t parts = decode_parts(decode_tiles(4010, 64));
  EXPECT_EQ(parts, 16);
  EXPECT_EQ(blocks(132, 0), 2 * parts);        // all there are
  EXPECT_EQ(blocks(4, 0), kBlocksToFill * 4);  // as many as run at once
  EXPECT_EQ(blocks(4, 99), 2 * 100);           // rows enough: one a row and head
}

// Neither the card, nor rows beside it, nor the room that the cache has for more change a bit.
TEST(CudaDecoding, ARowDependsOnItsOwnLengthsAlone) {
  std::vector<float> first;
  for (const int64_t multiprocessors : {1, 3, 132})
    for (const int64_t others : {0, 7, 40})
      for (const int64_t capacity : {80, 700}) {
        const Card card{kServerCard.shared_bytes, multiprocessors};
        const auto kernels = emulated_kernels(ThreadOrder::kAscending, nullptr, card);
        Decoding row({4, 2, 16}, 600, 3, capacity);
        row.store_prompt(*kernels);
        std::vector<float> out;
        for (int64_t i = 0; i < 3; ++i) out = row.step(*kernels, i, others);
        if (first.empty()) first = out;
        EXPECT_TRUE(out == first) << multiprocessors << " multiprocessors, " << others
                                  << " other rows, room for " << capacity;
      }
}

}  // namespace
}  // namespace slipway::cuda
