#include "dist/error_file.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace slipway {
namespace {

TEST(ErrorFile, HasTheFormOfTorchrun) {
  const fs::path file = fs::path(SLIPWAY_SCRATCH) / "error.json";
  write_error_file(file, "runs/x: no space left\nset output.folder", 1700000000);
  const Json error = parse_json(read_file(file), file.string());
  EXPECT_EQ(error.at("message").at("message"), "runs/x: no space left\nset output.folder");
  EXPECT_EQ(error.at("message").at("extraInfo").at("timestamp"), "1700000000");
  EXPECT_TRUE(error.at("message").at("extraInfo").at("py_callstack").is_string());
}

TEST(ErrorFile, OfNobodyOrNowhereIsNoError) {
  write_error_file("", "a reason", 1);
  write_error_file("/proc/nowhere/error.json", "bytes \xff that are no text", 1);
}

}  // namespace
}  // namespace slipway
