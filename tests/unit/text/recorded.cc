// Records of tests/parity.
#include "tests/unit/text/recorded.h"

#include <zlib.h>

#include <cstring>

#include "base/error.h"
#include "text/unicode.h"

namespace slipway {

std::string unzip(const fs::path& path) {
  const std::string packed = read_file(path);
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) fail("zlib is unavailable");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  int state = Z_OK;
  while (state == Z_OK) {
    char buffer[1 << 16];
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    state = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof buffer - stream.avail_out);
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END) fail("{}: not a whole gzip file", path.string());
  return out;
}

uint32_t Reader::number() {
  uint32_t value = 0;
  std::memcpy(&value, bytes_.substr(at_, 4).data(), 4);
  at_ += 4;
  return value;
}

std::string Reader::text() {
  const uint32_t size = number();
  at_ += size;
  return bytes_.substr(at_ - size, size);
}

const std::vector<std::string>& recorded_strings() {
  static const std::vector<std::string> all = [] {
    Reader in(kRecords / "tokenizer_strings.gz");
    std::vector<std::string> out;
    while (!in.done()) out.push_back(in.text());
    return out;
  }();
  return all;
}

std::string block(uint32_t index) {
  std::string out;
  for (char32_t c = 256 * index; c < 256 * index + 256; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    for (const char* after : {"a", "1", " ", "", ""}) {
      append_code_point(c, out);
      out += after;
    }
  }
  return out;
}

}  // namespace slipway
