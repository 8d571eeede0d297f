// A line a thing, warnings at the end.
#include "app/machine_text.h"

#include <fmt/format.h>

namespace slipway {
namespace {

std::string word(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string("none");
}
std::string rate(const Json& value) { return fmt::format("{:.1f}", value.get<double>()); }
std::string line(const std::string& name, const std::string& value) {
  return fmt::format("{:<13} {}\n", name, value);
}

std::string bf16_text(const Json& bf16) {
  if (!bf16["fast"].get<bool>()) return "not fast: " + word(bf16["slow"]);
  return fmt::format("fast, by {}: products at {} GFLOP/s, in float32 at {}", word(bf16["kernels"]),
                     rate(bf16["gflops"]), rate(bf16["float32_gflops"]));
}

std::string peak_text(const Json& peak) {
  if (peak.is_null()) return "none: no instructions that programs may use";
  return fmt::format("{} GFLOP/s with 1 thread, {} with all, by {}", rate(peak["threads_1"]),
                     rate(peak["all"]), word(peak["instructions"]));
}

std::string device_lines(const Json& m) {
  const Json& device = m["device"];
  if (device.is_null())
    return line("GPU", m["gpu"].is_null() ? "none"
                                          : fmt::format("{}, which cannot be used: {}",
                                                        word(m["gpu"]), word(m["device_fault"])));
  const Json &memory = device["memory"], &product = device["product_tflops"],
             &copy = device["copy_gb_per_s"];
  return line("GPU", fmt::format("{}, compute capability {}, {} GiB, {} free", word(device["name"]),
                                 word(device["capability"]), rate(memory["total_gib"]),
                                 rate(memory["free_gib"]))) +
         line("GPU products", fmt::format("{} TFLOP/s in float32, {} with bf16",
                                          rate(product["float32"]), rate(product["bf16"]))) +
         line("GPU copies",
              fmt::format("{} GB/s within it (read and written), {} to it, {} from it",
                          rate(copy["within"]), rate(copy["in"]), rate(copy["out"])));
}

std::string nccl_line(const Json& m) {
  if (m["nccl"].is_null() && m["nccl_fault"].is_null()) return "";
  return line("NCCL", m["nccl"].is_null() ? "none: " + word(m["nccl_fault"])
                                          : fmt::format("{}, {}", word(m["nccl"]["version"]),
                                                        word(m["nccl"]["library"])));
}

}  // namespace

std::string machine_text(const Json& m) {
  std::string sets;
  for (const Json& set : m["instruction_sets"]) sets += (sets.empty() ? "" : " ") + word(set);
  const Json &gflops = m["sgemm_gflops"], &read = m["read_gb_per_s"], &torch = m["libtorch"];
  std::string out = line("processor", word(m["cpu"]));
  out += line("threads", fmt::format("{} on {} usable cores", m["threads"].get<int64_t>(),
                                     m["cores"].get<int64_t>()));
  out += line("instructions", fmt::format("{}; the host's kernels use {}, LibTorch's {}", sets,
                                          word(m["kernels"]), word(torch["kernels"])));
  out += line("bf16", bf16_text(m["bf16"]));
  out += line("memory", fmt::format("{} GiB, {} free", rate(m["memory"]["total_gib"]),
                                    rate(m["memory"]["available_gib"])));
  out +=
      line("LibTorch", fmt::format("{}, {}, {}", word(torch["version"]), word(torch["library"]),
                                   torch["cuda"].get<bool>() ? "with its CUDA half" : "CPU alone"));
  out += device_lines(m) + nccl_line(m);
  for (const char* arithmetic : {"float32", "bfloat16", "int8"})
    out += line(fmt::format("{} peak", arithmetic), peak_text(m["peak_gflops"][arithmetic]));
  out += line("sgemm", fmt::format("{} GFLOP/s with 1 thread, {} with all: LibTorch's product, "
                                   "{:.0f} % of the float32 peak",
                                   rate(gflops["threads_1"]), rate(gflops["all"]),
                                   100 * gflops["share_of_peak"].get<double>()));
  out += line("few rows",
              fmt::format("{} GFLOP/s with 8 rows, {} with 32, {} with 128 (weights {} x {})",
                          rate(gflops["rows_8"]), rate(gflops["rows_32"]), rate(gflops["rows_128"]),
                          gflops["outputs"].get<int64_t>(), gflops["inputs"].get<int64_t>()));
  out += line("memory read", fmt::format("{} GB/s with 1 thread, {} with all",
                                         rate(read["threads_1"]), rate(read["all"])));
  out +=
      line("plugins", fmt::format("{} found; slipway plugin list names them", m["plugins"].size()));
  for (const Json& warning : m["warnings"]) out += "\nwarning: " + word(warning) + "\n";
  if (m["warnings"].empty()) out += "\nnothing stands in the way\n";
  return out;
}

}  // namespace slipway
