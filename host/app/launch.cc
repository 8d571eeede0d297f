// slipway launch: a command, once for each device.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "app/command_line.h"
#include "app/commands.h"
#include "base/error.h"
#include "base/nearest.h"
#include "launch/rank_environment.h"
#include "launch/supervision.h"

namespace slipway {
namespace {

// Commands whose processes know of each other.
const std::vector<std::string> kTogether = {"train", "evaluate", "predict", "doctor"};

int64_t whole(const CommandLine& line, const std::string& name, int64_t least, int64_t most) {
  const int64_t out = line.integer(name);
  if (out < least || out > most)
    throw UsageError(
        fmt::format("--{} is {}: a number from {} to {} is needed", name, out, least, most));
  return out;
}

// The place where the ranks of several nodes meet.
void set_meeting_place(LaunchPlan& plan, const CommandLine& line) {
  constexpr int64_t kTorchrunsPort = 29500;
  if (line.has("rdzv-endpoint")) {
    if (line.has("master-addr") || line.has("port"))
      throw UsageError("--rdzv-endpoint says what --master-addr and --port say: give one of both");
    const std::string place = line.text("rdzv-endpoint");
    const size_t colon = place.rfind(':');
    plan.master_addr = place.substr(0, colon);
    if (plan.master_addr.starts_with('[') && plan.master_addr.ends_with(']'))
      plan.master_addr = plan.master_addr.substr(1, plan.master_addr.size() - 2);
    const char *first = place.data() + std::min(colon, place.size() - 1) + 1,
               *last = place.data() + place.size();
    const auto [end, ec] = std::from_chars(first, last, plan.port);
    if (colon == std::string::npos || colon == 0 || ec != std::errc() || end != last ||
        plan.port < 1 || plan.port > 65535)
      throw UsageError(
          fmt::format("--rdzv-endpoint is \"{}\": HOST:PORT is needed, like host0:29500", place));
    return;
  }
  if (line.has("master-addr")) plan.master_addr = line.text("master-addr");
  if (line.has("port")) plan.port = whole(line, "port", 1, 65535);
  else if (plan.nodes > 1) plan.port = kTorchrunsPort;
}

void set_nodes(LaunchPlan& plan, const CommandLine& line) {
  plan.run_id = random_hex(8);
  plan.nodes = whole(line, "nnodes", 1, 100'000);
  if (line.has("node-rank")) plan.node = whole(line, "node-rank", 0, plan.nodes - 1);
  set_meeting_place(plan, line);
  if (plan.nodes == 1) return;
  if (!line.has("node-rank"))
    throw UsageError(fmt::format("--nnodes {}: say which of them this one is: --node-rank 0 to {}",
                                 plan.nodes, plan.nodes - 1));
  if (!line.has("master-addr") && !line.has("rdzv-endpoint"))
    throw UsageError(
        fmt::format("--nnodes {}: say where node 0 is: --master-addr HOST, the same on every node",
                    plan.nodes));
  if (plan.restarts > 0)
    throw UsageError(
        "--max-restarts is for one node: after a failure several nodes must agree on who is there, "
        "which torchrun does (docs/launch.md); or start the launches again by hand, with --resume");
  const char* token = std::getenv(kRunToken);
  if (token == nullptr || std::string_view(token).size() < 16)
    throw UsageError(fmt::format(
        "{} is {}: it keeps strangers out of the group, and must be one secret on all nodes; once: "
        "openssl rand -hex 32, then on every node: export {}=...",
        kRunToken, token == nullptr ? "not set" : "shorter than 16 characters", kRunToken));
  plan.token = token;
  plan.run_id = sha256(plan.token).substr(0, 16);
}

int64_t ranks_here(const CommandLine& line) {
  if (line.has("nproc")) return whole(line, "nproc", 1, 1024);
  return std::max<int64_t>(1, cuda_devices("/dev", std::getenv("CUDA_VISIBLE_DEVICES")));
}

bool can_be_run(const fs::path& program) {
  std::error_code ec;
  return fs::is_regular_file(program, ec) && ::access(program.c_str(), X_OK) == 0;
}

void require_program(const std::string& name) {
  bool found = can_be_run(name) && name.find('/') != std::string::npos;
  if (name.find('/') == std::string::npos) {
    const char* path = std::getenv("PATH");
    std::string_view rest(path == nullptr ? "/bin:/usr/bin" : path);
    while (!found && !rest.empty()) {
      const size_t colon = std::min(rest.find(':'), rest.size());
      found = can_be_run(fs::path(rest.substr(0, colon)) / name);
      rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
  }
  if (!found)
    throw UsageError(fmt::format("-- {}: no such program{}", name,
                                 name.find('/') == std::string::npos ? " in PATH" : ""));
}

// The program that each rank runs, and its arguments.
std::vector<std::string> command_of(const Arguments& given) {
  constexpr const char* kHow =
      "slipway launch train FILE, or, for another program, slipway launch -- PROGRAM";
  if (given.empty() || (given[0] == "--" && given.size() == 1))
    throw UsageError(fmt::format("nothing to launch is named: {}", kHow));
  if (given[0] == "--") {
    require_program(given[1]);
    return {given.begin() + 1, given.end()};
  }
  if (given[0] == "launch") throw UsageError("a launch does not launch launches: name it once");
  if (std::ranges::find(kTogether, given[0]) == kTogether.end())
    throw UsageError(fmt::format("\"{}\" is nothing that several processes do together{}; {}",
                                 given[0], did_you_mean(given[0], kTogether), kHow));
  std::error_code ec;
  std::vector<std::string> out{fs::read_symlink("/proc/self/exe", ec).parent_path() / "slipway"};
  out.insert(out.end(), given.begin(), given.end());
  return out;
}

}  // namespace

int launch_command(const Arguments& arguments) {
  CommandLine line(
      "slipway launch [options] train|evaluate|predict FILE ...\n"
      "       slipway launch [options] -- PROGRAM ...",
      "Starts a command several times, as the ranks of one group, and watches over them: a rank "
      "that "
      "fails ends all of them, and says why. On one machine, with a process for each GPU or as "
      "many "
      "as are asked for; all after the command is the command's:\n\n"
      "  slipway launch train run.toml\n"
      "  slipway launch --nproc 4 train run.toml --set train.max_steps=100\n"
      "  slipway launch --max-restarts 3 train run.toml\n"
      "  slipway launch --nproc 2 -- env\n\n"
      "On two machines, started by hand, with one SLIPWAY_RUN_TOKEN on both; on the second "
      "--node-rank is 1:\n\n"
      "  slipway launch --nnodes 2 --node-rank 0 --master-addr host0 train run.toml\n\n"
      "Lines of rank 1 begin with [1]. On a terminal rank 0 keeps the terminal, and its bar. "
      "Ctrl-C "
      "and SIGTERM stop all ranks after saving; a second Ctrl-C kills them. The exit code is that "
      "of the rank that failed first. docs/launch.md has torchrun, srun, mpirun, Kubernetes and "
      "SageMaker.");
  line.positional("train|evaluate|predict|doctor", "what each rank runs, and its arguments", false)
      .option("nproc", "N", "processes on this machine (default: one for each CUDA device, or one)")
      .option("max-restarts", "R",
              "so often all ranks are started again when one failed; train resumes what the run "
              "saved before",
              "0")
      .option("grace", "SECONDS",
              "between asking the ranks to end and killing them; writing a checkpoint must fit in",
              "30")
      .option("log-dir", "DIR", "keep what rank K prints in DIR/rank-K.out and DIR/rank-K.err, too")
      .option("port", "P", "where rank 0 listens (default: a free port; of several nodes 29500)")
      .option("nnodes", "N", "machines, with as many processes on each", "1")
      .option("node-rank", "K", "which of the machines this one is; 0 has rank 0")
      .option("master-addr", "HOST", "the machine of rank 0, as every machine reaches it")
      .option("rdzv-endpoint", "HOST:PORT", "--master-addr and --port as torchrun writes them");
  const auto command = arguments.begin() + static_cast<ptrdiff_t>(line.options_among(arguments));
  if (!line.parse({arguments.begin(), command})) return kExitOk;
  LaunchPlan plan;
  plan.command = command_of({command, arguments.end()});
  plan.ends_together = *command != "--";
  plan.ranks = ranks_here(line);
  plan.restarts = whole(line, "max-restarts", 0, 1'000'000);
  plan.grace = line.number("grace");
  if (plan.grace < 0 || plan.grace > 1e6)
    throw UsageError(fmt::format("--grace is {:g}: seconds from 0 on are needed", plan.grace));
  plan.log_dir = line.text("log-dir");
  set_nodes(plan, line);
  if (const std::string reason = started_already(line.has("node-rank")); !reason.empty())
    throw UsageError(reason);
  return run_ranks(plan);
}

}  // namespace slipway
