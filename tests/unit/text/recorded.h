// What tests/parity recorded of the tokenizers package, read back.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace slipway {

class Tokenizer;

inline const fs::path kRecords = "tests/parity/data", kForms = kRecords / "tokenizers";

// A gzip file's contents. Throws Error.
std::string unzip(const fs::path& path);

class Reader {
 public:
  explicit Reader(const fs::path& path) : bytes_(unzip(path)) {}
  bool done() const { return at_ == bytes_.size(); }
  uint32_t number();
  std::string text();  // a number of bytes, then these

 private:
  std::string bytes_;
  size_t at_ = 0;
};

// The strings of tokenizer_strings.gz: some 12,000.
const std::vector<std::string>& recorded_strings();

// The 256 code points from 256 * index, each in several places, as block() in record_tokenizer.py.
std::string block(uint32_t index);

// A recorded folder in the test's own, with files that were packed.
fs::path unpacked(const std::string& name);

// CRC-32.
uint32_t sum_of(std::string_view bytes);

// Of the ids of all recorded strings every fortieth list stands in the record: how many differ, the
// first of them told as failures.
int lists_that_differ(Reader& in, const std::vector<std::vector<int32_t>>& all,
                      const std::string& name);

// Expects of every recorded string the ids and texts of "NAME.gz" there, and that texts told token
// by token are these.
void expect_recorded(const Tokenizer& tokenizer, const std::string& name,
                     const fs::path& folder = kForms);

}  // namespace slipway
