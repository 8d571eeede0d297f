// Attention over a packed batch in bfloat16, backward, cut as attention_backward.h is: dq by blocks
// of queries, dk and dv by blocks of keys, no sum shared between blocks.
#pragma once
#include "kernels/cuda/attention_backward.h"
#include "kernels/cuda/attention_fragments.h"

namespace slipway::cuda {

// Scores and the products of the output's gradient with the keys' values become the keys' weights
// and the scores' gradients. lse_of(j, i), in powers of two, and delta_of(j, i) are those of the
// query of value i of fragment j.
template <class Lse, class Delta>
__device__ inline void weigh(const PowerScores& powers, const Lse& lse_of, const Delta& delta_of,
                             TileScores& s, TileScores& d) {
  TileScores::each_place([&](int j, int i) {
    const float slope = powers.slope(s.at[j].at[i]),
                weight = quick_exp2(s.at[j].at[i] - lse_of(j, i));
    s.at[j].at[i] = weight;
    // What is not seen has the score -INFINITY, and with a softcap no slope.
    d.at[j].at[i] = weight > 0 ? slope * weight * (d.at[j].at[i] - delta_of(j, i)) : 0.0f;
  });
}

// Shared memory: rounded_backward_shared(kWidth).
template <int kWidth>
__global__ __launch_bounds__(kFragmentThreads) void rounded_attention_dq_kernel(
    BackwardInputs b, const QueryBlock* blocks, float* dq) {
  auto* const k_rows = launched_shared<uint32_t>();
  uint32_t *const v_rows = k_rows + kRowTileWords<kWidth>, *const k_pairs =
                                                               v_rows + kRowTileWords<kWidth>;
  const VisibleKeys keys{blocks[blockIdx.x], b.in.scores};
  const WarpPlace place;
  const int64_t head = blockIdx.y, kv_head = head / (b.in.heads / b.in.kv_heads),
                first_query = keys.block.query;
  const int width = static_cast<int>(b.in.width), total = keys.end(), queries = keys.block.queries;
  const HeadRows q{b.in.q + head * width, b.in.q_row, width},
      d_out{b.d_out + head * width, b.in.heads * width, width},
      k{b.in.k + kv_head * width, b.in.kv_row, width},
      v{b.in.v + kv_head * width, b.in.kv_row, width};
  const auto query_token = [&](int r) { return first_query + r; };
  load_two_tiles<kWidth>(
      q, d_out, queries, query_token, [&](const auto& tile) { tile.put_rows(k_rows); },
      [&](const auto& tile) { tile.put_rows(v_rows); });
  __syncthreads();
  LeftFragment query[kWidth / 16], gradient[kWidth / 16];
  SLIPWAY_UNROLL
  for (int w = 0; w < kWidth / 16; ++w) {
    query[w] = left_of<kWidth>(place, k_rows, w);
    gradient[w] = left_of<kWidth>(place, v_rows, w);
  }
  __syncthreads();
  const SeenByRows seen(keys, place);
  const PowerScores powers(b.in.scores);
  float lse[2], delta[2];  // of the thread's two rows; what lies behind the last is not written
  SLIPWAY_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int row = TileScores::row(place, 2 * half);
    const int64_t at = (first_query + row) * b.in.heads + head;
    lse[half] = row < queries ? b.lse[at] * PowerScores::kLog2E : INFINITY,
    delta[half] = row < queries ? b.delta[at] : 0;
  }
  WideSums<kWidth> sum;
  sum.clear();
  for (int first = keys.begin(); first < total; first += kFragmentTile) {
    const auto token = [&](int r) { return keys.token(first + r); };
    load_two_tiles<kWidth>(
        k, v, total - first, token,
        [&](const auto& tile) { tile.put_rows(k_rows), tile.put_pairs(k_pairs); },
        [&](const auto& tile) { tile.put_rows(v_rows); });
    __syncthreads();
    TileScores s, d;
    s.multiply<kWidth>(place, [&](int w) { return query[w]; }, k_rows);
    d.multiply<kWidth>(place, [&](int w) { return gradient[w]; }, v_rows);
    powers.of(s);
    seen.hide_others(place, first, s);
    weigh(
        powers, [&](int, int i) { return lse[i / 2]; }, [&](int, int i) { return delta[i / 2]; }, s,
        d);
    sum.add(place, d, k_pairs);
    __syncthreads();
  }
  SLIPWAY_UNROLL
  for (int half = 0; half < 2; ++half)
    if (const int row = TileScores::row(place, 2 * half); row < queries)
      sum.write(place, half, 1.0f, width, dq + (first_query + row) * b.in.q_row + head * width);
}

