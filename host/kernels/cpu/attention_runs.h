// Keys and values of a batch as attention's products read them; `Products` as in
// attention_queries.h.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "compute/parallel.h"
#include "compute/scratch.h"
#include "kernels/attention_plan.h"
#include "kernels/cpu/attention_pieces.h"

namespace slipway {

// Keys and values of a batch's runs, packed by all threads.
template <class Products>
class PackedRuns {
 public:
  PackedRuns(const AttentionRows& in, const std::vector<TokenRun>& runs) : in_(in), runs_(runs) {
    for (const TokenRun& run : runs) {
      begin_.push_back(floats_);
      floats_ += in.kv_heads * Products::floats_of(run.length, in.width);
      for (int64_t i = 0; i < run.length; i += kTogether)
        for (int64_t kv = 0; kv < in.kv_heads; ++kv)
          pieces_.push_back({static_cast<int64_t>(begin_.size()) - 1, i, kv});
    }
    static thread_local Scratch scratch;
    memory_ = scratch.take(floats_);
    parallel_chunks(static_cast<int64_t>(pieces_.size()),
                    [&](int64_t piece) { pack(pieces_[static_cast<size_t>(piece)]); });
  }
  typename Products::Run at(int64_t run, int64_t kv_head) const {
    const int64_t length = runs_[static_cast<size_t>(run)].length;
    return Products::at(memory_ + begin_[static_cast<size_t>(run)] +
                            kv_head * Products::floats_of(length, in_.width),
                        length, in_.width);
  }

 private:
  struct Piece {
    int64_t run, first, kv_head;
  };
  static constexpr int64_t kTogether = 4 * kKeyTile;
  void pack(const Piece& piece) const {
    const TokenRun& run = runs_[static_cast<size_t>(piece.run)];
    Products::pack(in_, (run.begin + piece.first) * in_.kv_row + piece.kv_head * in_.width,
                   piece.first, std::min(kTogether, run.length - piece.first),
                   at(piece.run, piece.kv_head));
  }

  const AttentionRows& in_;
  const std::vector<TokenRun>& runs_;
  std::vector<int64_t> begin_;
  std::vector<Piece> pieces_;
  int64_t floats_ = 0;
  float* memory_;
};

}  // namespace slipway
