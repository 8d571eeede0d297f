// A run's config.resolved.toml read back: its keys with their values, the programs that it names
// and the machine.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "config/value.h"

namespace slipway {

// "train.seed", "reward[0].use" -> the value. A list without tables and an empty table are values.
using RecordedValues = std::map<std::string, Value>;

// `origin` names the text in errors. ${NAME} stays what it is, whatever the environment holds: it
// is the names of secrets that are compared, and told. Throws Error on malformed text.
RecordedValues recorded_values(const std::string& text, const std::string& origin);

// A value of recorded_values() as TOML.
std::string recorded_text(const Value& value);

// "reward plugin org.slipway.reward.length" -> "1.0.0 sha256 ...", and "slipway" -> its version.
std::map<std::string, std::string> recorded_programs(const std::string& text);

// The line in which a run writes where it began, and what stands there: "AMD EPYC 7B13, 2 cores";
// "" where it says nothing.
inline constexpr std::string_view kMachineLine = "# machine ";
std::string recorded_machine(const std::string& text);

}  // namespace slipway
