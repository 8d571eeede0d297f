// Attention's forward: pieces of queries over tiles of keys, with a softmax that goes on from tile
// to tile.
#include <algorithm>
#include <utility>

#include "compute/parallel.h"
#include "compute/scratch.h"
#include "kernels/cpu/attention_kernel.h"
#include "kernels/cpu/attention_pieces.h"
#include "kernels/cpu/attention_rows.h"

namespace slipway {
namespace {

// The queries of a piece, of all heads of a group, head by head; and what came of the keys so far.
class QueryGroup {
 public:
  QueryGroup(const AttentionRows& in, int64_t token, int64_t queries, int64_t kv_head)
      : in_(in),
        token_(token),
        queries_(queries),
        heads_(in.heads / in.kv_heads),
        first_head_(kv_head * heads_),
        rows_(queries * heads_) {
    static thread_local Scratch scratch;
    float* at = scratch.take(rows_ * (2 * in.width + kScoreRow + 2) + 3 * kAlign);
    const auto next = [&](int64_t floats) {
      return std::exchange(at, at + rounded_up(floats, kAlign));
    };
    q_ = next(rows_ * in.width), out_ = next(rows_ * in.width), scores_ = next(rows_ * kScoreRow);
    largest_ = at, sum_ = at + rows_;
    for (int64_t h = 0; h < heads_; ++h)
      for (int64_t i = 0; i < queries; ++i)
        std::copy_n(in.q + (token + i) * in.q_row + (first_head_ + h) * in.width, in.width,
                    q_ + (h * queries + i) * in.width);
  }

  // Query i sees the run's keys from `hidden` + i on up to `seen` + i, as far as there are `keys`;
  // seen > 0.
  void attend(const CachedRun& run, int64_t keys, int64_t seen, int64_t hidden) {
    const int64_t width = in_.width, w = gemm::panel_width(),
                  first = std::max<int64_t>(0, hidden) / kKeyTile * kKeyTile;
    for (int64_t tile = first; tile < keys; tile += kKeyTile, attended_ = true) {
      const int64_t used = std::min(kKeyTile, keys - tile), whole = rounded_up(used, gemm::lanes());
      gemm::multiply({q_, width, 1}, rows_, width,
                     {run.k + tile * width, gemm::panel_floats(width)}, whole, 0,
                     gemm::panels(whole), scores_, kScoreRow, false);
      if (in_.scores.softcap > 0) kernels::cap_scores(scores_, kScoreRow, rows_, whole, in_.scores);
      for (int64_t h = 0; h < heads_; ++h) {
        const int64_t row = h * queries_;
        kernels::softmax_tile(scores_ + row * kScoreRow, kScoreRow, queries_, used, seen - tile,
                              hidden - tile, in_.scores.after_cap(), largest_ + row, sum_ + row,
                              attended_ ? out_ + row * width : nullptr, width);
      }
      gemm::multiply({scores_, kScoreRow, 1}, rows_, used, {run.v + tile * w, w * run.capacity},
                     width, 0, gemm::panels(width), out_, width, attended_);
    }
  }

  void write(float* out, float* lse) const {
    for (int64_t h = 0; h < heads_; ++h)
      for (int64_t i = 0; i < queries_; ++i) {
        const int64_t row = h * queries_ + i, to = (token_ + i) * in_.heads + first_head_ + h;
        lse[to] = kernels::softmax_end(out_ + row * in_.width, in_.width, in_.scores.after_cap(),
                                       largest_[row], sum_[row], out + to * in_.width);
      }
  }

 private:
  static constexpr int64_t kAlign = 16, kScoreRow = kKeyTile + kAlign;

  const AttentionRows& in_;
  const int64_t token_, queries_, heads_, first_head_, rows_;
  float *q_, *out_, *scores_, *largest_, *sum_;
  bool attended_ = false;
};

// Keys and values of a batch's runs, each as a CachedRun.
class PackedRuns {
 public:
  PackedRuns(const AttentionRows& in, const std::vector<TokenRun>& runs) : in_(in), runs_(runs) {
    for (const TokenRun& run : runs) {
      begin_.push_back(floats_);
      floats_ += in.kv_heads * floats_of(run);
      for (int64_t i = 0; i < run.length; i += kTogether)
        for (int64_t kv = 0; kv < in.kv_heads; ++kv)
          pieces_.push_back({static_cast<int64_t>(begin_.size()) - 1, i, kv});
    }
    static thread_local Scratch scratch;
    memory_ = scratch.take(floats_);
    parallel_chunks(static_cast<int64_t>(pieces_.size()),
                    [&](int64_t piece) { pack(pieces_[static_cast<size_t>(piece)]); });
  }
  CachedRun at(int64_t run, int64_t kv_head) const {
    const TokenRun& tokens = runs_[static_cast<size_t>(run)];
    const float* k = memory_ + begin_[static_cast<size_t>(run)] + kv_head * floats_of(tokens);
    return {k, k + cached_key_floats(in_.width, capacity_of(tokens)), tokens.length,
            capacity_of(tokens)};
  }

