// What ran, for the head of the page: model, data, algorithm, seed, date, duration, versions.
#pragma once
#include <string>

#include "record/report/data.h"

namespace slipway::report {

// The list of what config.resolved.toml and metrics.jsonl say; what is missing is left out, and the
// list is empty when nothing is there.
std::string facts_list(const Record& record);

// A recorded value as text to show: strings without quotes.
std::string value_text(const Value& value);

// "llama 1.0.0" of "model plugin org.slipway.model.llama" and "1.0.0 sha256 ...".
std::string program_text(const std::string& program, const std::string& version);

}  // namespace slipway::report
