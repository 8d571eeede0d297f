// Parameters put together from the slices of several files.
#include "weights/slices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "base/json.h"
#include "tests/unit/scratch.h"
#include "weights/model_folder.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// "w" [2, 3] is 0 to 5, its state ten times that; the second of three files has nothing of it.
struct Sliced {
  Sliced() {
    const std::vector<float> first = {0, 1, 2, 3}, last = {4, 5}, m0 = {0, 10, 20, 30},
                             m2 = {40, 50};
    write_safetensors(folder / slice_file_name(0, 3),
                      {{"w", {4}, first.data()}, {"w:exp_avg", {4}, m0.data()}});
    write_safetensors(folder / slice_file_name(1, 3), {});
    write_safetensors(folder / slice_file_name(2, 3),
                      {{"w", {2}, last.data()}, {"w:exp_avg", {2}, m2.data()}});
    for (int64_t rank = 0; rank < 3; ++rank) table.files.push_back(slice_file_name(rank, 3));
    table.weights = true;
    table.slots = {"exp_avg"};
    table.of["w"] = {{2, 3}, true, {{0, 4}, {0, 0}, {4, 2}}};
    write();
  }
  void write() const { write_slice_table(folder / kSliceTable, table); }
  std::string refusal() const {
    write();
    try {
      const SlicedFiles files(folder);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  const fs::path folder = scratch();
  SliceTable table;
};

TEST(Slices, AnyPartIsReadFromWhereverItLies) {
  const Sliced sliced;
  const SlicedFiles files(sliced.folder);
  std::vector<float> all(6), some(3);
  files.read("w", "", 6, 0, all);
  EXPECT_THAT(all, ElementsAre(0, 1, 2, 3, 4, 5));
  files.read("w", "exp_avg", 6, 2, some);
  EXPECT_THAT(some, ElementsAre(20, 30, 40));
  EXPECT_THROW(files.read("w", "", 5, 0, some), Error);
  EXPECT_THROW(files.read("v", "", 6, 0, some), Error);
}

TEST(Slices, AFolderOfThemIsAModel) {
  const Sliced sliced;
  write_file_durably(sliced.folder / "config.json", "{}");
  const ModelWeights weights = open_weights(sliced.folder);
  EXPECT_THAT(weights.names, ElementsAre("w"));
  EXPECT_EQ(weights.tensors.at("w")->shape, (std::vector<int64_t>{2, 3}));
  std::vector<float> all(6);
  weights.read("w", all.data(), 6);
  EXPECT_EQ(all.back(), 5);
}

TEST(Slices, WhatIsMissingOrDoesNotFitIsNamed) {
  Sliced sliced;
  sliced.table.of["w"].slices[2].offset = 3;
  EXPECT_THAT(sliced.refusal(), HasSubstr("the slices of w leave a hole or overlap"));
  sliced.table.of["w"].slices[2] = {4, 1};
  EXPECT_THAT(sliced.refusal(), HasSubstr("the slices of w have 5 values, its shape [2, 3]"));
  sliced.table.of["w"] = {{2, 2}, true, {{0, 4}, {0, 0}, {0, 0}}};
  EXPECT_EQ(sliced.refusal(), "");
  sliced.table.of["w"] = {{1, 3}, true, {{0, 3}, {0, 0}, {0, 0}}};
  EXPECT_THAT(sliced.refusal(), HasSubstr("w has [4] values, model.slices.json says 3"));
  sliced.table.of["w"] = {{2, 3}, true, {{0, 4}, {4, 2}, {0, 0}}};
  EXPECT_THAT(sliced.refusal(), HasSubstr("has no tensor w, but model.slices.json says so"));
  sliced.table.files[1] = "../elsewhere.safetensors";
  EXPECT_THAT(sliced.refusal(), HasSubstr("is not a file in the folder"));
  sliced.table.files[1] = "gone.safetensors";
  EXPECT_THAT(sliced.refusal(), HasSubstr("names gone.safetensors, which is not there"));
  write_file_durably(sliced.folder / kSliceTable, R"({"files": 3})");
  EXPECT_THROW(SlicedFiles(sliced.folder), Error);
}

}  // namespace
}  // namespace slipway
