// What attention does to scores between its products. Built for several instruction sets, as
// row_kernels.h.
#pragma once
#include "kernels/attention_plan.h"

namespace slipway::kernels {

// A softmax over keys that come tile by tile, for `rows` rows of scores x, `x_row` floats apart
// with room for a multiple of 16. Row r sees the tile's keys from `hidden` + r on up to min(width,
// seen + r), of which there may be none only where hidden + r > 0; its scores become exp(scale (x -
// largest)), those of the others up to `width` 0. `largest` is the largest score so far, minus
// infinity where there was none, and `sum` that of terms; values [rows, value_width], what was
// summed before, is scaled to the new largest. nullptr: this is the first tile.
void softmax_tile(float* x, int64_t x_row, int64_t rows, int64_t width, int64_t seen,
                  int64_t hidden, float scale, float* largest, float* sum, float* values,
                  int64_t value_width);
// x becomes c tanh(scale x / c), c the rule's softcap.
void cap_scores(float* x, int64_t x_row, int64_t rows, int64_t width, const ScoreRule& rule);
// out = values / sum; returns the log of the sum of exponentials.
float softmax_end(const float* values, int64_t width, float scale, float largest, float sum,
                  float* out);

// Joins parts whose softmax went no further than themselves: their largest score, sum of terms and
// values [width], each `distance` floats after those of the part before.
void softmax_join(const float* largest, const float* sum, const float* values, int64_t distance,
                  int64_t parts, float scale, int64_t width, float* out);

// The other way: scores s and gradients dp of `queries` rows by the keys of a panel (gemm.h),
// [queries, panel's width] each. s becomes p = exp(scale s - lse) and dp ds = scale p (dp - delta),
// with a softcap what that makes of both; ds stands in `ds_rows`, too. Row r sees the keys from
// `hidden` + r on up to `seen` + r: of the others all are 0.
struct ScorePanel {
  float *s, *dp, *ds_rows;
  int64_t ds_row;  // from row to row, as `distance` below
  int64_t queries, seen, hidden;
  ScoreRule rule;
  const float *lse, *delta;
  int64_t distance;
};
void softmax_panel_backward(const ScorePanel& panel, int64_t panel_width);

// to [width, rows] = x [rows, width], rows `x_row` and `to_row` floats apart.
void turn_rows(const float* x, int64_t x_row, int64_t rows, int64_t width, float* to,
               int64_t to_row);
// to = from or, where `add` says so, to += from; rows of `width`.
void put_rows(const float* from, int64_t from_row, int64_t rows, int64_t width, float* to,
              int64_t to_row, bool add);

}  // namespace slipway::kernels
