// What looks like a model of the hub.
#include "base/hub_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/scratch.h"

namespace slipway {
namespace {

TEST(HubName, IsAnOrganisationAndAName) {
  EXPECT_THAT(
      hub_hint("HuggingFaceTB/SmolLM2-135M"),
      testing::HasSubstr("hf download HuggingFaceTB/SmolLM2-135M --local-dir SmolLM2-135M"));
  for (const char* path : {"model", "/models/x", "./x", "../x", "a/b/c", "models/x.gguf", "a/",
                           "/a", "runs/x.pt", "a b/c", ""})
    EXPECT_EQ(hub_hint(path), "") << path;
}

TEST(HubName, AFolderThatIsHereIsNoOrganisation) {
  const fs::path before = fs::current_path();
  fs::current_path(scratch());
  EXPECT_NE(hub_hint("runs/mine"), "");
  fs::create_directory("runs");
  EXPECT_EQ(hub_hint("runs/mine"), "");
  fs::current_path(before);
}

}  // namespace
}  // namespace slipway
