// Names that lead nowhere else.
#include "base/plain_name.h"

#include <gtest/gtest.h>

#include <string>

namespace slipway {
namespace {

TEST(PlainName, NamesAFileOfTheFolderItself) {
  for (const char* good : {"model.safetensors", "a b", "...", ".hidden", "\u00fc"})
    EXPECT_TRUE(is_plain_name(good)) << good;
  for (const char* bad : {"", ".", "..", "/etc/passwd", "a/b", "../a", "a\\b"})
    EXPECT_FALSE(is_plain_name(bad)) << bad;
  EXPECT_FALSE(is_plain_name(std::string("a\0b", 3)));
  EXPECT_TRUE(is_plain_name(std::string(255, 'a')));
  EXPECT_FALSE(is_plain_name(std::string(256, 'a')));
}

}  // namespace
}  // namespace slipway
