// A reader of TensorBoard's event files for tests, made from the format's description alone:
// TFRecord frames with masked CRC-32C, protocol-buffer fields by number.
#pragma once
#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

// Bit by bit from the polynomial x^32 + x^28 + x^27 + ... (0x1EDC6F41), most significant bit first,
// on mirrored bytes.
inline uint32_t bitwise_crc32c(std::string_view bytes) {
  const auto mirrored = [](uint32_t value, int bits) {
    uint32_t out = 0;
    for (int i = 0; i < bits; ++i) out |= (value >> i & 1u) << (bits - 1 - i);
    return out;
  };
  uint32_t remainder = 0xFFFFFFFFu;
  for (const char byte : bytes) {
    remainder ^= mirrored(static_cast<unsigned char>(byte), 8) << 24;
    for (int bit = 0; bit < 8; ++bit)
      remainder = (remainder >> 31) != 0 ? remainder << 1 ^ 0x1EDC6F41u : remainder << 1;
  }
  return mirrored(remainder, 32) ^ 0xFFFFFFFFu;
}

// A message's fields by number. Fixed and varint fields hold their bytes' value, the others their
// bytes.
struct ProtoMessage {
  std::multimap<int, uint64_t> numbers;
  std::multimap<int, std::string> bytes;

  explicit ProtoMessage(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      const uint64_t key = varint(text, at);
      const int field = static_cast<int>(key >> 3);
      switch (key & 7) {
        case 0:
          numbers.emplace(field, varint(text, at));
          break;
        case 1:
          numbers.emplace(field, fixed(text, at, 8));
          break;
        case 2: {
          const uint64_t size = varint(text, at);
          bytes.emplace(field, take(text, at, size));
          break;
        }
        case 5:
          numbers.emplace(field, fixed(text, at, 4));
          break;
        default:
          throw std::runtime_error("wire type " + std::to_string(key & 7));
      }
    }
  }
  // The only one of its number; throws when there is none, or several.
  const std::string& text(int field) const { return only(bytes, field); }
  uint64_t number(int field) const { return only(numbers, field); }
  double real(int field) const {
    const uint64_t bits = number(field);
    double out;
    std::memcpy(&out, &bits, sizeof out);
    return out;
  }

 private:
  template <class Map>
  static const typename Map::mapped_type& only(const Map& map, int field) {
    if (map.count(field) != 1)
      throw std::runtime_error(std::to_string(map.count(field)) + " times field " +
                               std::to_string(field));
    return map.find(field)->second;
  }
  static std::string take(std::string_view text, size_t& at, uint64_t size) {
    if (size > text.size() - at) throw std::runtime_error("a field longer than its message");
    at += size;
    return std::string(text.substr(at - size, size));
  }
  static uint64_t fixed(std::string_view text, size_t& at, uint64_t size) {
    const std::string bytes = take(text, at, size);
    uint64_t out = 0;
    for (size_t i = 0; i < size; ++i)
      out |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    return out;
  }
  static uint64_t varint(std::string_view text, size_t& at) {
    uint64_t out = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(text, at, 1)[0]);
      out |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return out;
    }
    throw std::runtime_error("a varint without an end");
  }
};

// The messages of a file's frames. Throws std::runtime_error on a length or a checksum that does
// not fit.
inline std::vector<std::string> read_records(std::string_view file) {
  const auto little = [&](size_t at, size_t size) {
    uint64_t out = 0;
    for (size_t i = 0; i < size; ++i)
      out |= uint64_t{static_cast<unsigned char>(file[at + i])} << (8 * i);
    return out;
  };
  const auto check = [&](size_t at, std::string_view bytes) {
    const uint32_t crc = bitwise_crc32c(bytes);
    if (little(at, 4) != ((crc >> 15 | crc << 17) + 0xA282EAD8u))
      throw std::runtime_error("a checksum does not fit at byte " + std::to_string(at));
  };
  std::vector<std::string> out;
  for (size_t at = 0; at < file.size();) {
    if (file.size() - at < 16) throw std::runtime_error("a torn frame");
    const uint64_t size = little(at, 8);
    check(at + 8, file.substr(at, 8));
    if (size > file.size() - at - 16) throw std::runtime_error("a torn message");
    out.emplace_back(file.substr(at + 12, size));
    check(at + 12 + size, out.back());
    at += 16 + size;
  }
  return out;
}

}  // namespace slipway
