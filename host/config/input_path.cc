// Relative paths.
#include "config/input_path.h"

#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/nearest.h"

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

std::string why_missing(const fs::path& found, const std::string& otherwise) {
  // a loop of links, a folder that may not be searched: not there either, and the system says why
  std::error_code ec;
  if (fs::exists(found, ec)) return "";
  if (ec && ec != std::errc::no_such_file_or_directory) return ec.message();
  std::vector<std::string> names;
  for (const auto& entry :
       fs::directory_iterator(found.has_parent_path() ? found.parent_path() : ".", ec))
    names.push_back(entry.path().filename().string());
  const std::string near = did_you_mean(found.filename().string(), names);
  return "no such file or folder" + (near.empty() ? otherwise : near);
}

}  // namespace slipway
