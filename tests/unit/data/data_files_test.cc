// Records of data files: what differs is said.
#include "data/data_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(DataFiles, DifferencesAreNamed) {
  const Json before = {
      {"data.train", Json::array({data_file("x/a.jsonl", "one"), data_file("b.jsonl", "two")})},
      {"data.eval", Json::array({data_file("c.jsonl", "three")})}};
  EXPECT_EQ(data_difference(before, before), "");
  Json now = before;
  now["data.train"][0] = data_file("y/renamed.jsonl", "one");
  EXPECT_EQ(data_difference(before, now), "");
  now["data.train"][1] = data_file("b.jsonl", "owt");
  now["data.eval"][0] = data_file("c.jsonl", "four");
  EXPECT_EQ(data_difference(before, now),
            "data.train: b.jsonl has other content of the same size; data.eval: c.jsonl has 4 "
            "bytes, had 5");
  std::swap(now["data.train"][0], now["data.train"][1]);
  now["data.train"][0] = data_file("b.jsonl", "two");
  EXPECT_NE(data_difference(before, now), "");  // their order counts
  now["data.train"].push_back(data_file("d.jsonl", ""));
  now.erase("data.eval");
  EXPECT_EQ(data_difference(before, now), "data.train has 3 files, had 2; data.eval is not there");
  EXPECT_EQ(data_difference(Json::object(), now), "");  // of a version that did not say
}

TEST(DataFiles, SamplesReachFromTheFirstByteToTheLast) {
  const fs::path file =
      fs::temp_directory_path() / ("slipway-samples-" + std::to_string(::getpid()));
  for (const size_t size : {size_t{0}, size_t{1}, size_t{65'536}, size_t{65'537},
                            size_t{16 * 65'536}, size_t{3'000'000}}) {
    std::string bytes(size, 'x');
    write_file_durably(file, bytes);
    const Json whole = sampled_data_file(file);
    EXPECT_EQ(whole.at("bytes"), size);
    for (const size_t at : {size_t{0}, size - 1}) {
      if (size == 0) continue;
      bytes[at] = 'y';
      write_file_durably(file, bytes);
      EXPECT_FALSE(same_data_file(whole, sampled_data_file(file))) << at << " of " << size;
      bytes[at] = 'x';
    }
    write_file_durably(file, bytes);
    EXPECT_TRUE(same_data_file(whole, sampled_data_file(file))) << size;
  }
  fs::remove(file);
  EXPECT_THROW(sampled_data_file(file), Error);
}

}  // namespace
}  // namespace slipway
