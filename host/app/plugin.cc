// slipway plugin: what is there, and what one offers.
#include <unistd.h>

#include <algorithm>

#include "app/command_line.h"
#include "app/commands.h"
#include "app/standard_output.h"
#include "base/files.h"
#include "base/json.h"
#include "base/text_width.h"
#include "base/visible_text.h"
#include "config/value.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

std::vector<fs::path> folders_of(const CommandLine& line) {
  std::vector<fs::path> out;
  for (const std::string& folder : line.texts("plugin-path")) out.emplace_back(folder);
  return out;
}

std::string text(const Json& value) { return value.is_string() ? value.get<std::string>() : ""; }

// What `use` takes: the last part of the id, of those that are not bundled the whole one.
std::string name_of(const Json& plugin) {
  const std::string id = text(plugin["id"]);
  return id.starts_with("org.slipway.") ? id.substr(id.rfind('.') + 1) : id;
}

// An option's type as `slipway config help` has it.
std::string type_of(const Json& option) {
  constexpr std::pair<const char*, Value::Kind> kKinds[] = {
      {"bool", Value::Kind::kBool},   {"int", Value::Kind::kInt},
      {"float", Value::Kind::kFloat}, {"string", Value::Kind::kString},
      {"array", Value::Kind::kArray}, {"table", Value::Kind::kTable}};
  const std::string type = text(option["type"]);
  for (const auto& [name, kind] : kKinds)
    if (type == name) return std::string(kind_name(kind));
  return type;
}

int list(const Arguments& arguments) {
  CommandLine line("slipway plugin list [--json] [--plugin-path DIR]",
                   "Lists the plugins beside the program and in the folders given.");
  line.flag("json", "as JSON").repeated("plugin-path", "DIR", "look there too");
  if (!line.parse(arguments)) return kExitOk;
  const std::string told = describe_plugins(folders_of(line));
  if (line.has("json")) {
    print(told + "\n");
    return kExitOk;
  }
  const Json all = parse_json(told, "plugins");
  std::vector<Json> plugins = all["plugins"];
  std::ranges::stable_sort(plugins, {}, [](const Json& p) { return text(p["kinds"]); });
  const size_t columns = columns_of(STDOUT_FILENO);
  for (const Json& p : plugins) {
    const std::string head = visible_line(
        fmt::format("{:<9} {:<15} {:<6}  ", text(p["kinds"]), name_of(p), text(p["version"])));
    print(head + wrapped(visible_line(text(p["description"])), head.size(), columns) + "\n");
  }
  for (const Json& r : all["rejected"])
    print(visible_line(fmt::format("rejected  {}: {}", text(r["file"]), text(r["reason"]))) + "\n");
  if (all["plugins"].empty()) print("no plugins found; give --plugin-path DIR\n");
  return kExitOk;
}

int info(const Arguments& arguments) {
  CommandLine line("slipway plugin info ID [--json] [--plugin-path DIR]",
                   "Shows a plugin: what it is, what it offers, its options.");
  line.positional("ID", "full id or last part of it")
      .flag("json", "as JSON")
      .repeated("plugin-path", "DIR", "look there too");
  if (!line.parse(arguments)) return kExitOk;
  const std::string told = describe_plugin(line.text("ID"), folders_of(line));
  if (line.has("json")) {
    print(told + "\n");
    return kExitOk;
  }
  const Json d = parse_json(told, "plugin");
  const size_t columns = columns_of(STDOUT_FILENO);
  std::string out =
      fmt::format("{} {} ({})\n{}\n\nlicense     {}\nfile        {}\ninterfaces ", text(d["id"]),
                  text(d["version"]), text(d["kinds"]), wrapped(text(d["description"]), 0, columns),
                  text(d["license"]), text(d["file"]));
  for (const Json& i : d["interfaces"]) out += " " + text(i);
  out += d["options"].empty() ? "\nno options\n" : "\n\noptions\n";
  for (const Json& o : d["options"]) {
    std::string range;
    if (o["minimum"].is_string()) range += ", at least " + text(o["minimum"]);
    if (o["maximum"].is_string()) range += ", at most " + text(o["maximum"]);
    std::string choices;
    for (const Json& choice : o["choices"])
      choices += (choices.empty() ? ": " : " | ") + text(choice);
    const std::string head =
        fmt::format("{} ({}{}{}{})", text(o["name"]), type_of(o),
                    o["default"].is_string() ? ", default " + text(o["default"]) : ", required",
                    range, choices);
    out += fmt::format("  {}\n      {}\n", wrapped(head, 6, columns),
                       wrapped(text(o["help"]), 6, columns));
  }
  print(visible_text(out));
  return kExitOk;
}

}  // namespace

int plugin_command(const Arguments& arguments) {
  const std::string usage = "usage: slipway plugin list | slipway plugin info ID";
  if (!arguments.empty() && arguments[0] == "list")
    return list({arguments.begin() + 1, arguments.end()});
  if (!arguments.empty() && arguments[0] == "info")
    return info({arguments.begin() + 1, arguments.end()});
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h")) {
    print(usage +
          "\n\n  list       every plugin found, and files that were refused with the reason\n  "
          "info ID    options, interfaces, file\n"
          "(--json for programs, --plugin-path DIR for more folders)\n");
    return kExitOk;
  }
  throw UsageError(usage);
}

}  // namespace slipway
