// slipway doctor: what the machine is and can do, on one page.
#include "app/command_line.h"
#include "app/commands.h"
#include "app/standard_output.h"
#include "base/json.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

void print_machine(const Json& m) {
  const auto text = [&](const Json& value) { return value.is_string() ? value.get<std::string>() : std::string("none"); };
  std::string sets, out;
  for (const Json& set : m["instruction_sets"]) sets += (sets.empty() ? "" : " ") + text(set);
  const auto line = [&](const char* name, const std::string& value) { out += fmt::format("{:<13} {}\n", name, value); };
  const Json &gflops = m["sgemm_gflops"], &read = m["read_gb_per_s"], &torch = m["libtorch"];
  const auto rate = [](const Json& value) { return fmt::format("{:.1f}", value.get<double>()); };
  line("processor", text(m["cpu"]));
  line("threads", fmt::format("{} on {} usable cores", m["threads"].get<int64_t>(), m["cores"].get<int64_t>()));
  line("instructions", fmt::format("{}; the host's kernels use {}, LibTorch's {}", sets, text(m["kernels"]), text(torch["kernels"])));
  line("bf16", m["bf16"]["fast"].get<bool>() ? fmt::format("fast, by {}", text(m["bf16"]["kernels"])) : "not fast: " + text(m["bf16"]["slow"]));
  line("memory", fmt::format("{:.1f} GiB, {:.1f} free", m["memory"]["total_gib"].get<double>(), m["memory"]["available_gib"].get<double>()));
  line("LibTorch", fmt::format("{}, {}, {}", text(torch["version"]), text(torch["library"]), torch["cuda"].get<bool>() ? "with its CUDA half" : "CPU alone"));
  line("GPU", text(m["gpu"]));
  line("sgemm", fmt::format("{} GFLOP/s with 1 thread, {} with all", rate(gflops["threads_1"]), rate(gflops["all"])));
  line("few rows", fmt::format("{} GFLOP/s with 8 rows, {} with 32, {} with 128 (weights {} x {})", rate(gflops["rows_8"]), rate(gflops["rows_32"]), rate(gflops["rows_128"]), gflops["outputs"].get<int64_t>(), gflops["inputs"].get<int64_t>()));
  line("memory read", fmt::format("{} GB/s with 1 thread, {} with all", rate(read["threads_1"]), rate(read["all"])));
  for (const Json& p : m["plugins"]) line(text(p["kinds"]).c_str(), fmt::format("{} {}  {}", text(p["id"]), text(p["version"]), text(p["file"])));
  for (const Json& warning : m["warnings"]) out += "\nwarning: " + text(warning) + "\n";
  if (m["warnings"].empty()) out += "\nnothing stands in the way\n";
  print(out);
}

}  // namespace

int doctor_command(const Arguments& arguments) {
  CommandLine line("slipway doctor [--json] [--quick] [--plugin-path DIR]",
                   "Tells what this machine is and what it can do: processor, threads, memory, LibTorch, plugins, and the measured\n"
                   "rates of matrix products and memory reads that training speed follows from. What stands in the way of speed is\n"
                   "a warning that says how to fix it. Takes about three seconds; end other work first, or the rates are theirs too.");
  line.flag("json", "one JSON object, with every measured number").flag("quick", "measure for a tenth of the time").repeated("plugin-path", "DIR", "look for plugins there too");
  if (!line.parse(arguments)) return kExitOk;
  const std::vector<std::string> folders = line.texts("plugin-path");
  const std::string told = describe_machine(line.has("quick"), {folders.begin(), folders.end()});
  if (line.has("json")) print(told + "\n");
  else print_machine(parse_json(told, "machine"));
  return kExitOk;
}

}  // namespace slipway
