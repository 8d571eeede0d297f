// Templates in Jinja's language, the part of it that chat templates are written in, with the
// meaning that it has in transformers: jinja2's sandbox, trim_blocks and lstrip_blocks, loop
// controls, {% generation %}, tojson, raise_exception, strftime_now.
//
// A template reaches nothing but its variables: no file, no clock but the one given, nothing of the
// process. What it does is bounded in time and memory, whatever it says.
#pragma once
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/jinja/value.h"
#include "text/marked_text.h"

namespace slipway::jinja {

struct RenderLimits {
  // Steps, and bytes that are made on the way: 128 MiB at most, and some seconds.
  size_t work = size_t{1} << 27;
};

// The time, as strftime_now() tells it, of this place.
std::tm local_time();

// Immutable; render() may be called from any thread.
class Template {
 public:
  // `origin` is its name in messages. Throws Error "origin: line N: ..." on what is malformed, and
  // on blocks that are not supported.
  Template(std::string_view source, std::string origin);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  using Variables = std::vector<std::pair<std::string, Value>>;
  // Throws Error "origin: line N: ..." where Python would, on what is not supported, and beyond the
  // limits. Which bytes are a message's, and which an assistant's, is marked.
  MarkedText render(const Variables& variables, const std::tm& now = local_time(),
                    const RenderLimits& limits = {}) const;

  // Whether it has {% generation %}.
  bool marks_generation() const;
  const std::string& origin() const { return origin_; }

 private:
  struct Parsed;
  std::unique_ptr<const Parsed> parsed_;
  std::string origin_;
};

}  // namespace slipway::jinja
