// slipway doctor: what the machine is and can do, on one page.
#include "app/command_line.h"
#include "app/commands.h"
#include "app/machine_text.h"
#include "app/ranks_text.h"
#include "app/standard_output.h"
#include "base/json.h"
#include "slipway/slipway.hpp"

namespace slipway {

int doctor_command(const Arguments& arguments) {
  CommandLine line("slipway doctor [--dist] [--json] [--quick] [--plugin-path DIR]",
                   "Tells what this machine is and what it can do: processor, threads, memory, "
                   "LibTorch, plugins, and the measured rates of matrix products and memory reads "
                   "that training speed follows from; of a GPU the same. What stands in the way of "
                   "speed is a warning that says how to fix it.\n\n"
                   "It is the first thing to run where training is slower than expected, and what "
                   "to send with a question about speed. It takes about three seconds; end other "
                   "work first, or the rates are theirs too.\n\n"
                   "With --dist it tells what the ranks that were started together can do: how long "
                   "they take to exchange numbers and gradients. Start it as a training would be: "
                   "slipway launch --nproc 2 doctor --dist.");
  line.flag("json", "one JSON object, with every measured number")
      .flag("quick", "measure for a tenth of the time")
      .repeated("plugin-path", "DIR", "look for plugins there too");
  line.flag("dist", "measure the exchanges of the ranks that were started together");
  if (!line.parse(arguments)) return kExitOk;
  if (line.has("dist")) {
    const std::string told = describe_ranks(line.has("quick"));
    if (told.empty()) return kExitOk;  // the first rank tells
    if (line.has("json")) print(told + "\n");
    else print(ranks_text(parse_json(told, "ranks")));
    return kExitOk;
  }
  const std::vector<std::string> folders = line.texts("plugin-path");
  const std::string told = describe_machine(line.has("quick"), {folders.begin(), folders.end()});
  if (line.has("json")) print(told + "\n");
  else print(machine_text(parse_json(told, "machine")));
  return kExitOk;
}

}  // namespace slipway
