// Records of tests/parity.
#include "tests/unit/text/recorded.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>

#include "base/error.h"
#include "tests/unit/scratch.h"
#include "text/growing_text.h"
#include "text/unicode.h"

namespace slipway {
namespace {

void append_number(uint32_t value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

uint32_t sum_of(std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

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

fs::path unpacked(const std::string& name) {
  const fs::path out = scratch() / name;
  for (const auto& file : fs::directory_iterator(kForms / name))
    write_file_durably(
        out / (file.path().extension() == ".gz" ? file.path().stem() : file.path().filename()),
        file.path().extension() == ".gz" ? unzip(file.path()) : read_file(file.path()));
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

int lists_that_differ(Reader& in, const std::vector<std::vector<int32_t>>& all,
                      const std::string& name) {
  int out = 0;
  for (size_t i = 0; i < all.size(); i += 40) {
    std::vector<int32_t> expected(in.number());
    for (int32_t& id : expected) id = static_cast<int32_t>(in.number());
    if (all[i] != expected && ++out <= 5)
      ADD_FAILURE() << name << ": " << testing::PrintToString(recorded_strings()[i])
                    << "\n expected " << testing::PrintToString(expected) << "\n have     "
                    << testing::PrintToString(all[i]);
  }
  return out;
}

void expect_recorded(const Tokenizer& tokenizer, const std::string& name, const fs::path& folder) {
  Reader in(folder / (name + ".gz"));
  const std::vector<std::string>& texts = recorded_strings();
  ASSERT_EQ(in.number(), texts.size());
  ASSERT_GE(texts.size(), 10'000u);
  int wrong_ids = 0, wrong_texts = 0, wrong_growing = 0;
  std::vector<std::vector<int32_t>> all;
  for (size_t at = 0; at < texts.size(); at += 8) {
    std::string packed, said;
    for (size_t i = at; i < std::min(at + 8, texts.size()); ++i) {
      const std::vector<int32_t> ids = tokenizer.encode(texts[i]);
      append_number(static_cast<uint32_t>(ids.size()), packed);
      for (const int32_t id : ids) append_number(static_cast<uint32_t>(id), packed);
      const std::string bare = tokenizer.decode(ids, true);
      said += tokenizer.decode(ids, false) + '\0' + bare + '\0';
      GrowingText growing(tokenizer);
      std::string grown;
      for (const int32_t id : ids) grown += growing.add(id);
      wrong_growing += grown + growing.rest() != bare;
      all.push_back(ids);
    }
    const bool ids = in.number() == sum_of(packed), same = in.number() == sum_of(said);
    if ((!ids && ++wrong_ids <= 5) || (!same && ++wrong_texts <= 5))
      ADD_FAILURE() << name << ": " << (ids ? "decodes" : "encodes") << " otherwise one of strings "
                    << at << " to " << at + 7 << ", the first is "
                    << testing::PrintToString(texts[at]);
  }
  const int wrong_lists = lists_that_differ(in, all, name);
  EXPECT_TRUE(in.done());
  std::printf("%s: %zu strings in groups of 8; %d groups with other ids, %d with other texts\n",
              name.c_str(), texts.size(), wrong_ids, wrong_texts);
  EXPECT_EQ(wrong_ids + wrong_texts + wrong_lists + wrong_growing, 0);
}

}  // namespace slipway
