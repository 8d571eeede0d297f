// Finding NCCL, and saying why it cannot be used.
#include "dist/nccl_module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "dist/settled.h"
#include "tests/unit/dist/places.h"
#include "tests/unit/scratch.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(NcclLibrary, IsTheNamedOneElseThatBesideLibTorchElseTheSystems) {
  const fs::path site = scratch(), libtorch = site / "torch/lib/libtorch_cpu.so";
  EXPECT_EQ(nccl_library(lookup_in({}), libtorch), "libnccl.so.2");
  EXPECT_EQ(nccl_library(lookup_in({}), ""), "libnccl.so.2");
  const fs::path beside = site / "nvidia/nccl/lib/libnccl.so.2";
  fs::create_directories(beside.parent_path());
  fs::copy_file("/proc/self/cmdline", beside);
  EXPECT_EQ(nccl_library(lookup_in({}), libtorch), beside);
  EXPECT_EQ(nccl_library(lookup_in({{"SLIPWAY_NCCL_LIBRARY", "/a/b.so"}}), libtorch), "/a/b.so");
  EXPECT_EQ(nccl_library(lookup_in({{"SLIPWAY_NCCL_LIBRARY", ""}}), libtorch), beside);
}

TEST(NcclModule, AMissingModuleIsAnErrorWithItsFix) {
  EXPECT_THAT([] { open_device_wires("nowhere/libslipway_nccl.so", "libnccl.so.2"); },
              testing::ThrowsMessage<Error>(AllOf(HasSubstr("(nowhere/libslipway_nccl.so)"),
                                                  HasSubstr("build again"),
                                                  HasSubstr("device = \"cpu\""))));
}

#ifdef SLIPWAY_NCCL_MODULE

std::string refusal_of_library(const std::string& library) {
  try {
    open_device_wires(SLIPWAY_NCCL_MODULE, library);
  } catch (const Error& error) {
    return error.what();
  }
  return "it was taken";
}

constexpr const char* kFix = "pip install nvidia-nccl-cu13), or name a libnccl.so.2 in SLIPWAY_";

TEST(NcclModule, SaysWhyALibraryCannotBeUsed) {
  EXPECT_THAT(refusal_of_library("/nowhere/libnccl.so.2"),
              AllOf(HasSubstr("/nowhere/libnccl.so.2: cannot open"), HasSubstr(kFix)));
  EXPECT_THAT(refusal_of_library("libz.so.1"), HasSubstr("it has no ncclGetVersion"));
  EXPECT_THAT(refusal_of_library(SLIPWAY_OLD_NCCL),
              AllOf(HasSubstr("is NCCL 2.10.3, and 2.18.1 or later is needed"), HasSubstr(kFix)));
  EXPECT_THAT(refusal_of_library(SLIPWAY_CUT_NCCL), HasSubstr("it has no ncclCommFinalize"));
}

// Its version is asked without a GPU; that no function is missing is asked, too.
TEST(NcclModule, TakesTheWheelsLibrary) {
  const fs::path wheel = SLIPWAY_NCCL_OF_BUILD;
  if (!fs::exists(wheel)) GTEST_SKIP() << "skipped: no " << wheel;
  DeviceWires& wires = open_device_wires(SLIPWAY_NCCL_MODULE, wheel);
  EXPECT_THAT(wires.version(), testing::StartsWith("2."));
  EXPECT_EQ(fs::canonical(wires.library()), fs::canonical(wheel));
}

// Its own words come through: no thread is left waiting for it.
TEST(NcclModule, TheWheelsLibraryWithoutAGpuSaysSo) {
  const fs::path wheel = SLIPWAY_NCCL_OF_BUILD;
  if (!fs::exists(wheel)) GTEST_SKIP() << "skipped: no " << wheel;
  if (fs::exists("/dev/nvidia0")) GTEST_SKIP() << "skipped: there is a GPU";
  DeviceWires& wires = open_device_wires(SLIPWAY_NCCL_MODULE, wheel);
  std::string words;
  try {
    const std::unique_ptr<DeviceWire> wire = wires.connect(wires.new_meeting(), 0, 1);
    EXPECT_FALSE(settled(*wire, 30, [] { return true; }));
    EXPECT_EQ(wire->state(), DeviceWire::State::kFailed);
    words = wire->problem();
  } catch (const std::exception& fault) {
    words = fault.what();
  }
  EXPECT_THAT(words, testing::MatchesRegex(".*[Cc][Uu][Dd][Aa].*"));
}

TEST(NcclModule, AMeetingOfAnotherLibraryIsRefused) {
  DeviceWires& wires = open_device_wires(SLIPWAY_NCCL_MODULE, SLIPWAY_STAND_IN_NCCL);
  EXPECT_EQ(wires.new_meeting().size(), 128u);
  EXPECT_NE(wires.new_meeting(), wires.new_meeting());
  EXPECT_THROW(wires.connect("short", 0, 2), std::runtime_error);
}

#endif

}  // namespace
}  // namespace slipway
