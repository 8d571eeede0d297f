// Files that grow by whole lines: metrics, journals, trials. A line is there whole or not at all,
// whatever stops the writer.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/files.h"

namespace slipway {

class AppendLog {
 public:
  // Whether a line, without its '\n', is one that was written to its end; none given: every line
  // that ends and holds no NUL byte is.
  using Whole = std::function<bool(std::string_view line)>;

  // Touches nothing yet; append() makes the file, and its folder.
  explicit AppendLog(fs::path path, Whole whole = {})
      : path_(std::move(path)), whole_(std::move(whole)) {}
  ~AppendLog();
  AppendLog(const AppendLog&) = delete;
  AppendLog& operator=(const AppendLog&) = delete;

  // Adds `line` and '\n'. Before this object's first, what a crash left of an unfinished last line
  // is cut off: bytes without a line's end, the NUL bytes that a power cut leaves, a last line that
  // is not whole. A line that cannot be written leaves nothing of itself. Other processes may
  // append to the same file. Throws Error.
  void append(std::string_view line);
  // What was appended is on the disk when it returns; so is the file's name. Throws Error.
  void flush();
  // Bytes of the file, 0 where there is none. Throws Error.
  int64_t size() const;
  // Cuts the file after its first `bytes` bytes, on the disk when it returns. False, with nothing
  // changed, when it is shorter or no line ends there: it is not the file that was `bytes` long
  // once. Throws Error.
  [[nodiscard]] bool truncate(int64_t bytes);

  const fs::path& path() const { return path_; }

 private:
  void open();
  void repair();

  fs::path path_;
  Whole whole_;
  int fd_ = -1;
  bool named_ = false;  // the folder was flushed since the file was made
};

}  // namespace slipway
