// Slurm's variables: a step's tasks and the machines that they run on.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "dist/variables.h"

namespace slipway {

// The first machine of a list in Slurm's form: "gpu[01-03,07],b1" is gpu01. Throws Error where the
// text has another form.
std::string first_host(std::string_view list);

// The tasks on node `node` by Slurm's count: "2(x3),1" has 2 on nodes 0 to 2 and 1 on node 3.
// Nothing where the text has another form or no such node.
std::optional<int64_t> tasks_on_node(std::string_view counts, int64_t node);

// Whether srun started this process as one task of several. A shell that salloc or `srun --pty`
// opened, and the script of sbatch, are not: Slurm sets its variables there too.
bool is_slurm_task(const Variables& variables);

// The place of a task of srun. Throws Error where the variables contradict each other.
Place slurm_place(const Variables& variables);

}  // namespace slipway
