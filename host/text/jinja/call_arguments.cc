// Arguments.
#include "text/jinja/call_arguments.h"

#include <algorithm>

#include "base/error.h"
#include "base/excerpt.h"

namespace slipway::jinja {

std::vector<Value> bound(std::string_view function, const Arguments& given,
                         std::initializer_list<const char*> names, size_t needed) {
  if (given.positional.size() > names.size())
    fail("{} takes at most {} arguments, {} are given", function, names.size(),
         given.positional.size());
  std::vector<Value> out = given.positional;
  for (size_t i = out.size(); i < names.size(); ++i)
    out.push_back(Value::undefined("an argument was left out"));
  std::vector<bool> has(names.size());
  std::fill_n(has.begin(), given.positional.size(), true);
  for (const auto& [name, value] : given.named) {
    const auto found = std::ranges::find_if(names, [&](const char* each) { return name == each; });
    if (found == names.end()) fail("{} has no argument \"{}\"", function, excerpt(name));
    const auto at = static_cast<size_t>(found - names.begin());
    if (has[at]) fail("{} gets \"{}\" twice", function, name);
    has[at] = true;
    out[at] = value;
  }
  for (size_t i = 0; i < needed; ++i)
    if (!has[i]) fail("{} needs \"{}\"", function, *(names.begin() + i));
  return out;
}

const String& text_of(std::string_view function, const Value& value) {
  if (value.is_undefined()) fail("{}: {}", function, value.undefined_text());
  if (!value.string())
    fail("{} gets a value of type {}, a text is needed", function, value.type_name());
  return *value.string();
}

int64_t whole_of(std::string_view function, const Value& value) {
  if (!value.integer() && !value.boolean())
    fail("{} gets a value of type {}, a whole number is needed", function, value.type_name());
  return value.as_integer();
}

int64_t whole_or(std::string_view function, const Value& value, int64_t otherwise) {
  return value.is_undefined() ? otherwise : whole_of(function, value);
}

bool truth_or(const Value& value, bool otherwise) {
  return value.is_undefined() ? otherwise : value.truth();
}

}  // namespace slipway::jinja
