// Rotary positions: the table of angles and its use on rows of heads.
#pragma once
#include <cstdint>
#include <vector>

namespace slipway {

// theta^(-2i/D) for i in [0, half), float32 as Hugging Face computes them: what a position is
// multiplied by.
std::vector<float> rotary_frequencies(int64_t half, double theta);

// cos and sin of position * theta^(-2i/D), [positions, half], float32 as Hugging Face computes
// them. Valid for the process's life.
struct RotaryTable {
  const float *cos, *sin;
  int64_t positions;
};

// A table that holds positions below `positions`. Any thread.
RotaryTable rotary_table(int64_t positions, int64_t half, double theta);
// The table for these positions [count]; throws Error on a negative one.
RotaryTable rotary_table_for(const int64_t* positions, int64_t count, int64_t half, double theta);

// Rotates `heads` heads of 2 * half values in each of `rows` rows, `x_row` and `y_row` floats
// apart; sign -1 undoes it. y may be x.
void rotate_rows(const float* x, int64_t x_row, const int64_t* positions, const RotaryTable& table,
                 float sign, int64_t rows, int64_t heads, int64_t half, float* y, int64_t y_row);

}  // namespace slipway
