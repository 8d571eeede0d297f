// slipway plugin: what is there, and what one offers.
#include <cstdio>

#include "app/command_line.h"
#include "app/commands.h"
#include "base/files.h"
#include "base/json.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

std::vector<fs::path> folders_of(const CommandLine& line) {
  std::vector<fs::path> out;
  for (const std::string& folder : line.texts("plugin-path")) out.emplace_back(folder);
  return out;
}

std::string text(const Json& value) { return value.is_string() ? value.get<std::string>() : ""; }

int list(const Arguments& arguments) {
  CommandLine line("slipway plugin list [--json] [--plugin-path DIR]", "Lists the plugins beside the program and in the folders given.");
  line.flag("json", "as JSON").repeated("plugin-path", "DIR", "look there too");
  if (!line.parse(arguments)) return kExitOk;
  const std::string told = describe_plugins(folders_of(line));
  if (line.has("json")) {
    std::printf("%s\n", told.c_str());
    return kExitOk;
  }
  const Json all = parse_json(told, "plugins");
  for (const Json& p : all["plugins"])
    std::printf("%-9s %-38s %-7s %s\n", text(p["kinds"]).c_str(), text(p["id"]).c_str(), text(p["version"]).c_str(), text(p["description"]).c_str());
  for (const Json& r : all["rejected"]) std::printf("rejected  %s: %s\n", text(r["file"]).c_str(), text(r["reason"]).c_str());
  if (all["plugins"].empty()) std::puts("no plugins found; give --plugin-path DIR");
  return kExitOk;
}

int info(const Arguments& arguments) {
  CommandLine line("slipway plugin info ID [--json] [--plugin-path DIR]", "Shows a plugin: what it is, what it offers, its options.");
  line.positional("ID", "full id or last part of it").flag("json", "as JSON").repeated("plugin-path", "DIR", "look there too");
  if (!line.parse(arguments)) return kExitOk;
  const std::string told = describe_plugin(line.text("ID"), folders_of(line));
  if (line.has("json")) {
    std::printf("%s\n", told.c_str());
    return kExitOk;
  }
  const Json d = parse_json(told, "plugin");
  std::printf("%s %s (%s)\n%s\n\nlicense     %s\nfile        %s\ninterfaces ", text(d["id"]).c_str(), text(d["version"]).c_str(), text(d["kinds"]).c_str(),
              text(d["description"]).c_str(), text(d["license"]).c_str(), text(d["file"]).c_str());
  for (const Json& i : d["interfaces"]) std::printf(" %s", text(i).c_str());
  std::puts(d["options"].empty() ? "\nno options" : "\n\noptions");
  for (const Json& o : d["options"]) {
    std::string range;
    if (o["minimum"].is_string()) range += ", at least " + text(o["minimum"]);
    if (o["maximum"].is_string()) range += ", at most " + text(o["maximum"]);
    for (const Json& choice : o["choices"]) range += (range.empty() || range.back() == ',' ? " " : " | ") + text(choice);
    std::printf("  %s (%s%s%s)\n      %s\n", text(o["name"]).c_str(), text(o["type"]).c_str(),
                o["default"].is_string() ? (", default " + text(o["default"])).c_str() : ", required", range.c_str(), text(o["help"]).c_str());
  }
  return kExitOk;
}

}  // namespace

int plugin_command(const Arguments& arguments) {
  const std::string usage = "usage: slipway plugin list | slipway plugin info ID";
  if (!arguments.empty() && arguments[0] == "list") return list({arguments.begin() + 1, arguments.end()});
  if (!arguments.empty() && arguments[0] == "info") return info({arguments.begin() + 1, arguments.end()});
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h")) {
    std::printf("%s\n\n  list       every plugin found, and files that were refused with the reason\n  info ID    options, interfaces, file\n(--json for programs, --plugin-path DIR for more folders)\n", usage.c_str());
    return kExitOk;
  }
  throw UsageError(usage);
}

}  // namespace slipway
