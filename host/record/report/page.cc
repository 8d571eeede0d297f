// Pages.
#include "record/report/page.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/place.h"
#include "record/report/style.h"
#include "record/report/text.h"

namespace slipway::report {
namespace {

std::string base64_of_hex(const std::string& hex) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < hex.size(); i += 6) {  // three bytes are four digits
    const std::string group = hex.substr(i, 6);
    const uint32_t bits =
        static_cast<uint32_t>(std::stoul(group + std::string(6 - group.size(), '0'), nullptr, 16));
    for (size_t digit = 0; digit < 4; ++digit)
      out += digit * 6 < group.size() * 4 ? kDigits[bits >> (18 - 6 * digit) & 63] : '=';
  }
  return out;
}

std::string mark_of(std::string_view kind) {
  return fmt::format("<meta name=\"generator\" content=\"{}\"/>", kind);
}

}  // namespace

// Texts of models, data and plugins stand in the page: should one of them get through the escaping,
// the browser still runs nothing but the page's own script, and fetches nothing.
std::string html_page(std::string_view kind, const std::string& title, const std::string& body) {
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n";
  out += mark_of(kind) + "\n";
  out +=
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<meta "
      "name=\"color-scheme\" content=\"light dark\"/>\n";
  out += fmt::format(
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; img-src data:; script-src 'sha256-{}'\"/>\n",
      base64_of_hex(sha256(kHoverScript)));
  out += fmt::format("<title>{} – {}</title>\n<style>{}{}</style>\n</head>\n<body>\n<main>\n",
                     escape(title), kind, kChartStyle, kPageStyle);
  return out + body + fmt::format("</main>\n<script>{}</script>\n</body>\n</html>\n", kHoverScript);
}

std::string page_head(std::string_view kind, const std::string& title, const std::string& line,
                      std::string_view css) {
  return fmt::format(
      "<header><p class=\"brand\">{}</p><h1>{}</h1><p class=\"{}\">{}</p></header>\n", kind,
      escape(title), css, escape(line));
}

void place_page(const fs::path& file, std::string_view kind, const std::string& html) {
  if (!is_written_directly(file) && path_exists(file)) {
    std::error_code ec;
    if (!fs::is_regular_file(file, ec) ||
        read_file(file).substr(0, 400).find(mark_of(kind)) == std::string::npos)
      fail("{}: is there, and is not a page of a {} to be replaced; give another name",
           file.string(), kind);
  }
  write_file_durably(file, html);
}

}  // namespace slipway::report
