// slipway doctor: its keys are an interface, its numbers are numbers.
#include <cmath>

#include "api/machine.h"
#include "app/command_line.h"
#include "app/commands.h"
#include "app/machine_text.h"
#include "app/profile.h"
#include "base/program_folder.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

std::string doctor(Arguments arguments) {
  arguments.insert(arguments.end(), {"--quick", "--plugin-path", SLIPWAY_PLUGINS});
  testing::internal::CaptureStdout();
  EXPECT_EQ(doctor_command(arguments), kExitOk);
  std::fflush(stdout);
  return testing::internal::GetCapturedStdout();
}

TEST(Doctor, JsonHasEveryKeyAndPositiveRates) {
  const Json m = parse_json(doctor({"--json"}), "doctor");
  for (const char* key :
       {"cpu",         "cores",        "threads",       "load_average", "instruction_sets",
        "kernels",     "bf16",         "memory",        "libtorch",     "gpu",
        "peak_gflops", "sgemm_gflops", "read_gb_per_s", "device",       "device_fault",
        "nccl",        "nccl_fault",   "plugins",       "rejected",     "warnings"})
    EXPECT_TRUE(m.contains(key)) << key;
  for (const char* key : {"threads_1", "all", "rows_8", "rows_32", "rows_128"})
    EXPECT_GT(m["sgemm_gflops"][key].get<double>(), 0) << key;
  for (const char* key : {"threads_1", "all"})
    EXPECT_GT(m["read_gb_per_s"][key].get<double>(), 0) << key;
  EXPECT_EQ(m["bf16"]["fast"].get<bool>(), m["bf16"]["slow"].is_null());
  // Fast is what was measured so, and nothing was where there are no instructions.
  EXPECT_EQ(m["bf16"]["gflops"].is_null(), m["bf16"]["kernels"] == "portable");
  EXPECT_EQ(m["bf16"]["fast"].get<bool>(),
            !m["bf16"]["gflops"].is_null() &&
                m["bf16"]["gflops"].get<double>() > m["bf16"]["float32_gflops"].get<double>());
  for (const char* arithmetic : {"float32", "bfloat16", "int8"}) {
    ASSERT_TRUE(m["peak_gflops"].contains(arithmetic));
    const Json& peak = m["peak_gflops"][arithmetic];
    if (peak.is_null()) continue;
    EXPECT_GT(peak["threads_1"].get<double>(), 0) << arithmetic;
    EXPECT_GT(peak["all"].get<double>(), 0) << arithmetic;
    EXPECT_FALSE(peak["instructions"].get<std::string>().empty()) << arithmetic;
  }
  EXPECT_DOUBLE_EQ(
      m["sgemm_gflops"]["share_of_peak"].get<double>(),
      m["sgemm_gflops"]["all"].get<double>() / m["peak_gflops"]["float32"]["all"].get<double>());
  EXPECT_NE(m["device"].is_null(), m["device_fault"].is_null());  // one or the other
  EXPECT_TRUE(m["nccl"].is_null() || m["nccl_fault"].is_null());
  EXPECT_GE(m["cores"], 1);
  EXPECT_GE(m["threads"], 1);
  EXPECT_GT(m["memory"]["total_gib"], m["memory"]["available_gib"]);
  EXPECT_THAT(m["libtorch"]["library"].get<std::string>(), HasSubstr("libtorch_cpu"));
  std::vector<std::string> ids;
  for (const Json& plugin : m["plugins"]) ids.push_back(plugin["id"]);
  EXPECT_THAT(ids,
              AllOf(Contains("org.slipway.model.llama"), Contains("org.slipway.reward.length")));
  for (const Json& warning : m["warnings"]) EXPECT_FALSE(warning.get<std::string>().empty());
}

TEST(Doctor, TextSaysTheSame) {
  const std::string text = doctor({});
  EXPECT_THAT(text, AllOf(HasSubstr("processor     " + cpu_name()),
                          HasSubstr("GFLOP/s with 1 thread"), HasSubstr("GB/s with 1 thread"),
                          HasSubstr(" found; slipway plugin list names them\n")));
}

TEST(Doctor, TextSaysByWhatGpusExchangeWhereThereMayBeSome) {
  Json m = parse_json(doctor({"--json"}), "doctor");
  m["nccl"] = m["nccl_fault"] = nullptr;
  EXPECT_EQ(machine_text(m).find("NCCL"), std::string::npos);
  m["nccl_fault"] = "it has no ncclCommAbort";
  EXPECT_THAT(machine_text(m), HasSubstr("\nNCCL          none: it has no ncclCommAbort\n"));
  m["nccl"] = {{"version", "2.32.3"}, {"library", "lib/libnccl.so.2"}};
  EXPECT_THAT(machine_text(m), HasSubstr("\nNCCL          2.32.3, lib/libnccl.so.2\n"));
}

