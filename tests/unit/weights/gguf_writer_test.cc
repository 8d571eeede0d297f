// What is written as GGUF is read again: metadata, shapes, and values as each encoding holds them.
#include "weights/gguf_writer.h"

#include <cmath>

#include "weights/gguf.h"
#include "weights_files.h"

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

const std::vector<float> kValues = {0,        -0.0f,    1,       -2.5f,      0.1f, 65504,
                                    6.1e-5f,  5.96e-8f, 1e-9f,   2049,       2051, -1e-5f,
                                    0.33333f, 3.14159f, 1000.5f, 1.00048828f};

std::vector<float> read_back(Encoding encoding, std::vector<float> values) {
  const fs::path path = scratch() / "one.gguf";
  const auto count = static_cast<int64_t>(values.size());
  write_gguf(path, {{"general.architecture", std::string("llama")}}, {{"t", {1, count}, encoding}},
             [&](size_t, std::span<float> out) { std::ranges::copy(values, out.begin()); });
  const Gguf file(path);
  decode_to_float(*file.tensor("t"), values.data());
  return values;
}

TEST(GgufWriter, MetadataAndShapesAreReadAgain) {
  const fs::path path = scratch() / "all.gguf";
  write_gguf(path,
             {{"a", uint32_t{7}},
              {"b", 0.5f},
              {"c", true},
              {"d", std::string("text")},
              {"e", std::vector<int32_t>{-1, 2}},
              {"f", std::vector<float>{0.25f}},
              {"g", std::vector<std::string>{"x", ""}},
              {"h", std::vector<bool>{true, false}}},
             {{"first", {2, 3}, Encoding::kF32}, {"second", {4}, Encoding::kF16}},
             [](size_t tensor, std::span<float> out) {
               for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(10 * tensor + i);
             });
  const Gguf file(path);
  EXPECT_EQ(file.integer("a"), 7);
  EXPECT_EQ(file.number("b"), 0.5);
  EXPECT_EQ(*file.find("c"), GgufValue(true));
  EXPECT_EQ(file.text("d"), "text");
  EXPECT_EQ(*file.find("e"), GgufValue(std::vector<int64_t>{-1, 2}));
  EXPECT_EQ(*file.find("f"), GgufValue(std::vector<double>{0.25}));
  EXPECT_EQ(*file.find("g"), GgufValue(std::vector<std::string>{"x", ""}));
  EXPECT_EQ(*file.find("h"), GgufValue(std::vector<int64_t>{1, 0}));
  EXPECT_EQ(file.tensor("first")->shape, (std::vector<int64_t>{2, 3}));
  std::vector<float> values(4);
  decode_to_float(*file.tensor("second"), values.data());
  EXPECT_EQ(values, (std::vector<float>{10, 11, 12, 13}));
}

TEST(GgufWriter, ValuesAreTheNearestThatAnEncodingHas) {
  EXPECT_EQ(read_back(Encoding::kF32, kValues), kValues);
  const std::vector<float> halves = read_back(Encoding::kF16, kValues);
  for (size_t i = 0; i < kValues.size(); ++i) {
    const float spacing = std::max(
        0x1p-24f,
        std::exp2(std::floor(std::log2(std::max(std::abs(kValues[i]), 1e-30f)))) * 0x1p-10f);
    EXPECT_LE(std::abs(halves[i] - kValues[i]), spacing / 2) << kValues[i];
  }
  EXPECT_EQ(halves[9], 2048) << "to even between two";
  EXPECT_EQ(halves[10], 2052);
  const std::vector<float> brains = read_back(Encoding::kBF16, kValues);
  for (size_t i = 0; i < kValues.size(); ++i)
    EXPECT_LE(std::abs(brains[i] - kValues[i]), std::abs(kValues[i]) * 0x1p-8f) << kValues[i];
  std::vector<float> block;
  for (int i = 0; i < 32; ++i) block.push_back(static_cast<float>(i) - 12.7f);
  const std::vector<float> bytes = read_back(Encoding::kQ8_0, block);
  for (size_t i = 0; i < block.size(); ++i) EXPECT_NEAR(bytes[i], block[i], 18.3 / 127 / 1.9);
}

TEST(GgufWriter, WhatAnEncodingCannotHoldIsNamed) {
  EXPECT_THAT([] { read_back(Encoding::kF16, {1e6f}); },
              ThrowsMessage<Error>(HasSubstr("tensor t: holds 1000000, which float16 cannot")));
  EXPECT_THAT([] { read_back(Encoding::kF32, {NAN}); },
              ThrowsMessage<Error>(HasSubstr("tensor t: holds values that are not finite")));
  EXPECT_THAT([] { read_back(Encoding::kQ8_0, {1, 2}); },
              ThrowsMessage<Error>(HasSubstr("rows are not whole Q8_0 blocks")));
}

}  // namespace
}  // namespace slipway
