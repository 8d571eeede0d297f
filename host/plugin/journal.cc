// The journals: one JSON line a record.
#include "plugin/journal.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/append_log.h"
#include "base/json.h"
#include "base/place.h"

namespace slipway {
namespace {

std::optional<std::string> record_of(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("bytes") || !json.contains("record")) return std::nullopt;
  if (!json["bytes"].is_number_unsigned() || !json["record"].is_string()) return std::nullopt;
  auto record = json["record"].get<std::string>();
  if (record.size() != json["bytes"].get<uint64_t>()) return std::nullopt;
  return record;
}

}  // namespace

fs::path Journals::path(std::string_view name) const {
  const auto legal = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  };
  if (name.empty() || name.size() > 64 || !std::ranges::all_of(name, legal))
    throw BadJournalArgument(fmt::format(
        "\"{}\" cannot name a journal: 1 to 64 letters, digits, '_' and '-' can", name));
  return folder_ /
         (std::string(name) + (rank_ > 0 ? fmt::format(".rank{}", rank_) : "") + ".jsonl");
}

void Journals::append(std::string_view name, std::string_view record) const {
  const fs::path file_path = path(name);
  if (record.size() > kLongestRecord)
    throw BadJournalArgument(
        fmt::format("a record of {} bytes is too long: {} at most", record.size(), kLongestRecord));
  Json line;
  line["bytes"] = record.size();
  line["record"] = record;
  std::string text;
  try {
    text = line.dump();
  } catch (const Json::exception&) {
    throw BadJournalArgument("the record is not UTF-8 text");
  }
  AppendLog log(file_path, [](std::string_view last) { return record_of(last).has_value(); });
  log.append(text);
  log.flush();
}

std::vector<std::string> Journals::read(std::string_view name) const {
  const fs::path file_path = path(name);
  if (!path_exists(file_path)) return {};
  const std::string text = read_file(file_path);
  std::vector<std::string> records;
  size_t line = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) break;  // the record that a crash cut short
    ++line;
    std::optional<std::string> record = record_of(std::string_view(text).substr(at, end - at));
    if (!record && end + 1 == text.size()) break;
    if (!record)
      fail("{}:{}: damaged record; restore the file, or delete it to begin again",
           file_path.string(), line);
    records.push_back(std::move(*record));
    at = end + 1;
  }
  return records;
}

}  // namespace slipway
