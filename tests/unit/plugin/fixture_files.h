// Where the tests of the plugin layer find their fixtures and put what they make.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "plugin/registry.h"
#include "plugin/reward.h"
#include "tests/unit/built.h"
#include "tests/unit/scratch.h"

namespace slipway {

inline fs::path fixture(const std::string& name) { return built("fixtures") / (name + ".so"); }

// A copy of the fixture with its bytes changed.
inline fs::path spoiled(const std::string& name, const std::function<void(std::string&)>& change) {
  std::string bytes = read_file(fixture(name));
  change(bytes);
  const fs::path path = scratch() / (name + ".so");
  write_file_durably(path, bytes);
  return path;
}

// The text of the Error that body() throws, with the scratch and fixture folders cut from it; ""
// when it throws none.
inline std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    std::string text = e.what();
    for (const std::string& folder : {built("fixtures").string() + "/"})
      for (size_t at; (at = text.find(folder)) != std::string::npos;) text.erase(at, folder.size());
    return text;
  }
  return "";
}

inline Library load(const fs::path& path) { return Library(path, read_note(path)); }

// The only plugin of `file`, made with the options after checking them against its schema.
inline Plugin instance(const fs::path& file, const Value& options = {},
                       const RunFacts& facts = {}) {
  static std::vector<std::unique_ptr<Library>> libraries;
  libraries.push_back(std::make_unique<Library>(load(file)));
  Library& library = *libraries.back();
  const slw_descriptor& descriptor = *library.descriptors()[0];
  return Plugin(library, descriptor, check_options(descriptor.options, &options, descriptor.id, {}),
                facts);
}

inline RewardPlugin reward(const std::string& name, const Value& options = {},
                           const RunFacts& facts = {}) {
  return RewardPlugin(instance(fixture(name), options, facts), 1.0);
}

inline Value option_table(const std::string& name, Value value) {
  Value out;
  out[name] = std::move(value);
  return out;
}

inline std::vector<ScoredRow> rows(std::initializer_list<const char*> completions) {
  std::vector<ScoredRow> out;
  for (const char* completion : completions)
    out.push_back({"Say something: ", completion, {1, 2}, {3}, 0, false});
  return out;
}

}  // namespace slipway