 private:
  struct Piece {
    int64_t run, first, kv_head;
  };
  static constexpr int64_t kTogether = 4 * kKeyTile;
  static int64_t capacity_of(const TokenRun& run) {
    return rounded_up(run.length, gemm::panel_width());
  }
  int64_t floats_of(const TokenRun& run) const {
    return cached_key_floats(in_.width, capacity_of(run)) +
           cached_value_floats(in_.width, capacity_of(run));
  }
  void pack(const Piece& piece) const {
    const TokenRun& run = runs_[static_cast<size_t>(piece.run)];
    const CachedRun to = at(piece.run, piece.kv_head);
    const int64_t w = gemm::panel_width(), count = std::min(kTogether, run.length - piece.first),
                  from = (run.begin + piece.first) * in_.kv_row + piece.kv_head * in_.width;
    gemm::pack_transposed(in_.k + from, in_.kv_row, count, in_.width, 0, gemm::panels(count),
                          const_cast<float*>(to.k) + piece.first * in_.width,
                          gemm::panel_floats(in_.width));
    gemm::pack(in_.v + from, in_.kv_row, in_.width, count, 0, gemm::panels(in_.width),
               const_cast<float*>(to.v) + piece.first * w, w * to.capacity);
  }

  const AttentionRows& in_;
  const std::vector<TokenRun>& runs_;
  std::vector<int64_t> begin_;
  std::vector<Piece> pieces_;
  int64_t floats_ = 0;
  float* memory_;
};

}  // namespace

void attention_forward(const AttentionRows& in, const std::vector<PrefixTree>& trees, float* out,
                       float* lse) {
  const std::vector<TokenRun> runs = runs_of(trees);
  const std::vector<QueryPiece> pieces = query_pieces(trees, in.kv_heads);
  const PackedRuns packed(in, runs);
  parallel_chunks(static_cast<int64_t>(pieces.size()), [&](int64_t chunk) {
    const QueryPiece& piece = pieces[static_cast<size_t>(chunk)];
    QueryGroup group(in, runs[static_cast<size_t>(piece.own)].begin + piece.first, piece.queries,
                     piece.kv_head);
    int64_t before = 0;
    if (piece.prefix >= 0) {
      const CachedRun prefix = packed.at(piece.prefix, piece.kv_head);
      before = prefix.length;
      group.attend(prefix, before, before, in.scores.first_key(before + piece.first));
    }
    group.attend(packed.at(piece.own, piece.kv_head), piece.first + piece.queries, piece.first + 1,
                 in.scores.first_key(before + piece.first) - before);
    group.write(out, lse);
  });
}

void attention_cached(
    const AttentionRows& in, std::span<const CachedPiece> pieces,
    const std::function<CachedRun(int64_t region, int64_t kv_head, int64_t length)>& run,
    float* out, float* lse) {
  std::vector<CachedPiece> cut;
  for (const CachedPiece& piece : pieces)
    for (int64_t i = (piece.length - 1) / kQueryBlock * kQueryBlock; i >= 0; i -= kQueryBlock)
      cut.push_back({piece.begin + i, std::min(kQueryBlock, piece.length - i), piece.position + i,
                     piece.region});
  parallel_chunks(static_cast<int64_t>(cut.size()) * in.kv_heads, [&](int64_t chunk) {
    const CachedPiece& piece = cut[static_cast<size_t>(chunk / in.kv_heads)];
    const int64_t kv = chunk % in.kv_heads, keys = piece.position + piece.length;
    QueryGroup group(in, piece.begin, piece.length, kv);
    group.attend(run(piece.region, kv, keys), keys, piece.position + 1,
                 in.scores.first_key(piece.position));
    group.write(out, lse);
  });
}

}  // namespace slipway
