// What looks like a model of the hub.
#include "base/hub_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace slipway