TEST(Doctor, TextHasThePeaksAndWhatProductsReachOfThem) {
  Json m = parse_json(doctor({"--json"}), "doctor");
  m["peak_gflops"] = parse_json(
      R"({"float32": {"threads_1": 262.04, "all": 524.1, "instructions": "avx512"}, "bfloat16": null,
          "int8": {"threads_1": 1000, "all": 2000, "instructions": "avx512_vnni"}})",
      "peaks");
  m["sgemm_gflops"]["threads_1"] = 110, m["sgemm_gflops"]["all"] = 216;
  m["sgemm_gflops"]["share_of_peak"] = 0.412;
  m["bf16"] = parse_json(
      R"({"kernels": "amx", "fast": true, "slow": null, "gflops": 900, "float32_gflops": 250.5})",
      "bf16");
  EXPECT_THAT(
      machine_text(m),
      AllOf(
          HasSubstr("bf16          fast, by amx: products at 900.0 GFLOP/s, in float32 at 250.5\n"),
          HasSubstr("float32 peak  262.0 GFLOP/s with 1 thread, 524.1 with all, by avx512\n"
                    "bfloat16 peak none: no instructions that programs may use\n"
                    "int8 peak     1000.0 GFLOP/s with 1 thread, 2000.0 with all, by avx512_vnni\n"
                    "sgemm         110.0 GFLOP/s with 1 thread, 216.0 with all: LibTorch's "
                    "product, 41 % of the float32 peak\n")));
  m["bf16"]["fast"] = false, m["bf16"]["slow"] = "measured at 2 GFLOP/s, those in float32 at 3";
  EXPECT_THAT(machine_text(m), HasSubstr("bf16          not fast: measured at 2 GFLOP/s, those in "
                                         "float32 at 3\n"));
}

TEST(Doctor, TextHasTheDevicesNumbersOrWhyThereIsNone) {
  Json m = parse_json(doctor({"--json"}), "doctor");
  m["gpu"] = "Big GPU";
  m["device"] = parse_json(
      R"({"name": "Bigger GPU", "capability": "9.0", "memory": {"total_gib": 79.26, "free_gib": 78.5}, "product_tflops": {"float32": 50.7, "bf16": 790.1},
                               "copy_gb_per_s": {"within": 3000.1, "in": 9.8, "out": 8.7}})",
      "device");
  EXPECT_THAT(
      machine_text(m),
      HasSubstr(
          "GPU           Bigger GPU, compute capability 9.0, 79.3 GiB, 78.5 free\n"
          "GPU products  50.7 TFLOP/s in float32, 790.1 with bf16\n"
          "GPU copies    3000.1 GB/s within it (read and written), 9.8 to it, 8.7 from it\n"));
  m["device"] = nullptr;
  m["device_fault"] = "no driver";
  EXPECT_THAT(machine_text(m),
              HasSubstr("GPU           Big GPU, which cannot be used: no driver\n"));
  m["gpu"] = nullptr;
  EXPECT_THAT(machine_text(m), HasSubstr("GPU           none\n"));
}

TEST(Doctor, AFileThatIsNoPluginIsAWarning) {
  const fs::path folder = scratch();
  write_file_durably(folder / "broken.so", "no library");
  const Json m = parse_json(doctor({"--json", "--plugin-path", folder.string()}), "doctor");
  ASSERT_EQ(m["rejected"].size(), 1u);
  EXPECT_THAT(m["warnings"].dump(), HasSubstr("broken.so is not a usable plugin"));
}

TEST(Machine, TellsWhatItIs) {
  EXPECT_FALSE(cpu_name().empty());
  EXPECT_GT(total_memory(), 1u << 28);
  EXPECT_TRUE(fs::exists(loaded_library("libc10")));
  EXPECT_EQ(loaded_library("libno-such-thing"), "");
  EXPECT_EQ(short_path(fs::current_path() / "a" / "b"), "a/b");
  EXPECT_EQ(short_path("/"), "/");
}

TEST(Profile, TheTracesNameIsChecked) {
  const auto path = [](const Arguments& arguments) {
    CommandLine line("x", "y");
    line.option("profile", "TRACE.json", "help", "", "true");
    line.parse(arguments);
    return trace_path(line, "run/trace.json");
  };
  EXPECT_EQ(path({}), "");
  EXPECT_EQ(path({"--profile"}), "run/trace.json");
  EXPECT_EQ(path({"--profile", "a.json"}), "a.json");
  EXPECT_EQ(path({"--profile=b/c.json"}), "b/c.json");
  EXPECT_THAT(error_of([&] { path({"--profile", "run.toml"}); }), HasSubstr("ends in .json"));
}

}  // namespace
}  // namespace slipway
