// Attention as products of blocks.
#include "kernels/cpu/attention_kernel.h"

#include <algorithm>
#include <utility>

#include "compute/parallel.h"
#include "compute/scratch.h"
#include "kernels/cpu/row_kernels.h"

namespace slipway {
namespace {

constexpr int64_t kQueries = kQueryBlock;

int64_t aligned(int64_t floats) { return (floats + 15) / 16 * 16; }

// The keys that a run's queries may see: the tree's prefix, then the run itself.
struct Visible {
  TokenRun prefix, own;  // prefix.length is 0 for the first run
  int64_t length() const { return prefix.length + own.length; }
};

Visible visible(const PrefixTree& tree, size_t run) {
  const TokenRun own = tree.runs[run];
  return run == 0 ? Visible{{own.begin, 0}, own} : Visible{tree.runs[0], own};
}

// Rows of x [.., width] that are visible, one after the other.
const float* gather_rows(const float* x, int64_t row, const Visible& keys, int64_t width,
                         float* to) {
  float* at = to;
  for (const TokenRun& part : {keys.prefix, keys.own})
    for (int64_t t = part.begin; t < part.begin + part.length; ++t, at += width)
      std::copy_n(x + t * row, width, at);
  return to;
}

int64_t longest(const std::vector<PrefixTree>& trees) {
  int64_t length = 0;
  for (const PrefixTree& tree : trees)
    for (size_t s = 0; s < tree.runs.size(); ++s)
      length = std::max(length, visible(tree, s).length());
  return length;
}

// A thread's memory for one tree and key-value head.
struct Workspace {
  Workspace(int64_t width, int64_t keys, bool backward) {
    static thread_local Scratch scratch;
    const int64_t w = gemm::panel_width(), packed_keys = aligned(gemm::packed_size(keys, width)),
                  packed_width = aligned(gemm::packed_size(width, keys));
    const int64_t rows = aligned(keys * width), block = aligned(kQueries * (keys + w));
    float* at =
        scratch.take(2 * rows + 2 * packed_keys + 2 * packed_width + 2 * block +
                     2 * aligned(gemm::packed_size(width, kQueries)) + (backward ? 2 * rows : 0));
    const auto next = [&](int64_t floats) { return std::exchange(at, at + floats); };
    k = next(rows), v = next(rows);
    k_columns = next(packed_keys), v_columns = next(packed_keys);
    k_rows = next(packed_width), v_rows = next(packed_width);
    scores = next(block), d_scores = next(block);
    q_rows = next(aligned(gemm::packed_size(width, kQueries))),
    d_out_rows = next(aligned(gemm::packed_size(width, kQueries)));
    if (backward) dk = next(rows), dv = next(rows);
  }
  float *k, *v;                        // [keys, width]
  float *k_columns, *v_columns;        // packed k^T and v^T: [width, keys]
  float *k_rows, *v_rows;              // packed k and v: [keys, width]
  float *scores, *d_scores;            // [kQueries, keys]
  float *q_rows, *d_out_rows;          // packed: [queries, width]
  float *dk = nullptr, *dv = nullptr;  // [keys, width]
};

void pack_columns(const float* x, int64_t keys, int64_t width, float* to) {
  gemm::pack_transposed(x, width, keys, width, 0, gemm::panels(keys), to,
                        gemm::panel_floats(width));
}
void pack_rows(const float* x, int64_t row, int64_t keys, int64_t width, float* to) {
  gemm::pack(x, row, width, keys, 0, gemm::panels(width), to, gemm::panel_floats(keys));
}

// Where a block finds its keys and values, packed, and room for its scores.
struct KeysAndRoom {
  const float *k_columns, *v_rows;
  int64_t v_stride;  // floats from one panel of v_rows to the next
  float* scores;     // [kQueries, row]
  int64_t row;
};

// A block of a run's queries; its last query sees `keys` keys, the one before it one less, and
// so on.
struct Block {
  int64_t token, queries, keys;
  int64_t seen(int64_t query) const { return keys - queries + 1 + query; }
};

template <class Body>
void for_each_block(const Visible& visible, const Body& body) {
  for (int64_t first = 0; first < visible.own.length; first += kQueries) {
    const int64_t queries = std::min(kQueries, visible.own.length - first);
    body(Block{visible.own.begin + first, queries, visible.prefix.length + first + queries});
  }
}

// One chunk a tree and key-value head.
template <class Body>
void for_each_tree(const std::vector<PrefixTree>& trees, int64_t kv_heads, const Body& body) {
  parallel_chunks(static_cast<int64_t>(trees.size()) * kv_heads, [&](int64_t chunk) {
    body(trees[static_cast<size_t>(chunk / kv_heads)], chunk % kv_heads);
  });
}

void forward_block(const AttentionRows& in, const Block& block, int64_t head,
                   const KeysAndRoom& work, float* out, float* lse) {
  const int64_t row = in.heads * in.width;
  gemm::multiply({in.q + block.token * in.q_row + head * in.width, in.q_row, 1}, block.queries,
                 in.width, {work.k_columns, gemm::panel_floats(in.width)}, block.keys, 0,
                 gemm::panels(block.keys), work.scores, work.row, false);
  for (int64_t i = 0; i < block.queries; ++i) {
    float* scores = work.scores + i * work.row;
    const int64_t seen = block.seen(i);
    const float sum =
        kernels::softmax_terms(scores, in.scale, seen, lse + (block.token + i) * in.heads + head);
    kernels::scale_row(scores, 1.0f / sum, seen);
    std::fill(scores + seen, scores + block.keys, 0.0f);
  }
  gemm::multiply({work.scores, work.row, 1}, block.queries, block.keys,
                 {work.v_rows, work.v_stride}, in.width, 0, gemm::panels(in.width),
                 out + block.token * row + head * in.width, row, false);
}

struct BackwardArrays {
  const float *out, *lse, *d_out;
  float* dq;
};

void backward_block(const AttentionRows& in, const Block& block, int64_t head, int64_t keys,
                    const Workspace& work, const BackwardArrays& arrays) {
  const int64_t width = in.width, row = in.heads * width, offset = block.token * row + head * width;
  const float* q = in.q + block.token * in.q_row + head * width;
  gemm::multiply({q, in.q_row, 1}, block.queries, width,
                 {work.k_columns, gemm::panel_floats(width)}, block.keys, 0,
                 gemm::panels(block.keys), work.scores, keys, false);
  gemm::multiply({arrays.d_out + offset, row, 1}, block.queries, width,
                 {work.v_columns, gemm::panel_floats(width)}, block.keys, 0,
                 gemm::panels(block.keys), work.d_scores, keys, false);
  for (int64_t i = 0; i < block.queries; ++i) {
    float *p = work.scores + i * keys, *ds = work.d_scores + i * keys;
    const int64_t seen = block.seen(i);
    const float delta =
        kernels::dot(arrays.out + offset + i * row, arrays.d_out + offset + i * row, width);
    kernels::softmax_backward(p, ds, in.scale, arrays.lse[(block.token + i) * in.heads + head],
                              delta, seen);
    std::fill(p + seen, p + block.keys, 0.0f);
    std::fill(ds + seen, ds + block.keys, 0.0f);
  }
  gemm::multiply({work.d_scores, keys, 1}, block.queries, block.keys,
                 {work.k_rows, gemm::panel_floats(keys)}, width, 0, gemm::panels(width),
                 arrays.dq + block.token * in.q_row + head * width, in.q_row, false);
  pack_rows(q, in.q_row, block.queries, width, work.q_rows);
  gemm::multiply({work.d_scores, 1, keys}, block.keys, block.queries,
                 {work.q_rows, gemm::panel_floats(block.queries)}, width, 0, gemm::panels(width),
                 work.dk, width, true);
  pack_rows(arrays.d_out + offset, row, block.queries, width, work.d_out_rows);
  gemm::multiply({work.scores, 1, keys}, block.keys, block.queries,
                 {work.d_out_rows, gemm::panel_floats(block.queries)}, width, 0,
                 gemm::panels(width), work.dv, width, true);
}

// Adds the gathered gradients [keys, width] to the rows they belong to; the first run that
// brings a row writes it.
void scatter_rows(const float* from, const Visible& keys, int64_t width, float* to, int64_t row) {
  for (int64_t t = keys.prefix.begin; t < keys.prefix.begin + keys.prefix.length;
       ++t, from += width)
    for (int64_t i = 0; i < width; ++i) to[t * row + i] += from[i];
  for (int64_t t = keys.own.begin; t < keys.own.begin + keys.own.length; ++t, from += width)
    std::copy_n(from, width, to + t * row);
}

}  // namespace

void attention_forward(const AttentionRows& in, const std::vector<PrefixTree>& trees, float* out,
                       float* lse) {
  const int64_t most = longest(trees), width = in.width, group = in.heads / in.kv_heads;
  for_each_tree(trees, in.kv_heads, [&](const PrefixTree& tree, int64_t kv) {
    const Workspace work(width, most, false);
    for (size_t s = 0; s < tree.runs.size(); ++s) {
      const Visible keys = visible(tree, s);
      if (keys.own.length == 0) continue;
      pack_columns(gather_rows(in.k + kv * width, in.kv_row, keys, width, work.k), keys.length(),
                   width, work.k_columns);
      pack_rows(gather_rows(in.v + kv * width, in.kv_row, keys, width, work.v), width,
                keys.length(), width, work.v_rows);
      const KeysAndRoom room{work.k_columns, work.v_rows, gemm::panel_floats(keys.length()),
                             work.scores, keys.length()};
      for (int64_t head = kv * group; head < (kv + 1) * group; ++head)
        for_each_block(keys,
                       [&](const Block& block) { forward_block(in, block, head, room, out, lse); });
    }
  });
}

void attention_cached(
    const AttentionRows& in, std::span<const CachedPiece> pieces,
    const std::function<CachedRun(int64_t region, int64_t kv_head, int64_t length)>& run,
    float* out, float* lse) {
  constexpr int64_t kTogether = 4 * kQueries;  // of one chunk
  std::vector<CachedPiece> cut;
  int64_t longest = 0;
  for (const CachedPiece& piece : pieces) {
    longest = std::max(longest, piece.position + piece.length);
    for (int64_t i = 0; i < piece.length; i += kTogether)
      cut.push_back({piece.begin + i, std::min(kTogether, piece.length - i), piece.position + i,
                     piece.region});
  }
  const int64_t row = aligned(longest + gemm::panel_width()), group = in.heads / in.kv_heads;
  parallel_chunks(static_cast<int64_t>(cut.size()) * in.kv_heads, [&](int64_t chunk) {
    static thread_local Scratch scratch;
    const CachedPiece& piece = cut[static_cast<size_t>(chunk / in.kv_heads)];
    const int64_t kv = chunk % in.kv_heads;
    const CachedRun cached = run(piece.region, kv, piece.position + piece.length);
    const KeysAndRoom room{cached.k, cached.v, gemm::panel_floats(cached.capacity),
                           scratch.take(kQueries * row), row};
    for (int64_t head = kv * group; head < (kv + 1) * group; ++head)
      for (int64_t first = 0; first < piece.length; first += kQueries) {
        const int64_t queries = std::min(kQueries, piece.length - first);
        forward_block(in, {piece.begin + first, queries, piece.position + first + queries}, head,
                      room, out, lse);
      }
  });
}

void attention_backward(const AttentionRows& in, const std::vector<PrefixTree>& trees,
                        const float* out, const float* lse, const float* d_out, float* dq,
                        float* dk, float* dv) {
  const int64_t most = longest(trees), width = in.width, group = in.heads / in.kv_heads;
  const BackwardArrays arrays{out, lse, d_out, dq};
  for_each_tree(trees, in.kv_heads, [&](const PrefixTree& tree, int64_t kv) {
    const Workspace work(width, most, true);
    for (size_t s = 0; s < tree.runs.size(); ++s) {
      const Visible keys = visible(tree, s);
      if (keys.own.length == 0) continue;
      const int64_t length = keys.length();
      gather_rows(in.k + kv * width, in.kv_row, keys, width, work.k);
      gather_rows(in.v + kv * width, in.kv_row, keys, width, work.v);
      pack_columns(work.k, length, width, work.k_columns);
      pack_columns(work.v, length, width, work.v_columns);
      pack_rows(work.k, width, length, width, work.k_rows);
      std::fill_n(work.dk, length * width, 0.0f);
      std::fill_n(work.dv, length * width, 0.0f);
      for (int64_t head = kv * group; head < (kv + 1) * group; ++head)
        for_each_block(keys, [&](const Block& block) {
          backward_block(in, block, head, length, work, arrays);
        });
      scatter_rows(work.dk, keys, width, dk + kv * width, in.kv_row);
      scatter_rows(work.dv, keys, width, dv + kv * width, in.kv_row);
    }
  });
}

void cache_position(const float* k, const float* v, int64_t width, int64_t position,
                    int64_t capacity, float* run_k, float* run_v) {
  const int64_t w = gemm::panel_width();
  float* column = run_k + position / w * w * width + position % w;
  for (int64_t i = 0; i < width; ++i) column[i * w] = k[i];
  for (int64_t i = 0; i < width; i += w)
    std::copy_n(v + i, std::min(w, width - i), run_v + i / w * w * capacity + position * w);
}

void attention_decode(std::span<const ContinuingRow> rows, int64_t group, int64_t width,
                      float scale, const CachedRun& prompt) {
  static thread_local Scratch scratch;
  int64_t longest = 0;
  for (const ContinuingRow& row : rows) longest = std::max(longest, row.own.length);
  // Scores are written in whole vectors: what hangs over is written over, or left behind.
  const int64_t w = gemm::panel_width(), queries = static_cast<int64_t>(rows.size()) * group,
                row = aligned(prompt.length + longest + w);
  float *const scores = scratch.take(queries * (row + 2 * width)),
               *const q = scores + queries * row, *const out = q + queries * width;
  const auto score = [&](const float* q_of, int64_t count, const CachedRun& run, float* to) {
    const int64_t whole = (run.length + gemm::lanes() - 1) / gemm::lanes() * gemm::lanes();
    gemm::multiply({q_of, width, 1}, count, width, {run.k, w * width}, whole, 0,
                   gemm::panels(whole), to, row, false);
  };
  const auto weigh = [&](const float* scores_of, int64_t count, const CachedRun& run, float* to,
                         bool add) {
    gemm::multiply({scores_of, row, 1}, count, run.length, {run.v, w * run.capacity}, width, 0,
                   gemm::panels(width), to, width, add);
  };
  for (size_t r = 0; r < rows.size(); ++r)
    std::copy_n(rows[r].q, group * width, q + static_cast<int64_t>(r) * group * width);
  score(q, queries, prompt, scores);
  for (size_t r = 0; r < rows.size(); ++r)
    score(rows[r].q, group, rows[r].own,
          scores + static_cast<int64_t>(r) * group * row + prompt.length);
  for (int64_t i = 0; i < queries; ++i) {
    float lse;
    const int64_t length = prompt.length + rows[static_cast<size_t>(i / group)].own.length;
    const float sum = kernels::softmax_terms(scores + i * row, scale, length, &lse);
    kernels::scale_row(scores + i * row, 1.0f / sum, length);
  }
  weigh(scores, queries, prompt, out, false);
  for (size_t r = 0; r < rows.size(); ++r) {
    const int64_t first = static_cast<int64_t>(r) * group;
    weigh(scores + first * row + prompt.length, group, rows[r].own, out + first * width, true);
    std::copy_n(out + first * width, group * width, rows[r].out);
  }
}

}  // namespace slipway
