// What this machine is, what it can do, and what stands in the way.
#include <algorithm>
#include <cstdlib>

#include "api/load_model.h"
#include "api/machine.h"
#include "base/available_memory.h"
#include "base/json_text.h"
#include "base/program_folder.h"
#include "base/usable_cores.h"
#include "compute/measure.h"
#include "compute/peak.h"
#include "dist/nccl_module.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/gemm_bf16.h"
#include "kernels/measure_device.h"
#include "operators/accelerator/accelerator_module.h"
#include "operators/product_rates.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

// The feed-forward projection of a model of 135 million parameters: decoding multiplies few rows by
// such weights.
constexpr int64_t kOutputs = 1536, kInputs = 576;

// Before anything is measured: the measuring itself is load.
Json machine() {
  const double load = load_average();
  Json out;
  out["cpu"] = cpu_name();
  out["cores"] = usable_cores();
  out["threads"] = thread_count();
  out["load_average"] = load < 0 ? Json(nullptr) : Json(load);
  out["instruction_sets"] = instruction_sets();
  out["kernels"] = std::string(gemm::instruction_set());
  out["bf16"]["kernels"] = std::string(gemm_bf16::instruction_set());
  out["memory"] = {{"total_gib", static_cast<double>(total_memory()) / 0x1p30},
                   {"available_gib", static_cast<double>(available_memory()) / 0x1p30}};
  const fs::path library = loaded_library("libtorch_cpu");
  out["libtorch"] = {{"version", torch_version()},
                     {"library", short_path(library)},
                     {"cuda", fs::exists(library.parent_path() / "libtorch_cuda.so")},
                     {"kernels", torch_kernels()},
                     {"build", torch_build()}};
  out["gpu"] = gpu_name();
  return out;
}

// What arithmetic alone can do; null where the processor has no instructions for it.
Json peak(Arithmetic of, double seconds) {
  const auto one = multiply_add_peak(of, 1, seconds),
             all = multiply_add_peak(of, thread_count(), seconds);
  if (!one || !all) return nullptr;
  return {{"threads_1", one->rate / 1e9},
          {"all", all->rate / 1e9},
          {"instructions", std::string(all->instructions)}};
}

// Slipway's own products, with train.bf16 and without.
void measure_bf16(Json& bf16) {
  const auto& rates = product_rates();
  const std::string slow = rates ? why_bf16_is_slow(*rates) : gemm_bf16::why_slow();
  bf16["fast"] = slow.empty();
  bf16["slow"] = slow.empty() ? Json(nullptr) : Json(slow);
  bf16["gflops"] = rates ? Json(rates->bfloat16 / 1e9) : Json(nullptr);
  bf16["float32_gflops"] = rates ? Json(rates->float32 / 1e9) : Json(nullptr);
}

void measure(Json& out, bool quick) {
  const double seconds = quick ? 0.03 : 0.3;
  out["peak_gflops"] = {{"float32", peak(Arithmetic::kFloat32, seconds / 4)},
                        {"bfloat16", peak(Arithmetic::kBfloat16, seconds / 4)},
                        {"int8", peak(Arithmetic::kInt8, seconds / 4)}};
  measure_bf16(out["bf16"]);
  const size_t bytes = size_t{256} << 20;
  const auto gflops = [&](int64_t m, int64_t n, int64_t k) {
    return measure_sgemm(m, n, k, seconds) / 1e9;
  };
  Json sgemm, read;
  {
    const ThreadCountScope one(1);
    sgemm["threads_1"] = gflops(1024, 1024, 1024);
    read["threads_1"] = measure_read(bytes, seconds) / 1e9;
  }
  sgemm["all"] = gflops(1024, 1024, 1024);
  for (const int64_t rows : {8, 32, 128})
    sgemm[fmt::format("rows_{}", rows)] = gflops(rows, kOutputs, kInputs);
  read["all"] = measure_read(bytes, seconds) / 1e9;
  sgemm["outputs"] = kOutputs;
  sgemm["inputs"] = kInputs;
  sgemm["share_of_peak"] =
      sgemm["all"].get<double>() / out["peak_gflops"]["float32"]["all"].get<double>();
  out["sgemm_gflops"] = sgemm;
  out["read_gb_per_s"] = read;
}

