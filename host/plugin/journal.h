// Append-only journals of one plugin: records that survive a crash.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace slipway {

// The caller's fault: a bad journal name, a record that is too long or not UTF-8.
struct BadJournalArgument : Error {
  using Error::Error;
};

// Journal NAME is the file <folder>/NAME.jsonl, NAME.rankR.jsonl on ranks R > 0, so that each file
// has one writer. A line holds one record and its length in bytes: {"bytes":5,"record":"hello"}.
// Every function is [any] and throws Error.
class Journals {
 public:
  Journals(fs::path folder, int rank) : folder_(std::move(folder)), rank_(rank) {}

  // On the disk when it returns. What a crash left of an unfinished record is cut off first.
  void append(std::string_view name, std::string_view record) const;
  // All records, oldest first; none when there is no such journal. An unfinished last record is
  // left out; damage elsewhere is an Error that names file and line.
  std::vector<std::string> read(std::string_view name) const;
  fs::path path(std::string_view name) const;  // throws BadJournalArgument

  static constexpr size_t kLongestRecord = size_t{64} << 20;

 private:
  fs::path folder_;
  int rank_;
};

}  // namespace slipway
