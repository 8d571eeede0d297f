// Parsing with Boost.Program_options.
#include "app/command_line.h"

#include <boost/program_options.hpp>
#include <charconv>
#include <cmath>
#include <sstream>

#include "app/standard_output.h"
#include "base/nearest.h"

namespace slipway {

namespace po = boost::program_options;

struct CommandLine::Parts {
  std::string usage, about, positional_help;
  std::vector<std::string> names, required;
  std::vector<std::pair<std::string, std::string>> implied;  // options that may do without a value, and what it is then
  po::options_description visible{"Options"}, hidden;
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

CommandLine& CommandLine::positional(const std::string& name, const std::string& help, bool required) {
  parts_->hidden.add_options()(name.c_str(), po::value<std::string>(), help.c_str());
  parts_->positional.add(name.c_str(), 1);
  parts_->positional_help += fmt::format("  {:<24}{}\n", name, help);
  if (required) parts_->required.push_back(name);
  return *this;
}

CommandLine& CommandLine::flag(const std::string& name, const std::string& help) {
  parts_->visible.add_options()(name.c_str(), help.c_str());
  parts_->names.push_back("--" + name);
  return *this;
}

CommandLine& CommandLine::option(const std::string& name, const std::string& value, const std::string& help,
                                 const std::string& fallback, const std::optional<std::string>& implicit) {
  auto* semantic = po::value<std::string>()->value_name(value);
  if (!fallback.empty()) semantic->default_value(fallback);
  if (implicit) {
    semantic->implicit_value(*implicit, "");
    parts_->implied.emplace_back(name, *implicit);
  }
  parts_->visible.add_options()(name.c_str(), semantic, help.c_str());
  parts_->names.push_back("--" + name);
  return *this;
}

CommandLine& CommandLine::repeated(const std::string& name, const std::string& value, const std::string& help) {
  parts_->visible.add_options()(name.c_str(), po::value<std::vector<std::string>>()->value_name(value), help.c_str());
  parts_->names.push_back("--" + name);
  return *this;
}

bool CommandLine::parse(const std::vector<std::string>& arguments) {
  Parts& p = *parts_;
  po::options_description all;
  all.add(p.visible).add(p.hidden);
  try {
    using namespace po::command_line_style;
    po::store(po::command_line_parser(arguments).options(all).positional(p.positional)
                  .style(allow_long | allow_short | allow_dash_for_short | long_allow_adjacent | long_allow_next | short_allow_next)
                  .run(),
              p.values);
  } catch (const po::unknown_option& e) {
    throw UsageError(fmt::format("unknown option \"{}\"{}\nusage: {}", e.get_option_name(), did_you_mean(e.get_option_name(), p.names), p.usage));
  } catch (const po::too_many_positional_options_error&) {
    throw UsageError(fmt::format("too many arguments\nusage: {}", p.usage));
  } catch (const po::error& e) {
    throw UsageError(fmt::format("{}\nusage: {}", e.what(), p.usage));
  }
  if (p.values.count("help") != 0) {
    std::ostringstream text;
    text << "usage: " << p.usage << "\n\n" << p.about << "\n\n" << p.positional_help << (p.positional_help.empty() ? "" : "\n") << p.visible;
    print(text.str());
    return false;
  }
  for (const std::string& name : p.required) require(name);
  return true;
}

void CommandLine::require(const std::string& name) const {
  if (has(name)) return;
  std::string taken;
  for (const auto& [option, meaning] : parts_->implied)
    if (has(option) && text(option) != meaning) taken += fmt::format(" (\"{}\" was taken as the value of --{})", text(option), option);
  throw UsageError(fmt::format("{} is missing{}\nusage: {}", name, taken, parts_->usage));
}

bool CommandLine::has(const std::string& name) const { return parts_->values.count(name) != 0; }

std::string CommandLine::text(const std::string& name) const {
  return has(name) ? parts_->values[name].as<std::string>() : "";
}

std::vector<std::string> CommandLine::texts(const std::string& name) const {
  return has(name) ? parts_->values[name].as<std::vector<std::string>>() : std::vector<std::string>{};
}

int64_t CommandLine::integer(const std::string& name) const {
  const std::string given = text(name);
  int64_t value = 0;
  const auto [end, ec] = std::from_chars(given.data(), given.data() + given.size(), value);
  if (ec != std::errc() || end != given.data() + given.size()) throw UsageError(fmt::format("--{} is \"{}\", a whole number is needed", name, given));
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
