// Parsing with Boost.Program_options.
#include "app/command_line.h"

#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cmath>

#include "app/standard_output.h"
#include "base/nearest.h"
#include "base/text_width.h"
#include "config/other_names.h"
#include "config/schema.h"

namespace slipway {

namespace po = boost::program_options;

// An option or argument, for the help.
struct Explained {
  std::string name, help;
};

namespace {

// Two columns, the second wrapped.
std::string explained(const std::vector<Explained>& entries, size_t columns) {
  constexpr size_t kNames = 26;
  std::string out;
  for (const auto& [name, help] : entries) {
    out += fmt::format("  {:<{}}", name, kNames - 2);
    out += (name.size() + 3 > kNames ? "\n" + std::string(kNames, ' ') : "") +
           wrapped(help, kNames, columns) + "\n";
  }
  return out;
}

// What an unknown option stands for: another option, or, where --set is one, a key of the run file.
std::string meant(const std::string& given, const std::vector<std::string>& names) {
  const std::string key = given.substr(std::min(given.find_first_not_of('-'), given.size()));
  if (std::ranges::find(names, "--set") == names.end()) return did_you_mean(given, names);
  if (key == "config" || key == "config_file" || key == "file")
    return "; the run file stands there without an option";
  if (is_key(key) || !whole_name(key).empty() || nearest(given, names).empty())
    if (const std::string whole = likely_key(key); !whole.empty())
      return fmt::format(", did you mean --set {}=VALUE?", whole);
  return did_you_mean(given, names);
}

// Where parse() writes what its command takes, instead of parsing.
thread_local CommandShape* shape_wanted = nullptr;

}  // namespace

CommandShape shape_of(const std::function<void()>& run) {
  struct Wanted {
    explicit Wanted(CommandShape* shape) { shape_wanted = shape; }
    ~Wanted() { shape_wanted = nullptr; }
  };
  CommandShape out;
  const Wanted wanted(&out);
  run();
  return out;
}

struct CommandLine::Parts {
  std::string usage, about;
  std::vector<Explained> positionals, options{{"-h, --help", "show this text"}};
  CommandShape shape{{}, {{"--help", "", "show this text"}}};
  std::vector<std::string> names, required;
  // options that may do without a value, and what it is then
  std::vector<std::pair<std::string, std::string>> implied;
  po::options_description visible, hidden;
  po::positional_options_description positional;
  po::variables_map values;
};

CommandLine::CommandLine(std::string usage, std::string about) : parts_(std::make_unique<Parts>()) {
  parts_->usage = std::move(usage);
  parts_->about = std::move(about);
  parts_->visible.add_options()("help,h", "Show this text.");
  parts_->names.emplace_back("--help");
}

CommandLine::~CommandLine() = default;

CommandLine& CommandLine::positional(const std::string& name, const std::string& help,
                                     bool required) {
  parts_->hidden.add_options()(name.c_str(), po::value<std::string>(), help.c_str());
  parts_->positional.add(name.c_str(), 1);
  parts_->positionals.push_back({name, help});
  parts_->shape.positionals.push_back({name, "", help});
  if (required) parts_->required.push_back(name);
  return *this;
}

CommandLine& CommandLine::rest(const std::string& name, const std::string& help, bool required) {
  parts_->hidden.add_options()(name.c_str(), po::value<std::vector<std::string>>(), help.c_str());
  parts_->positional.add(name.c_str(), -1);
  parts_->positionals.push_back({name, help});
  parts_->shape.positionals.push_back({name, "", help});
  if (required) parts_->required.push_back(name);
  return *this;
}

CommandLine& CommandLine::flag(const std::string& name, const std::string& help) {
  parts_->visible.add_options()(name.c_str(), help.c_str());
  parts_->names.push_back("--" + name);
  parts_->options.push_back({"--" + name, help});
  parts_->shape.options.push_back({"--" + name, "", help});
  return *this;
}

CommandLine& CommandLine::option(const std::string& name, const std::string& value,
                                 const std::string& help, const std::string& fallback,
                                 const std::optional<std::string>& implicit) {
  auto* semantic = po::value<std::string>()->value_name(value);
  if (!fallback.empty()) semantic->default_value(fallback);
  if (implicit) {
    semantic->implicit_value(*implicit, "");
    parts_->implied.emplace_back(name, *implicit);
  }
  parts_->visible.add_options()(name.c_str(), semantic, help.c_str());
  parts_->names.push_back("--" + name);
  parts_->shape.options.push_back({"--" + name, value, help});
  parts_->options.push_back(
      {"--" + name + (implicit ? " [" + value + "]" : " " + value),
       fallback.empty() ? help : fmt::format("{} (default {})", help, fallback)});
  return *this;
}

CommandLine& CommandLine::repeated(const std::string& name, const std::string& value,
                                   const std::string& help) {
  parts_->visible.add_options()(
      name.c_str(), po::value<std::vector<std::string>>()->value_name(value), help.c_str());
  parts_->names.push_back("--" + name);
  parts_->shape.options.push_back({"--" + name, value, help});
  parts_->options.push_back({fmt::format("--{} {}", name, value), help});
  return *this;
}

size_t CommandLine::options_among(const std::vector<std::string>& arguments) const {
  const auto takes_next = [&](const std::string& given) {
    return std::ranges::any_of(parts_->shape.options, [&](const TakenArgument& option) {
      return option.name == given && !option.value.empty();
    });
  };
  size_t at = 0;
  while (at < arguments.size() && arguments[at].starts_with('-') && arguments[at] != "--")
    at += takes_next(arguments[at]) ? 2 : 1;
  return std::min(at, arguments.size());
}

bool CommandLine::parse(const std::vector<std::string>& arguments) {
  Parts& p = *parts_;
  if (shape_wanted != nullptr) {
    *shape_wanted = p.shape;
    return false;
  }
  po::options_description all;
  all.add(p.visible).add(p.hidden);
  try {
    using namespace po::command_line_style;
    po::store(po::command_line_parser(arguments)
                  .options(all)
                  .positional(p.positional)
                  .style(allow_long | allow_short | allow_dash_for_short | long_allow_adjacent |
                         long_allow_next | short_allow_next)
                  .run(),
              p.values);
  } catch (const po::unknown_option& e) {
    throw UsageError(fmt::format("unknown option \"{}\"{}\nusage: {}", e.get_option_name(),
                                 meant(e.get_option_name(), p.names), p.usage));
  } catch (const po::too_many_positional_options_error&) {
    throw UsageError(fmt::format("too many arguments\nusage: {}", p.usage));
  } catch (const po::error& e) {
    throw UsageError(fmt::format("{}\nusage: {}", e.what(), p.usage));
  }
  if (p.values.count("help") != 0) {
    const size_t columns = columns_of(STDOUT_FILENO);
    std::string text = "usage: " + p.usage + "\n\n" + wrapped(p.about, 0, columns) + "\n\n";
    if (!p.positionals.empty()) text += explained(p.positionals, columns) + "\n";
    print(text + "options:\n" + explained(p.options, columns));
    return false;
  }
  for (const std::string& name : p.required) require(name);
  return true;
}

void CommandLine::require(const std::string& name) const {
  if (has(name)) return;
  std::string taken;
  for (const auto& [option, meaning] : parts_->implied)
    if (has(option) && text(option) != meaning)
      taken += fmt::format(" (\"{}\" was taken as the value of --{})", text(option), option);
  throw UsageError(fmt::format("{} is missing{}\nusage: {}", name, taken, parts_->usage));
}

bool CommandLine::has(const std::string& name) const { return parts_->values.count(name) != 0; }

std::string CommandLine::text(const std::string& name) const {
  return has(name) ? parts_->values[name].as<std::string>() : "";
}

std::vector<std::string> CommandLine::texts(const std::string& name) const {
  return has(name) ? parts_->values[name].as<std::vector<std::string>>()
                   : std::vector<std::string>{};
}

int64_t CommandLine::integer(const std::string& name) const {
  const std::string given = text(name);
  int64_t value = 0;
  const auto [end, ec] = std::from_chars(given.data(), given.data() + given.size(), value);
  if (ec != std::errc() || end != given.data() + given.size())
    throw UsageError(fmt::format("--{} is \"{}\", a whole number is needed", name, given));
  return value;
}

double CommandLine::number(const std::string& name) const {
  const std::string given = text(name);
  double value = 0;
  const auto [end, ec] = std::from_chars(given.data(), given.data() + given.size(), value);
  if (ec != std::errc() || end != given.data() + given.size() || !std::isfinite(value))
    throw UsageError(fmt::format("--{} is \"{}\", a number is needed", name, given));
  return value;
}

}  // namespace slipway
