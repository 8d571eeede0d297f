// The colours of runs beside each other: seen on their ground, and told apart, by readers who see
// all colours and by those who do not.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "record/report/style.h"

namespace slipway {
namespace {

using Colour = std::array<double, 3>;
using Matrix = std::array<Colour, 3>;

// #rrggbb as linear light.
Colour linear(const std::string& hex) {
  Colour out{};
  for (size_t i = 0; i < 3; ++i) {
    const double value = std::stoi(hex.substr(1 + 2 * i, 2), nullptr, 16) / 255.0;
    out[i] = value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  }
  return out;
}

Colour times(const Matrix& m, const Colour& c) {
  Colour out{};
  for (size_t i = 0; i < 3; ++i) out[i] = m[i][0] * c[0] + m[i][1] * c[1] + m[i][2] * c[2];
  return out;
}

// OKLab (Ottosson 2020): distances are about as large as they look.
Colour oklab(Colour c) {
  for (double& value : c) value = std::max(value, 0.0);
  Colour lms = times({{{0.4122214708, 0.5363325363, 0.0514459929},
                       {0.2119034982, 0.6806995451, 0.1073969566},
                       {0.0883024619, 0.2817188376, 0.6299787005}}},
                     c);
  for (double& value : lms) value = std::cbrt(value);
  return times({{{0.2104542553, 0.7936177850, -0.0040720468},
                 {1.9779984951, -2.4285922050, 0.4505937099},
                 {0.0259040371, 0.7827717662, -0.8086757660}}},
               lms);
}

double contrast(const Colour& a, const Colour& b) {
  const auto light = [](const Colour& c) {
    return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2] + 0.05;
  };
  return std::max(light(a), light(b)) / std::min(light(a), light(b));
}

// What the page sets `name` to, the nth time that it does.
std::string set_to(const std::string& name, int nth) {
  const std::string style(report::kChartStyle);
  size_t at = 0;
  for (int i = 0; i <= nth; ++i) at = style.find(name + ": #", at) + name.size() + 2;
  return style.substr(at, 7);
}

TEST(RunColours, AreSeenAndToldApart) {
  // Machado, Oliveira, Fernandes 2009, severity 1: none, protanopia, deuteranopia
  const Matrix sights[] = {{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
                           {{{0.152286, 1.052583, -0.204868},
                             {0.114503, 0.786281, 0.099216},
                             {-0.003882, -0.048116, 1.051998}}},
                           {{{0.367322, 0.860646, -0.227968},
                             {0.280085, 0.672501, 0.047413},
                             {-0.011820, 0.042940, 0.968881}}}};
  for (const int dark : {0, 1}) {
    std::vector<Colour> runs;
    for (int i = 1; i <= 8; ++i) {
      runs.push_back(linear(set_to("--run-" + std::to_string(i), dark)));
      EXPECT_GE(contrast(runs.back(), linear(set_to("--ground", dark))), 3.0) << i << " " << dark;
    }
    for (const Matrix& sight : sights)
      for (size_t i = 0; i < runs.size(); ++i)
        for (size_t k = 0; k < i; ++k) {
          const Colour a = oklab(times(sight, runs[i])), b = oklab(times(sight, runs[k]));
          EXPECT_GE(std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]), 0.15)
              << i + 1 << " and " << k + 1 << (dark != 0 ? " in the dark" : "");
        }
  }
}

}  // namespace
}  // namespace slipway
