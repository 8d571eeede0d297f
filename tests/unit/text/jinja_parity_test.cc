// Texts equal those that jinja2 makes as transformers sets it up (tests/parity/record_jinja.py), of
// written and of random templates.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "text/jinja/template.h"

namespace slipway {
namespace {

std::vector<Json> recorded_lines() {
  gzFile file = gzopen("tests/parity/data/jinja_cases.gz", "rb");
  std::string text, piece(1 << 16, '\0');
  for (int n = 0; (n = gzread(file, piece.data(), static_cast<unsigned>(piece.size()))) > 0;)
    text.append(piece, 0, static_cast<size_t>(n));
  gzclose(file);
  std::vector<Json> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    out.push_back(parse_json(text.substr(at, end - at), "jinja_cases.gz"));
    at = end + 1;
  }
  return out;
}

// What we refuse by name, or find out before Python does, whose filters wait until they are asked.
bool is_named(const std::string& fault) {
  return std::ranges::any_of(
      std::vector<std::string>{"not supported", "is printed", "nothing to go through",
                               "a dict is needed"},
      [&](const std::string& each) { return fault.find(each) != std::string::npos; });
}

TEST(JinjaParity, RecordedTemplates) {
  const std::vector<Json> lines = recorded_lines();
  ASSERT_GT(lines.size(), 5000u);
  jinja::Template::Variables values;
  for (const auto& [name, value] : lines[0].items())
    values.emplace_back(name, jinja::Value::of_json(value));
  size_t equal = 0, both = 0, alone = 0;
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::string source = lines[i].at("template");
    std::string text, fault;
    try {
      text = jinja::Template(source, "template").render(values).bytes;
    } catch (const Error& e) {
      fault = e.what();
    }
    if (lines[i].contains("error")) {
      EXPECT_FALSE(fault.empty()) << source << "\nis refused by jinja2, and became\n" << text;
      both += fault.empty() ? 0 : 1;
    } else if (!fault.empty()) {
      EXPECT_TRUE(is_named(fault)) << source << "\n" << fault;
      ++alone;
    } else {
      EXPECT_EQ(text, lines[i].at("text").get<std::string>()) << source;
      ++equal;
    }
  }
  std::printf("%zu texts equal, %zu templates refused by both, %zu refused here alone\n", equal,
              both, alone);
  EXPECT_EQ(alone, 75u);  // most of them print a range
}

}  // namespace
}  // namespace slipway
