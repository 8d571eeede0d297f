// SPDX-License-Identifier: Apache-2.0
// rotary.hpp -- rotary positions of a config.json: what a position is multiplied by, for every
// "rope_type" that Hugging Face files have. Formulas: those of transformers' modeling_rope_utils.
// C++17.
#pragma once
#include <limits>

#include "rotary_table.hpp"

namespace slipway {

struct RotaryPositions {
  std::vector<float> inverse_frequencies;  // of the first 2 n of a head's width
  double scale = 1;                        // of cos and sin
  double theta = 0;                        // where the frequencies are theta^(-2i/width); else 0
  // Positions from here on have other frequencies, which depend on a text's length.
  int64_t longest = std::numeric_limits<int64_t>::max();
};

struct RotaryDefaults {
  double theta = 10000;
  const char *theta_key = "rope_theta";  // beside the table; nullptr = there is none
  bool partial = false;                  // the family can rotate a part of a head's width
  // The key beside the table that says what the table's original_max_position_embeddings would, and
  // wins over it; 0 = there is none.
  int64_t original_positions = 0;
  bool yarn_is_longrope = false;  // what older files of the family say
};

namespace rotary {

// theta^(-2i/count), i below count / 2, rounded as float32 arithmetic rounds it.
inline std::vector<float> plain(double theta, int64_t count) {
  std::vector<float> out;
  for (int64_t i = 0; i < count; i += 2)
    out.push_back(1.0f / std::pow(static_cast<float>(theta),
                                  static_cast<float>(i) / static_cast<float>(count)));
  return out;
}

inline void linear(const RotaryTable &table, RotaryPositions &out) {
  for (float &each : out.inverse_frequencies)
    each /= static_cast<float>(table.above_zero("factor"));
}

// Llama 3.1: long waves are stretched, short ones stay, between them it goes over smoothly.
inline void llama3(const RotaryTable &table, double original, RotaryPositions &out) {
  const double factor = table.above_zero("factor"), low = table.above_zero("low_freq_factor"),
               high = table.above_zero("high_freq_factor");
  if (high <= low) table.bad("high_freq_factor", "must be above low_freq_factor");
  for (float &each : out.inverse_frequencies) {
    const double wave = 2 * 3.14159265358979323846 / static_cast<double>(each);
    const double smooth = (original / wave - low) / (high - low);
    const double plain = static_cast<double>(each);
    if (wave > original / low) each = static_cast<float>(plain / factor);
    else if (wave >= original / high)
      each = static_cast<float>((1 - smooth) * plain / factor + smooth * plain);
  }
}

// Yarn: frequencies that turn often stay, those that turn seldom are stretched.
inline void yarn(const RotaryTable &table, double theta, double original, int64_t count,
                 RotaryPositions &out) {
  const double factor = table.above_zero("factor"), pi = 3.14159265358979323846;
  const auto scale_of = [&](double weight) {
    return factor <= 1 ? 1.0 : 0.1 * weight * std::log(factor) + 1;
  };
  const double mscale = table.number("mscale", 0), all = table.number("mscale_all_dim", 0);
  out.scale = mscale != 0 && all != 0 ? scale_of(mscale) / scale_of(all) : scale_of(1);
  if (table.has("attention_factor")) out.scale = table.number("attention_factor");
  const double fast = table.number("beta_fast", 32), slow = table.number("beta_slow", 1);
  const double width = static_cast<double>(count);
  const auto dimension = [&](double turns) {
    return width * std::log(original / ((turns != 0 ? turns : 1) * 2 * pi)) / (2 * std::log(theta));
  };
  double low = dimension(fast != 0 ? fast : 32), high = dimension(slow);
  if (table.number("truncate", 1) != 0) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0), high = std::min(high, width - 1);
  if (low == high) high += 0.001;
  for (size_t i = 0; i < out.inverse_frequencies.size(); ++i) {
    const double plain = static_cast<double>(out.inverse_frequencies[i]);
    const double stretched =
        std::min(1.0, std::max(0.0, (static_cast<double>(i) - low) / (high - low)));
    out.inverse_frequencies[i] =
        static_cast<float>(plain / factor * stretched + plain * (1 - stretched));
  }
}

// Longrope, for texts of up to `original` tokens: longer ones have other factors throughout.
inline void longrope(const RotaryTable &table, double original, double positions,
                     RotaryPositions &out) {
  const size_t count = out.inverse_frequencies.size();
  const std::vector<double> factors = table.numbers("short_factor", count);
  (void)table.numbers("long_factor", count);
  const double factor = table.above_zero("factor", positions / original);
  out.scale = factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(original));
  if (table.has("attention_factor")) out.scale = table.number("attention_factor");
  for (size_t i = 0; i < count; ++i) out.inverse_frequencies[i] /= static_cast<float>(factors[i]);
  out.longest = static_cast<int64_t>(original);
}

}  // namespace rotary

// The rotary positions that the table asks for, in heads of `width`, in a model for `positions`
// positions. Throws Error naming the key.
inline RotaryPositions rotary_positions(const DecoderConfig &c, RotaryTable table, int64_t width,
                                        int64_t positions, const RotaryDefaults &defaults = {}) {
  RotaryPositions out;
  const double beside = defaults.theta_key == nullptr
                            ? defaults.theta
                            : c.above_zero(defaults.theta_key, defaults.theta);
  const double theta = table.above_zero("rope_theta", beside);
  const double part =
      table.above_zero("partial_rotary_factor", c.above_zero("partial_rotary_factor", 1));
  if (part > 1 || (part != 1 && !defaults.partial))
    ModelConfig::bad("partial_rotary_factor",
                     "= " + std::to_string(part) + " is not supported (1 is)");
  const auto count = static_cast<int64_t>(static_cast<double>(width) * part);
  if (count < 2 || count % 2 != 0)
    ModelConfig::bad("head_dim", "must be even for rotary positions");
  const double most = static_cast<double>(positions);
  double original = table.above_zero("original_max_position_embeddings", most);
  if (defaults.original_positions > 0)
    original = c.above_zero("original_max_position_embeddings",
                            static_cast<double>(defaults.original_positions));
  out.inverse_frequencies = rotary::plain(theta, count);
  std::string type = table.type();
  if (defaults.yarn_is_longrope && (type == "su" || type == "yarn")) type = "longrope";
  if (type == "linear") rotary::linear(table, out);
  else if (type == "dynamic") (void)table.above_zero("factor"), out.longest = positions;
  else if (type == "llama3") rotary::llama3(table, original, out);
  else if (type == "yarn") rotary::yarn(table, theta, original, count, out);
  else if (type == "longrope") rotary::longrope(table, original, most, out);
  else if (type == "default") out.theta = count == width ? theta : 0;
  else table.refuse_type();
  table.finish();
  return out;
}

}  // namespace slipway