// The accelerator, or why there is none.
void measure_accelerator(Json& out, bool quick) {
  out["device"] = nullptr;
  out["device_fault"] = nullptr;
  try {
    out["device"] = describe_device(open_accelerator(cuda_module()), quick ? 0.03 : 0.3);
  } catch (const std::exception& e) {
    out["device_fault"] = e.what();
  }
}

// By what ranks on GPUs exchange, where this build has GPUs at all.
void find_nccl(Json& out) {
  out["nccl"] = nullptr;
  out["nccl_fault"] = nullptr;
  if (!fs::exists(cuda_module())) return;
  try {
    DeviceWires& wires = device_wires();
    out["nccl"] = {{"version", wires.version()}, {"library", short_path(wires.library())}};
  } catch (const Error& e) {
    out["nccl_fault"] = e.what();
  }
}

void find_plugins(Json& out, const std::vector<fs::path>& more) {
  const std::vector<fs::path> folders = plugin_folders(more);
  const Registry registry(folders);
  out["plugins"] = Json::array();
  out["rejected"] = Json::array();
  for (const Registry::Found& found : registry.plugins())
    out["plugins"].push_back({{"id", found.descriptor->id},
                              {"kinds", kind_names(found.descriptor->kinds)},
                              {"version", found.descriptor->version},
                              {"file", short_path(found.library->path())}});
  for (const Registry::Rejected& r : registry.rejected())
    out["rejected"].push_back({{"file", short_path(r.path)}, {"reason", r.reason}});
}

// Each says what is wrong, and the fix.
Json warnings(const Json& m) {
  Json out = Json::array();
  const int64_t cores = m["cores"], threads = m["threads"];
  const auto has = [&](const char* set) {
    return std::ranges::find(m["instruction_sets"], set) != m["instruction_sets"].end();
  };
  // The variable too: LibTorch may have kept to the cores all the same, what else uses OpenMP does
  // not.
  const char* asked = std::getenv("OMP_NUM_THREADS");
  if (const int64_t wanted =
          std::max(threads, asked != nullptr ? std::strtol(asked, nullptr, 10) : 0L);
      wanted > cores)
    out.push_back(fmt::format(
        "{} threads on {} usable cores wait for each other; set OMP_NUM_THREADS={}, or unset it",
        wanted, cores, cores));
  if (threads < cores)
    out.push_back(
        fmt::format("{} of {} usable cores are used; unset OMP_NUM_THREADS, or set it to {}",
                    threads, cores, cores));
  if (m["load_average"].is_number() &&
      m["load_average"].get<double>() > 0.5 * static_cast<double>(cores))
    out.push_back(
        fmt::format("other work wants {:.1f} cores, and there {} {} (load average of the last "
                    "minute): what is measured here and every run is slower; end it, or wait",
                    m["load_average"].get<double>(), cores == 1 ? "is" : "are", cores));
  if (!has("avx2"))
    out.push_back("no AVX2: decoding is several times slower; use a processor of 2013 or later");
  if (const Json& slow = m["bf16"]["slow"]; !slow.is_null())
    out.push_back(fmt::format(
        "train.bf16 = true would {} here: {}",
        m["bf16"]["gflops"].is_null() ? "change nothing" : "make products no faster than float32",
        slow.get<std::string>()));
  const double available = m["memory"]["available_gib"];
  if (available > 0 && available < 2)
    out.push_back(
        fmt::format("{:.1f} GiB of memory are free; end other programs, or use a small model, "
                    "generation.max_rows and train.max_tokens_per_batch",
                    available));
  if (!m["gpu"].is_null() && m["device"].is_null())
    out.push_back(fmt::format("an NVIDIA GPU is here and cannot be used: {}",
                              m["device_fault"].get<std::string>()));
  if (m["plugins"].empty())
    out.push_back(
        "no plugin found: no model can be trained; build the target \"plugins\", or give "
        "--plugin-path DIR");
  for (const Json& r : m["rejected"])
    out.push_back(fmt::format("{} is not a usable plugin: {}", r["file"].get<std::string>(),
                              r["reason"].get<std::string>()));
  return out;
}

}  // namespace

std::string describe_machine(bool quick, const std::vector<fs::path>& plugin_path) {
  Json m = machine();
  find_plugins(m, plugin_path);
  measure(m, quick);
  measure_accelerator(m, quick);
  find_nccl(m);
  m["warnings"] = warnings(m);
  return json_text(m, 2);
}

}  // namespace slipway
