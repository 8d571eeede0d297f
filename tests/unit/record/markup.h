// Checks of HTML and SVG text for tests: a strict reading of tags, and coordinates that are
// numbers.
#pragma once
#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

namespace slipway {

inline size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size()))
    ++n;
  return n;
}

// Empty when every tag is closed in order, attributes are quoted and no bare & or < stands in the
// text.
inline std::string xml_fault(const std::string& text) {
  static const std::regex tag(R"re(<(/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(/?)>)re");
  static const std::regex entity(R"(&(?!(amp|lt|gt|quot|#39);))");
  std::vector<std::string> open;
  for (size_t at = 0; at < text.size();) {
    const size_t next = text.find('<', at);
    if (std::regex_search(text.substr(at, next - at), entity))
      return "bare & in: " + text.substr(at, 80);
    if (next == std::string::npos) break;
    const size_t end = text.find('>', next);
    const std::string piece = text.substr(next, end == std::string::npos ? end : end + 1 - next);
    at = next + piece.size();
    std::smatch match;
    if (!std::regex_match(piece, match, tag)) return "no tag: " + piece.substr(0, 200);
    if (match[1].length() == 0 && match[4].length() == 0) open.push_back(match[2]);
    if (match[1].length() == 0) continue;
    if (open.empty() || open.back() != match[2]) return "closes nothing: " + piece;
    open.pop_back();
  }
  return open.empty() ? "" : "left open: " + open.back();
}

// The page without its doctype, style and script, whose text follows other rules.
inline std::string markup(std::string page) {
  const std::string doctype = "<!DOCTYPE html>\n";
  EXPECT_TRUE(page.starts_with(doctype));
  page.erase(0, doctype.size());
  for (const std::string name : {"style", "script"}) {
    const size_t begin = page.find("<" + name + ">"), end = page.find("</" + name + ">");
    if (begin == std::string::npos || end == std::string::npos) return "no " + name;
    page.erase(begin, end + name.size() + 3 - begin);
  }
  return page;
}

// No coordinate may be a NaN or an infinity: a browser would drop the whole path.
inline void expect_sound(const std::string& page) {
  const std::string body = markup(page);
  EXPECT_EQ(xml_fault(body), "");
  for (const std::string attribute :
       {" d=\"", " x=\"", " y=\"", " cx=\"", " cy=\"", " data-points=\""})
    for (size_t at = body.find(attribute); at != std::string::npos;
         at = body.find(attribute, at + 1)) {
      const size_t begin = at + attribute.size();
      const std::string value = body.substr(begin, body.find('"', begin) - begin);
      ASSERT_EQ(value.find("nan"), std::string::npos) << value;
      ASSERT_EQ(value.find("inf"), std::string::npos) << value;
    }
}

}  // namespace slipway
