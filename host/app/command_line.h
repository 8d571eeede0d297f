// A command's arguments, parsed and explained. Boost.Program_options stays behind this header.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace slipway {

// The command line is wrong; main() prints the text and ends with kExitUsage.
struct UsageError : Error {
  using Error::Error;
};

// What a command takes after its name.
struct TakenArgument {
  std::string name;   // "--set", or "FILE" of a positional one
  std::string value;  // what follows an option: "KEY=VALUE"; "" = nothing does
  std::string help;
};
struct CommandShape {
  std::vector<TakenArgument> positionals, options;
};

// What the command that `run` runs takes. While it runs, parse() of its command line returns false
// at once.
CommandShape shape_of(const std::function<void()>& run);

class CommandLine {
 public:
  // `usage`: "slipway train FILE [options]"; `about`: what the command does, printed by --help.
  CommandLine(std::string usage, std::string about);
  ~CommandLine();

  CommandLine& positional(const std::string& name, const std::string& help, bool required = true);
  // As many as there are, or with `required` one at least, all that come after the others:
  // texts(name).
  CommandLine& rest(const std::string& name, const std::string& help, bool required = false);
  CommandLine& flag(const std::string& name, const std::string& help);
  // `fallback` as text; "" = absent unless given. `implicit`: what the option means without
  // "=VALUE".
  CommandLine& option(const std::string& name, const std::string& value, const std::string& help,
                      const std::string& fallback = "",
                      const std::optional<std::string>& implicit = std::nullopt);
  CommandLine& repeated(const std::string& name, const std::string& value, const std::string& help);

  // How many of the arguments come before the first that is neither an option nor an option's
  // value: where what follows belongs to another command.
  size_t options_among(const std::vector<std::string>& arguments) const;
  // False after printing help (-h, --help). Throws UsageError naming the option and the nearest
  // known one.
  bool parse(const std::vector<std::string>& arguments);

  // For a positional argument that only some uses of the command need. Throws UsageError when it is
  // missing.
  void require(const std::string& name) const;

  bool has(const std::string& name) const;
  std::string text(const std::string& name) const;
  std::vector<std::string> texts(const std::string& name) const;
  int64_t integer(const std::string& name) const;  // throws UsageError
  double number(const std::string& name) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace slipway
