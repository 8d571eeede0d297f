// Templates as a whole.
#include "text/jinja/template.h"

#include <algorithm>

#include "base/error.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/syntax.h"
#include "text/unicode.h"

namespace slipway::jinja {

struct Template::Parsed {
  Body body;
};

namespace {

constexpr size_t kLongest = size_t{1} << 20;  // of a source: the longest known one has 50 kB

bool has_generation(const Body& body) {
  return std::ranges::any_of(body, [](const Statement& each) {
    return each.kind == Statement::Kind::kGeneration || has_generation(each.body) ||
           has_generation(each.otherwise);
  });
}

}  // namespace

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm out{};
  ::localtime_r(&now, &out);
  return out;
}

Template::Template(std::string_view source, std::string origin) : origin_(std::move(origin)) {
  if (source.size() > kLongest)
    fail("{}: the template has {} bytes, at most {} are read", origin_, source.size(), kLongest);
  if (!is_valid_utf8(source)) fail("{}: the template is not UTF-8", origin_);
  try {
    parsed_ = std::make_unique<const Parsed>(Parsed{parse(source)});
  } catch (const Error& e) {
    fail("{}: {}", origin_, e.what());
  }
}

Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

MarkedText Template::render(const Variables& variables, const std::tm& now,
                            const RenderLimits& limits) const {
  Interpreter interpreter(limits.work, now);
  try {
    return interpreter.run(parsed_->body, variables);
  } catch (const Error& e) {
    fail("{}: line {}: {}", origin_, interpreter.line(), e.what());
  }
}

bool Template::marks_generation() const { return has_generation(parsed_->body); }

}  // namespace slipway::jinja
