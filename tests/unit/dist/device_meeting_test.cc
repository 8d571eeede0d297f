// What ranks must have in common before their devices are connected.
#include "dist/device_meeting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/json_text.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string offer_of(const char* identity, const char* nccl = "2.32.3") {
  return json_text({{"device", "NVIDIA H200"}, {"identity", identity}, {"nccl", nccl}});
}

std::string refusal_of_offers(const std::vector<std::string>& offers) {
  try {
    devices_agree(offers);
  } catch (const Error& error) {
    return error.what();
  }
  return "they agree";
}

TEST(DeviceMeeting, AllHaveADeviceOfTheirOwnOrNone) {
  EXPECT_FALSE(devices_agree({"null", "null"}));
  EXPECT_EQ(device_offer(nullptr, nullptr), "null");
  EXPECT_TRUE(devices_agree({offer_of("GPU-a"), offer_of("GPU-b"), offer_of("GPU-c")}));
  EXPECT_THAT(refusal_of_offers({offer_of("GPU-a"), "null"}),
              HasSubstr("rank 0 computes on NVIDIA H200, rank 1 on the processor"));
  EXPECT_THAT(refusal_of_offers({"null", "null", offer_of("GPU-a")}),
              HasSubstr("rank 0 computes on the processor, rank 2 on NVIDIA H200"));
  EXPECT_THAT(refusal_of_offers({offer_of("GPU-a"), offer_of("GPU-b"), offer_of("GPU-b")}),
              AllOf(HasSubstr("ranks 1 and 2 compute on one GPU (NVIDIA H200, GPU-b)"),
                    HasSubstr("start one process a GPU")));
  EXPECT_THAT(refusal_of_offers({offer_of("GPU-a"), offer_of("GPU-b", "2.28.9")}),
              HasSubstr("rank 0 has NCCL 2.32.3, rank 1 has 2.28.9: install the same"));
}

std::string interface_of(int64_t world, const std::string& named) {
  Place place;
  place.world = world;
  place.local_world = 2;
  place.network_interface = named;
  name_interface_to_nccl(place);
  const char* const name = std::getenv("NCCL_SOCKET_IFNAME");
  return name == nullptr ? "" : name;
}

TEST(DeviceMeeting, NcclListensWhereGlooDoes) {
  const auto unset = [] { ::unsetenv("NCCL_SOCKET_IFNAME"); };
  unset();
  EXPECT_EQ(interface_of(4, ""), "");
  EXPECT_EQ(interface_of(2, ""), "=lo");
  unset();
  EXPECT_EQ(interface_of(4, "eth0,eth1"), "=eth0,eth1");
  ::setenv("NCCL_SOCKET_IFNAME", "ib0", 1);
  EXPECT_EQ(interface_of(2, "eth0"), "ib0") << "who named it meant it";
  unset();
}

}  // namespace
}  // namespace slipway
