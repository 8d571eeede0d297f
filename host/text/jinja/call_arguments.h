// The arguments of a function, given by place or by name.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/value.h"

namespace slipway::jinja {

// One value for each of `names`, undefined where it was left out. Throws Error naming `function`
// when there are more, one has another name or comes twice, or one of the first `needed` is
// missing.
std::vector<Value> bound(std::string_view function, const Arguments& given,
                         std::initializer_list<const char*> names, size_t needed = 0);

// The value as a text, a whole number. Throws Error naming `function` on others.
const String& text_of(std::string_view function, const Value& value);
int64_t whole_of(std::string_view function, const Value& value);
// The same, with what it is when left out.
int64_t whole_or(std::string_view function, const Value& value, int64_t otherwise);
bool truth_or(const Value& value, bool otherwise);

}  // namespace slipway::jinja