// Scores stand on their side here: a warp has 16 keys and the queries of a tile as columns.
template <int kWidth>
__global__ __launch_bounds__(kFragmentThreads) void rounded_attention_dkv_kernel(
    BackwardInputs b, const KeyBlock* blocks, const QueryRun* runs, float* dk, float* dv) {
  auto* const k_rows = launched_shared<uint32_t>();
  uint32_t *const v_rows = k_rows + kRowTileWords<kWidth>,
                  *const q_rows = v_rows + kRowTileWords<kWidth>,
                  *const d_rows = q_rows + kRowTileWords<kWidth>,
                  *const q_pairs = d_rows + kRowTileWords<kWidth>,
                  *const d_pairs = q_pairs + kPairTileWords<kWidth>;
  auto* const lse = reinterpret_cast<float*>(d_pairs + kPairTileWords<kWidth>);
  float* const delta = lse + kFragmentTile;
  const KeyBlock block = blocks[blockIdx.x];
  const WarpPlace place;
  const int64_t kv_head = blockIdx.y, group = b.in.heads / b.in.kv_heads, first_key = block.key;
  const int width = static_cast<int>(b.in.width);
  const auto key_token = [&](int r) { return first_key + r; };
  load_two_tiles<kWidth>(
      {b.in.k + kv_head * width, b.in.kv_row, width},
      {b.in.v + kv_head * width, b.in.kv_row, width}, block.keys, key_token,
      [&](const auto& tile) { tile.put_rows(k_rows); },
      [&](const auto& tile) { tile.put_rows(v_rows); });
  const PowerScores powers(b.in.scores);
  WideSums<kWidth> sum_k, sum_v;
  sum_k.clear(), sum_v.clear();
  for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head)
    for (int run = 0; run < block.runs; ++run) {
      const QueryRun queries = runs[block.first_run + run];
      const QuerySpan span(b.in.scores, block, runs[block.first_run], queries);
      for (int first = span.begin; first < span.end; first += kFragmentTile) {
        const int count = span.end - first < kFragmentTile ? span.end - first : kFragmentTile;
        const auto token = [&](int r) { return static_cast<int64_t>(first) + r; };
        __syncthreads();
        load_two_tiles<kWidth>(
            {b.in.q + head * width, b.in.q_row, width},
            {b.d_out + head * width, b.in.heads * width, width}, count, token,
            [&](const auto& tile) { tile.put_rows(q_rows), tile.put_pairs(q_pairs); },
            [&](const auto& tile) { tile.put_rows(d_rows), tile.put_pairs(d_pairs); });
        for (int r = static_cast<int>(threadIdx.x); r < kFragmentTile; r += kFragmentThreads) {
          lse[r] = r < count ? b.lse[token(r) * b.in.heads + head] * PowerScores::kLog2E : 0;
          delta[r] = r < count ? b.delta[token(r) * b.in.heads + head] : 0;
        }
        __syncthreads();
        TileScores s, d;
        s.multiply<kWidth>(place, [&](int w) { return left_of<kWidth>(place, k_rows, w); }, q_rows);
        d.multiply<kWidth>(place, [&](int w) { return left_of<kWidth>(place, v_rows, w); }, d_rows);
        powers.of(s);
        if (count < kFragmentTile || block.keys < kFragmentTile ||
            !span.sees(first, block.key + kFragmentTile - 1) ||
            !span.sees(first + kFragmentTile - 1, block.key))
          TileScores::each_place([&](int j, int i) {
            const int key = TileScores::row(place, i), query = TileScores::column(place, j, i),
                      back = span.back(first + query, block.key + key);
            if (query >= count || key >= block.keys || back < span.least() || back >= span.beyond())
              s.at[j].at[i] = -INFINITY;
          });
        weigh(
            powers, [&](int j, int i) { return lse[TileScores::column(place, j, i)]; },
            [&](int j, int i) { return delta[TileScores::column(place, j, i)]; }, s, d);
        sum_v.add(place, s, d_pairs);
        sum_k.add(place, d, q_pairs);
      }
    }
  SLIPWAY_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int row = TileScores::row(place, 2 * half);
    if (row >= block.keys) continue;
    const int64_t at = (first_key + row) * b.in.kv_row + kv_head * width;
    sum_k.write(place, half, 1.0f, width, dk + at);
    sum_v.write(place, half, 1.0f, width, dv + at);
  }
}

}  // namespace slipway::cuda
