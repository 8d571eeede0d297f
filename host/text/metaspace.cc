// What a Metaspace says of itself.
#include "text/metaspace.h"

#include "base/error.h"
#include "base/excerpt.h"
#include "text/unicode.h"

namespace slipway {

std::string metaspace_scheme(const Json& description, const std::string& origin) {
  std::string out = description.value("prepend_scheme", "always");
  if (out != "always" && out != "first" && out != "never")
    fail("{}: Metaspace with prepend_scheme \"{}\" is not supported (always, first and never are)",
         origin, excerpt(out));
  const auto old = description.find("add_prefix_space");
  if (out != "never" && old != description.end() && *old == Json(false))
    fail("{}: Metaspace with add_prefix_space = false, but prepend_scheme \"{}\"", origin, out);
  return out;
}

std::string metaspace_mark(const Json& description, const std::string& origin) {
  std::string out = description.value("replacement", kSpaceMark);
  if (out.empty() || code_point_at(out, 0).size != out.size())
    fail("{}: the replacement of Metaspace is \"{}\", not one character", origin, excerpt(out));
  return out;
}

}  // namespace slipway
