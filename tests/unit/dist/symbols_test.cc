// Gloo's headers are ours in part (host/dist/gloo_shim): nothing that is laid out by them may be
// emitted here, where it would stand for LibTorch's own.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace slipway {
namespace {

std::string symbols_of(const std::string& program) {
  const std::string command = "nm -C '" + program + "'";
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string text;
  char part[65536];
  for (size_t size; (size = std::fread(part, 1, sizeof part, pipe)) > 0;) text.append(part, size);
  return ::pclose(pipe) == 0 ? text : "";
}

TEST(Symbols, NoTableOfGloosClassesIsOurs) {
  const std::string symbols = symbols_of(SLIPWAY_RANK_PROGRAM);
  ASSERT_NE(symbols.find("U c10d::ProcessGroupGloo::ProcessGroupGloo("), std::string::npos);
  for (const char* name : {"vtable for ", "typeinfo for ", "VTT for "})
    for (const char* type : {"gloo::", "c10d::ProcessGroupGloo"})
      EXPECT_EQ(symbols.find(std::string("V ") + name + type), std::string::npos) << name << type;
  for (const char* kind : {" V ", " W ", " T ", " D ", " u "})
    EXPECT_EQ(symbols.find(std::string(kind) + "vtable for c10d::ProcessGroupGloo::GlooStore"),
              std::string::npos);
  EXPECT_EQ(symbols.find("GlooStore::"), std::string::npos);
}

}  // namespace
}  // namespace slipway
