// Where a relative path leads.
#include "config/input_path.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace slipway {
namespace {

class InputPath : public testing::Test {
 protected:
  InputPath() {
    for (const fs::path& each : {beside, here}) fs::create_directories(each);
    fs::current_path(here);
  }
  ~InputPath() override {
    fs::current_path(before);
    fs::remove_all(folder);
  }
  static void make(const fs::path& path) { write_file_durably(path, "x"); }
  fs::path in_file(const std::string& given) const {
    return input_path(given, "run.toml:3", beside / "run.toml", "data.train");
  }
  fs::path typed(const std::string& given) const {
    return input_path(given, "--set", beside / "run.toml", "data.train");
  }

  const fs::path before = fs::current_path(),
                 folder = fs::temp_directory_path() /
                          ("slipway-input-path-" + std::to_string(::getpid()));
  const fs::path beside = folder / "beside", here = folder / "here";
};

TEST_F(InputPath, ARunFileSpeaksOfWhatLiesBesideIt) {
  make(beside / "both"), make(here / "both"), make(here / "one");
  EXPECT_EQ(in_file("both"), beside / "both");
  EXPECT_EQ(in_file("one"), here / "one");
  EXPECT_EQ(in_file("none"), beside / "none");
  EXPECT_EQ(in_file("../here/one"), here / "one");
}

TEST_F(InputPath, OfTwoThatAreNotTheSameANoticeTells) {
  make(beside / "both"), make(here / "both");
  const auto said = [&](const std::string& given) {
    testing::internal::CaptureStderr();
    (void)in_file(given);
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(said("both"),
            "warning: data.train = \"both\": taken from the run file's folder; there is one in the "
            "working folder, too\n");
  EXPECT_EQ(said("/dev/null"), "");
  fs::remove(here / "both");
  fs::create_symlink(beside / "both", here / "both");
  EXPECT_EQ(said("both"), "");
}

TEST_F(InputPath, TheCommandLineSpeaksOfTheWorkingFolder) {
  make(beside / "both"), make(here / "both"), make(beside / "one");
  EXPECT_EQ(typed("both"), here / "both");
  EXPECT_EQ(typed("one"), beside / "one");
  EXPECT_EQ(typed("none"), here / "none");
}

TEST_F(InputPath, WhatIsMissingComesWithTheNameNearby) {
  make(beside / "reviews.jsonl");
  EXPECT_EQ(why_missing(beside / "reviews.jsonl"), "");
  EXPECT_EQ(why_missing(beside / "review.jsonl", "; otherwise"),
            "no such file or folder, did you mean \"reviews.jsonl\"?");
  EXPECT_EQ(why_missing(beside / "x", "; otherwise"), "no such file or folder; otherwise");
  fs::create_symlink("loop", beside / "loop");
  EXPECT_EQ(why_missing(beside / "loop"), "Too many levels of symbolic links");
}

}  // namespace
}  // namespace slipway
