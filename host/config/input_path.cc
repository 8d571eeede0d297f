// Relative paths.
#include "config/input_path.h"

#include "base/log.h"

namespace slipway {

fs::path input_path(const std::string& given, const std::string& where, const fs::path& run_file,
                    const std::string& key) {
  const bool typed = where == "--set";
  const fs::path here = fs::absolute(given), beside = fs::absolute(run_file.parent_path() / given);
  const fs::path &first = typed ? here : beside, &second = typed ? beside : here;
  std::error_code ec;
  const bool is_first = fs::exists(first, ec), is_second = fs::exists(second, ec);
  // equivalent() knows no devices
  if (is_first && is_second && first != second && !fs::equivalent(first, second, ec))
    log_warn("{} = \"{}\": taken from {}; there is one in {}, too", key, given,
             typed ? "the working folder" : "the run file's folder",
             typed ? "the run file's folder" : "the working folder");
  return (is_first || !is_second ? first : second).lexically_normal();
}

}  // namespace slipway
