// Ids and decoded texts equal those of the tokenizers package (tests/parity/record_tokenizer.py),
// for every recorded string and every code point.
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "text/tokenizer.h"
#include "weights/gguf.h"

namespace slipway {
namespace {

const fs::path kData = "tests/parity/data";

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

class Reader {
 public:
  explicit Reader(const fs::path& path) : bytes_(unzip(path)) {}
  bool done() const { return at_ == bytes_.size(); }
  uint32_t number() {
    uint32_t value = 0;
    std::memcpy(&value, bytes_.substr(at_, 4).data(), 4);
    at_ += 4;
    return value;
  }
  std::string text() {
    const uint32_t size = number();
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }

 private:
  std::string bytes_;
  size_t at_ = 0;
};

uint32_t fnv(std::string_view bytes) {
  uint32_t h = 0x811C9DC5;
  for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x01000193;
  return h;
}

uint32_t fnv(const std::vector<int32_t>& ids) {
  return fnv(
      std::string_view(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(int32_t)));
}

std::vector<std::string> strings() {
  Reader in(kData / "tokenizer_strings.gz");
  std::vector<std::string> out;
  while (!in.done()) out.push_back(in.text());
  return out;
}

void append_utf8(char32_t c, std::string& out) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) return void(out += static_cast<char>(c));
  if (c < 0x800) return out += static_cast<char>(0xC0 | (c >> 6)), tail(0);
  if (c < 0x10000) return out += static_cast<char>(0xE0 | (c >> 12)), tail(6), tail(0);
  out += static_cast<char>(0xF0 | (c >> 18)), tail(12), tail(6), tail(0);
}

// As block() in the recording script.
std::string block(uint32_t index) {
  std::string out;
  for (char32_t c = 256 * index; c < 256 * index + 256; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    for (const char* after : {"a", "1", " ", "", ""}) {
      append_utf8(c, out);
      out += after;
    }
  }
  return out;
}

void compare(const Tokenizer& tokenizer, const char* name) {
  Reader in(kData / (std::string("tokenizer_") + name + ".gz"));
  const std::vector<std::string> texts = strings();
  ASSERT_EQ(in.number(), texts.size());
  ASSERT_GE(texts.size(), 10'000u);
  int wrong_ids = 0, wrong_texts = 0, wrong_blocks = 0, wrong_lists = 0;
  std::vector<std::vector<int32_t>> all;
  for (const std::string& text : texts) {
    all.push_back(tokenizer.encode(text));
    const std::string decoded =
        tokenizer.decode(all.back(), false) + '\0' + tokenizer.decode(all.back(), true);
    const bool ids = in.number() == fnv(all.back()), same = in.number() == fnv(decoded);
    if ((!ids && ++wrong_ids <= 5) || (!same && ++wrong_texts <= 5))
      ADD_FAILURE() << name << ": " << (ids ? "decodes" : "encodes")
                    << " otherwise: " << testing::PrintToString(text);
  }
  const uint32_t blocks = in.number();
  ASSERT_EQ(blocks, 0x1100u);
  for (uint32_t i = 0; i < blocks; ++i)
    if (in.number() != fnv(tokenizer.encode(block(i))) && ++wrong_blocks <= 5)
      ADD_FAILURE() << name << ": another cut among code points from " << std::hex << 256 * i;
  for (size_t i = 0; i < texts.size(); i += 40) {
    std::vector<int32_t> expected(in.number());
    for (int32_t& id : expected) id = static_cast<int32_t>(in.number());
    if (all[i] != expected && ++wrong_lists <= 5)
      ADD_FAILURE() << name << ": " << testing::PrintToString(texts[i]) << "\n expected "
                    << testing::PrintToString(expected) << "\n have     "
                    << testing::PrintToString(all[i]);
  }
  EXPECT_TRUE(in.done());
  std::printf(
      "%s: %zu strings, %d with other ids, %d with another decoded text; 1,112,064 code points, %d "
      "of %u blocks differ\n",
      name, texts.size(), wrong_ids, wrong_texts, wrong_blocks, blocks);
  EXPECT_EQ(wrong_ids + wrong_texts + wrong_blocks + wrong_lists, 0);
}

Tokenizer recorded(const char* name) {
  const fs::path path = kData / (std::string("tokenizer_") + name + ".json");
  return Tokenizer::from_json(read_file(path), path.string());
}

TEST(TokenizerParity, SmolLm2) {
  const char* assets = std::getenv("SLIPWAY_ASSETS");
  const fs::path path =
      fs::path(assets != nullptr ? assets : "build/assets") / "SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!fs::exists(path)) FAIL() << path << " is not there; ./slipway fetches it";
  const Tokenizer tokenizer = load_tokenizer(path);
  compare(tokenizer, "smollm2");
  write_file_durably(fs::path(SLIPWAY_SCRATCH) / "SavedForThePeer/tokenizer.json",
                     tokenizer.to_json());
}

TEST(TokenizerParity, Llama3LikeSplitIgnoreMergesTemplate) {
  compare(recorded("llama3"), "llama3");
}
TEST(TokenizerParity, Gpt2LikePrefixSpace) { compare(recorded("gpt2"), "gpt2"); }
TEST(TokenizerParity, OddSplitsAndAddedTokenFlags) { compare(recorded("odd"), "odd"); }

}  // namespace
}  // namespace slipway
