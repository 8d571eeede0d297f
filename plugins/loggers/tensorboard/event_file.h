// TensorBoard's event files: protocol-buffer messages in TFRecord frames, written without either
// library.
#pragma once
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace tensorboard {

class EventFile {
 public:
  // Makes `path`.N, with the first N that no file has yet, and writes the version record. Throws
  // std::runtime_error naming the path.
  EventFile(const std::string& path, double wall_time);

  // One value a call, in the form that TensorBoard's scalar and text dashboards read. Throws
  // std::runtime_error.
  void scalar(int64_t step, double wall_time, std::string_view tag, double value);
  void text(int64_t step, double wall_time, std::string_view tag, std::string_view markdown);
  void flush();  // what was written is the system's from here on

 private:
  void event(int64_t step, double wall_time, std::string_view field);
  void record(std::string_view message);

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
  std::string path_;
};

// CRC-32C (Castagnoli), as TFRecord frames carry it; `masked` adds the rotation of the format.
uint32_t crc32c(std::string_view bytes);
uint32_t masked(uint32_t crc);

}  // namespace tensorboard
