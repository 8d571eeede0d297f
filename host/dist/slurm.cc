// Slurm's variables: a step's tasks and the machines that they run on.
#include "dist/slurm.h"

#include <charconv>

#include "base/error.h"
#include "base/visible_text.h"

namespace slipway {
namespace {

// Steps that are no srun: an interactive shell, the batch script, what Slurm starts for itself.
constexpr int64_t kFirstSpecialStep = 0xfffffff0;

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t number = 0;
  const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || stop != text.data() + text.size() || number < 0)
    return std::nullopt;
  return number;
}

std::optional<int64_t> tasks_of_step(const Variables& variables) {
  const std::optional<int64_t> step = variables.number("SLURM_STEP_NUM_TASKS", 1);
  return step ? step : variables.number("SLURM_NTASKS", 1);
}

// Below the ports that systems give away themselves, the same on every machine, and another one
// for another step of the job.
int64_t port_of_step(int64_t job, int64_t step) { return 20000 + (job * 131 + step * 7) % 10000; }

std::string store_host_of(const Variables& variables, bool is_local) {
  if (const auto given = variables.text("MASTER_ADDR")) return *given;
  if (is_local) return "127.0.0.1";
  for (const char* name : {"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_NODELIST"})
    if (const auto list = variables.text(name)) return first_host(*list);
  fail(
      "srun's tasks run on several machines, and neither SLURM_STEP_NODELIST nor MASTER_ADDR is "
      "set: set MASTER_ADDR to the machine of task 0");
}

}  // namespace

std::string first_host(std::string_view list) {
  const auto wrong = [&](const char* why) {
    fail(
        "\"{}\" is not a list of machines in Slurm's form ({}): set MASTER_ADDR to the machine of "
        "rank 0",
        visible_line(list), why);
  };
  std::string host;
  size_t at = 0;
  // Every bracket gives its first entry: "rack[1-2]n[05-08]" is rack1n05.
  while (at < list.size() && list[at] != ',') {
    if (list[at] == ']') wrong("a bracket is not open");
    if (list[at] != '[') {
      host += list[at++];
      continue;
    }
    const size_t close = list.find(']', at);
    if (close == std::string_view::npos) wrong("a bracket is not closed");
    const std::string_view inside = list.substr(at + 1, close - at - 1);
    const std::string_view number = inside.substr(0, inside.find_first_of(",-"));
    if (number.empty() || number.find_first_not_of("0123456789") != std::string_view::npos)
      wrong("what is in brackets is not a number");
    host += number;
    at = close + 1;
  }
  if (host.empty()) wrong("it names no machine");
  return host;
}

std::optional<int64_t> tasks_on_node(std::string_view counts, int64_t node) {
  for (int64_t first = 0; !counts.empty();) {
    const size_t comma = std::min(counts.find(','), counts.size());
    std::string_view entry = counts.substr(0, comma);
    counts.remove_prefix(std::min(comma + 1, counts.size()));
    int64_t nodes = 1;
    if (const size_t times = entry.find("(x"); times != std::string_view::npos) {
      if (entry.back() != ')') return std::nullopt;
      const auto repeated = whole_number(entry.substr(times + 2, entry.size() - times - 3));
      if (!repeated) return std::nullopt;
      nodes = *repeated;
      entry = entry.substr(0, times);
    }
    const auto tasks = whole_number(entry);
    if (!tasks) return std::nullopt;
    if (node < first + nodes) return tasks;
    first += nodes;
  }
  return std::nullopt;
}

bool is_slurm_task(const Variables& variables) {
  const std::optional<int64_t> step = variables.number("SLURM_STEP_ID");
  if (!step || *step >= kFirstSpecialStep || !variables.has("SLURM_PROCID")) return false;
  if (variables.has("SLURM_PTY_PORT")) return false;
  return tasks_of_step(variables).value_or(1) > 1;
}

Place slurm_place(const Variables& variables) {
  Place place;
  place.launcher = Launcher::kSlurm;
  place.rank = variables.number_or("SLURM_PROCID", 0);
  place.world = tasks_of_step(variables).value_or(1);
  if (place.rank >= place.world)
    fail(
        "SLURM_PROCID={} and SLURM_STEP_NUM_TASKS={} contradict each other: a task's number is "
        "below the number of tasks. Start the run by srun, or unset SLURM_STEP_ID to train alone",
        place.rank, place.world);
  place.local_rank = variables.number_or("SLURM_LOCALID", 0);
  place.node_rank = variables.number_or("SLURM_NODEID", 0);
  int64_t nodes = variables.number_or("SLURM_STEP_NUM_NODES", 0);
  if (nodes == 0) nodes = variables.number_or("SLURM_NNODES", 1);
  place.local_world = nodes == 1 ? place.world : 1;
  for (const char* name : {"SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE"})
    if (const auto counts = variables.text(name); counts && nodes > 1)
      if (const auto tasks = tasks_on_node(*counts, place.node_rank)) {
        place.local_world = *tasks;
        break;
      }
  if (place.local_rank >= place.local_world)
    place.local_world = std::min(place.local_rank + 1, place.world);
  const int64_t job = variables.number_or("SLURM_JOB_ID", 0);
  const int64_t step = variables.number_or("SLURM_STEP_ID", 0);
  place.store_host = store_host_of(variables, place.is_local());
  const std::optional<int64_t> port = variables.port("MASTER_PORT");
  place.store_port = port ? *port : port_of_step(job, step);
  place.restart_count = variables.number_or("SLURM_RESTART_COUNT", 0);
  place.run_id = fmt::format("{}.{}", job, step);
  return place;
}

}  // namespace slipway
