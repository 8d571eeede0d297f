// Devices, ports, tokens.
#include "launch/launch_plan.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <set>

#include "base/descriptor.h"

namespace slipway {
namespace {

TEST(LaunchPlan, CudaDevicesAreTheNumberedOnesThatAreVisible) {
  const fs::path dev = fs::path(SLIPWAY_SCRATCH) / "dev";
  for (const char* name : {"nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm", "nvidia"})
    write_file_durably(dev / name, "");
  EXPECT_EQ(cuda_devices(dev, nullptr), 3);
  for (const auto& [visible, expected] :
       std::vector<std::pair<const char*, int64_t>>{{"0", 1},
                                                    {"1,0", 2},
                                                    {"", 0},
                                                    {"-1", 0},
                                                    {"0,-1,1", 1},
                                                    {"0, 2", 2},
                                                    {"0,3,1", 1},
                                                    {"x", 0},
                                                    {"GPU-8932f937", 1},
                                                    {"MIG-1,0", 2},
                                                    {"0,1,2,", 3},
                                                    {"7", 0},
                                                    {"99999999999999999999", 0}})
    EXPECT_EQ(cuda_devices(dev, visible), expected) << visible;
  EXPECT_EQ(cuda_devices(dev / "nowhere", "0,1"), 0);
}

TEST(LaunchPlan, AFreePortCanBeListenedAt) {
  const int64_t port = free_port();
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(static_cast<uint16_t>(port));
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(socket.fd, reinterpret_cast<sockaddr*>(&at), sizeof at), 0) << port;
  EXPECT_EQ(::listen(socket.fd, 1), 0);
}

TEST(LaunchPlan, EachLifeHasItsOwnTokenUnlessOneIsGiven) {
  LaunchPlan plan;
  const Life first = new_life(plan, 0), second = new_life(plan, 1);
  EXPECT_EQ(first.token.size(), 64u);
  EXPECT_EQ(first.token.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(first.token, second.token);
  EXPECT_GT(first.port, 0);
  EXPECT_EQ(second.number, 1);
  plan.token = "given by the person";
  plan.port = 29500;
  EXPECT_EQ(new_life(plan, 0).token, plan.token);
  EXPECT_EQ(new_life(plan, 3).port, 29500);
}

}  // namespace
}  // namespace slipway
