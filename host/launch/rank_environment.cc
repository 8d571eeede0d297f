// Variables.
#include "launch/rank_environment.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/usable_cores.h"

namespace slipway {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// `name` of the form "KEY": whether "KEY=..." is it.
bool is_variable(std::string_view entry, std::string_view name) {
  return entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name);
}

std::string several_tasks(const char* what, const std::string& tasks, const char* starter) {
  return fmt::format(
      "{} = {}: {} has started {} processes, and each would start a group of its own; let it start "
      "`slipway train` itself, once for each device, or one launch on each node, with --nnodes and "
      "--node-rank",
      what, tasks, starter, tasks);
}

}  // namespace

fs::path error_file(const fs::path& folder, const Life& life, int64_t local) {
  return folder / fmt::format("error-{}-{}.json", life.number, local);
}

std::vector<std::string> rank_environment(const LaunchPlan& plan, const Life& life, int64_t local,
                                          const fs::path& folder) {
  const auto number = [](int64_t value) { return std::to_string(value); };
  const std::string rank = number(plan.rank_of(local)), world = number(plan.world());
  std::vector<std::pair<std::string, std::string>> own = {
      {"RANK", rank},
      {"LOCAL_RANK", number(local)},
      {"GROUP_RANK", number(plan.node)},
      {"ROLE_RANK", rank},
      {"WORLD_SIZE", world},
      {"LOCAL_WORLD_SIZE", number(plan.ranks)},
      {"GROUP_WORLD_SIZE", number(plan.nodes)},
      {"ROLE_WORLD_SIZE", world},
      {"ROLE_NAME", "default"},
      {"MASTER_ADDR", plan.master_addr},
      {"MASTER_PORT", number(life.port)},
      {"TORCHELASTIC_RESTART_COUNT", number(life.number)},
      {"TORCHELASTIC_MAX_RESTARTS", number(plan.restarts)},
      {"TORCHELASTIC_RUN_ID", plan.run_id},
      {"TORCHELASTIC_ERROR_FILE", error_file(folder, life, local).string()},
      {kRunToken, life.token},
      {kBegunFile, (folder / "begun").string()},
  };
  if (variable("OMP_NUM_THREADS").empty())
    own.emplace_back("OMP_NUM_THREADS", number(std::max<int64_t>(1, usable_cores() / plan.ranks)));
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry)
    // an agent's store is none of ours
    if (!is_variable(*entry, "TORCHELASTIC_USE_AGENT_STORE") &&
        std::ranges::none_of(own,
                             [&](const auto& each) { return is_variable(*entry, each.first); }))
      out.emplace_back(*entry);
  for (const auto& [name, value] : own) out.push_back(fmt::format("{}={}", name, value));
  return out;
}

std::string started_already(bool nodes_given) {
  if (const std::string local = variable("LOCAL_RANK"); !local.empty())
    return fmt::format(
        "LOCAL_RANK = {}: this process is a rank of a group already, of torchrun or of another "
        "launch; run `slipway train` here",
        local);
  if (nodes_given) return "";
  if (const std::string rank = variable("RANK"); !rank.empty())
    return fmt::format(
        "RANK = {} and WORLD_SIZE = {}: this process has its place in a group already; run "
        "`slipway "
        "train` here, or, where that is the number of this node, say --nnodes {} --node-rank {}",
        rank, variable("WORLD_SIZE"), variable("WORLD_SIZE"), rank);
  // A batch script has SLURM_PROCID = 0, too, and is one process, as a shell of srun --pty is.
  const std::string tasks = variable("SLURM_STEP_NUM_TASKS"), place = variable("SLURM_PROCID");
  const bool is_shell = !variable("SLURM_PTY_PORT").empty();
  if (!place.empty() && !is_shell && !tasks.empty() && tasks != "1")
    return several_tasks("SLURM_STEP_NUM_TASKS", tasks, "srun");
  if (!place.empty() && place != "0")
    return several_tasks("SLURM_NTASKS", variable("SLURM_NTASKS"), "srun");
  if (const std::string size = variable("OMPI_COMM_WORLD_SIZE"); !size.empty() && size != "1")
    return several_tasks("OMPI_COMM_WORLD_SIZE", size, "mpirun");
  return "";
}

}  // namespace slipway
