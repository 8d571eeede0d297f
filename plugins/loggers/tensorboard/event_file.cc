// Writing events. Field numbers are those of tensorboard/compat/proto/{event,summary,tensor}.proto.
#include "event_file.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace tensorboard {
namespace {

void varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}
void bytes_field(std::string& out, int number, std::string_view value) {
  varint(out, static_cast<uint64_t>(number) << 3 | 2);
  varint(out, value.size());
  out.append(value);
}
void varint_field(std::string& out, int number, uint64_t value) {
  varint(out, static_cast<uint64_t>(number) << 3);
  varint(out, value);
}
template <class T>
void little_endian(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void double_field(std::string& out, int number, double value) {
  varint(out, static_cast<uint64_t>(number) << 3 | 1);
  little_endian(out, value);
}

// Summary{ value{ tag, metadata{ plugin_data{ plugin_name } }, tensor } }
std::string summary(std::string_view tag, std::string_view plugin, std::string_view tensor) {
  std::string data, metadata, value, out;
  bytes_field(data, 1, plugin);
  bytes_field(metadata, 1, data);
  bytes_field(value, 1, tag);
  bytes_field(value, 8, tensor);
  bytes_field(value, 9, metadata);
  bytes_field(out, 1, value);
  return out;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> made{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int k = 0; k < 8; ++k) c = (c & 1) != 0 ? 0x82F63B78 ^ (c >> 1) : c >> 1;
      made[i] = c;
    }
    return made;
  }();
  uint32_t crc = ~0u;
  for (const char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

uint32_t masked(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xA282EAD8; }

EventFile::EventFile(const std::string& path, double wall_time) {
  // In containers a second start may have the same process number within the same second: what is
  // there stays.
  for (int n = 0; file_ == nullptr; ++n) {
    path_ = path + "." + std::to_string(n);
    file_.reset(std::fopen(path_.c_str(), "wbxe"));
    if (file_ == nullptr && errno != EEXIST)
      throw std::runtime_error(path_ + ": " + std::strerror(errno));
  }
  std::string version;
  double_field(version, 1, wall_time);
  bytes_field(version, 3, "brain.Event:2");
  record(version);
}

void EventFile::record(std::string_view message) {
  std::string frame;
  little_endian(frame, static_cast<uint64_t>(message.size()));
  little_endian(frame, masked(crc32c(frame)));
  frame.append(message);
  little_endian(frame, masked(crc32c(message)));
  if (std::fwrite(frame.data(), 1, frame.size(), file_.get()) != frame.size())
    throw std::runtime_error(path_ + ": cannot write; is the disk full?");
}

void EventFile::event(int64_t step, double wall_time, std::string_view field) {
  std::string out;
  double_field(out, 1, wall_time);
  varint_field(out, 2, static_cast<uint64_t>(step));
  bytes_field(out, 5, field);
  record(out);
}

// Summary{ value{ tag, simple_value } }, as torch's SummaryWriter writes it: readers that know
// scalars by that field find it (EventAccumulator.Scalars), and TensorBoard shows it.
void EventFile::scalar(int64_t step, double wall_time, std::string_view tag, double value) {
  std::string content, out;
  bytes_field(content, 1, tag);
  varint(content, 2 << 3 | 5);
  little_endian(content, static_cast<float>(value));
  bytes_field(out, 1, content);
  event(step, wall_time, out);
}

void EventFile::text(int64_t step, double wall_time, std::string_view tag,
                     std::string_view markdown) {
  std::string tensor, shape, dimension;
  varint_field(dimension, 1, 1);
  bytes_field(shape, 2, dimension);
  varint_field(tensor, 1, 7);  // DT_STRING
  bytes_field(tensor, 2, shape);
  bytes_field(tensor, 8, markdown);  // string_val
  event(step, wall_time, summary(tag, "text", tensor));
}

void EventFile::flush() {
  if (std::fflush(file_.get()) != 0) throw std::runtime_error(path_ + ": " + std::strerror(errno));
}

}  // namespace tensorboard
