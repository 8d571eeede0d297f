// GGUF: every block format equal to the gguf package to the bit (tests/parity/record_gguf.py),
// every kind of metadata, and damaged files of every sort.
#include "weights/gguf.h"

#include "weights_files.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

const fs::path kQuants = "tests/parity/data/quants.gguf";

template <class T>
T value(const Gguf& file, const std::string& key) {
  const GgufValue* found = file.find("test." + key);
  if (found == nullptr || !std::holds_alternative<T>(*found)) fail("no {} of that kind", key);
  return std::get<T>(*found);
}

TEST(Gguf, ValuesEqualThePackageToTheBit) {
  const Gguf file(kQuants);
  const std::vector<float> expected = floats_of("tests/parity/data/quants.f32");
  ASSERT_EQ(file.tensors().size(), 15u);
  size_t at = 0, different = 0;
  for (const TensorInfo& tensor : file.tensors()) {
    const std::vector<float> values = decoded(tensor);
    ASSERT_LE(at + values.size(), expected.size());
    size_t here = 0;
    for (size_t i = 0; i < values.size(); ++i)
      here += std::memcmp(&values[i], &expected[at + i], sizeof(float)) != 0;
    EXPECT_EQ(here, 0u) << tensor.name;
    EXPECT_EQ(tensor.name, "tensor." + std::string(traits(tensor.encoding).name));
    at += values.size();
    different += here;
  }
  EXPECT_EQ(at, expected.size());
  std::printf("GGUF: %zu values in 15 formats, %zu with other bits\n", at, different);
}

TEST(Gguf, Shapes) {
  const Gguf file(kQuants);
  EXPECT_EQ(file.tensor("tensor.Q4_0")->shape, (std::vector<int64_t>{6, 256}));
  EXPECT_EQ(file.tensor("tensor.Q6_K")->shape, (std::vector<int64_t>{4, 512}));
  EXPECT_EQ(file.tensor("tensor.F16")->shape, (std::vector<int64_t>{3, 64}));
  EXPECT_EQ(file.tensor("tensor.none"), nullptr);
}

TEST(Gguf, MetadataOfEveryKind) {
  const Gguf file(kQuants);
  const std::pair<const char*, int64_t> numbers[] = {
      {"u8", 255},         {"i8", -128},       {"u16", 65535},     {"i16", -32768},
      {"u32", 4294967295}, {"i32", INT32_MIN}, {"u64", INT64_MAX}, {"i64", INT64_MIN}};
  for (const auto& [key, number] : numbers)
    EXPECT_EQ(file.integer(std::string("test.") + key), number) << key;
  EXPECT_EQ(file.number("test.f32"), static_cast<double>(0.1f));
  EXPECT_EQ(file.number("test.f64"), 0.1);
  EXPECT_EQ(value<bool>(file, "yes"), true);
  EXPECT_EQ(value<bool>(file, "no"), false);
  EXPECT_EQ(file.text("test.text"), std::string("naïve 日本 \0 end", 19));
  EXPECT_EQ(file.text("test.empty"), "");
  using Numbers = std::vector<int64_t>;
  EXPECT_EQ(value<Numbers>(file, "u8s"), (Numbers{0, 7, 255}));
  EXPECT_EQ(value<Numbers>(file, "i16s"), (Numbers{-5, 5}));
  EXPECT_EQ(value<Numbers>(file, "i64s"), (Numbers{INT64_MIN, INT64_MAX}));
  EXPECT_EQ(value<Numbers>(file, "u32s"), (Numbers{4294967295}));
  EXPECT_EQ(value<Numbers>(file, "bools"), (Numbers{1, 0}));
  EXPECT_EQ(value<std::vector<double>>(file, "f32s"),
            (std::vector<double>{static_cast<double>(0.1f), -2.5}));
  EXPECT_EQ(value<std::vector<double>>(file, "f64s"), (std::vector<double>{0.1}));
  EXPECT_EQ(value<std::vector<std::string>>(file, "texts"),
            (std::vector<std::string>{"a", "", "é"}));
  EXPECT_EQ(file.find("test.nested"), nullptr) << "passed over, and what follows is read";
  EXPECT_THAT(
      [&] { file.integer("test.text"); },
      ThrowsMessage<Error>(AllOf(HasSubstr("quants.gguf"), HasSubstr("not a whole number"))));
  EXPECT_THAT([&] { file.text("nope"); },
              ThrowsMessage<Error>(HasSubstr("the metadata has no \"nope\"")));
}

TEST(Gguf, EveryTruncationIsRefused) {
  const fs::path path = scratch() / "cut.gguf";
  const std::string bytes = read_file(kQuants);
  write_bytes(path, bytes);
  for (size_t size = bytes.size(); size-- > 0;) {
    fs::resize_file(path, size);
    // after the last tensor, 1680 bytes in steps of 32
    const bool padding = size + 16 >= bytes.size();
    ASSERT_EQ(refused<Gguf>(path), !padding) << size;
  }
}

TEST(Gguf, MutationsNeverCrash) {
  const int count = refused_mutations<Gguf>(read_file(kQuants), 2000, scratch() / "bad.gguf");
  EXPECT_GT(count, 1000);  // the rest changed a value or a name
}

// A file with the given pairs and tensor entries, already encoded.
std::string file_of(const std::vector<std::string>& pairs, const std::vector<std::string>& tensors,
                    const std::string& data = {}, uint32_t version = 3) {
  std::string out =
      "GGUF" + raw(version) + raw<uint64_t>(tensors.size()) + raw<uint64_t>(pairs.size());
  for (const auto& each : pairs) out += each;
  for (const auto& each : tensors) out += each;
  out.resize((out.size() + 31) / 32 * 32);
  return out + data;
}
std::string text(const std::string& s) { return raw<uint64_t>(s.size()) + s; }
std::string pair(const std::string& key, uint32_t type, const std::string& value) {
  return text(key) + raw(type) + value;
}
std::string tensor(const std::string& name, const std::vector<uint64_t>& dims, uint32_t type,
                   uint64_t offset) {
  std::string out = text(name) + raw(static_cast<uint32_t>(dims.size()));
  for (const uint64_t d : dims) out += raw(d);
  return out + raw(type) + raw(offset);
}

TEST(Gguf, WrongHeadersAreNamed) {
  const fs::path path = scratch() / "x.gguf";
  const std::string data(64, '\0');
  const uint64_t huge = uint64_t{1} << 62, most = UINT64_MAX;
  const std::pair<std::string, const char*> cases[] = {
      {"", "ends too early"},
      {"GGML", "not a GGUF file"},
      {file_of({}, {}, {}, 1), "version 1 is not supported"},
      {file_of({}, {}, {}, 0x03000000), "big-endian"},
      {"GGUF" + raw<uint32_t>(3) + raw(huge) + raw<uint64_t>(0), "tensors"},
      {"GGUF" + raw<uint32_t>(3) + raw<uint64_t>(0) + raw(most), "metadata pairs"},
      {file_of({pair("k", 99, "")}, {}), "unknown value type 99"},
      {file_of({pair("k", 8, raw(most))}, {}), "ends too early"},
      {file_of({raw(huge)}, {}), "a key of the metadata of 4611686018427387904 bytes"},
      {file_of({pair("k", 9, raw<uint32_t>(0) + raw(huge))}, {}), "array items"},
      {file_of({pair("k", 9, raw<uint32_t>(77) + raw<uint64_t>(1))}, {}), "unknown value type 77"},
      {file_of({pair("k", 10, raw(most))}, {}), "over 2^63"},
      {file_of({pair("k", 0, "a"), pair("k", 0, "b")}, {}), "repeats \"k\""},
      {file_of({pair("k", 9, raw<uint32_t>(9) + raw<uint64_t>(0)), pair("k", 0, "b")}, {}),
       "repeats \"k\""},
      {file_of({pair("general.alignment", 4, raw<uint32_t>(24))}, {}), "general.alignment"},
      {file_of({pair("general.alignment", 4, raw<uint32_t>(0))}, {}), "general.alignment"},
      {file_of({pair("general.alignment", 5, raw<int32_t>(-32))}, {}), "general.alignment"},
      {file_of({pair("general.alignment", 8, text("x"))}, {}), "general.alignment"},
      {file_of({}, {tensor("t", {2}, 77, 0)}, data), "tensor t has type 77"},
      {file_of({}, {tensor("t", {1, 1, 1, 1, 1, 1, 1, 1, 1}, 0, 0)}, data), "9 dimensions"},
      {file_of({}, {tensor("t", {}, 0, 0)}, data), "tensor t"},
      {file_of({}, {tensor("t", {most}, 0, 0)}, data), "tensor t is too large"},
      {file_of({}, {tensor("t", {uint64_t{1} << 40, uint64_t{1} << 40}, 0, 0)}, data),
       "tensor t: the shape is negative or too large"},
      {file_of({}, {tensor("t", {huge}, 0, 0)}, data), "tensor t is too large"},
      {file_of({}, {tensor("t", {33}, 2, 0)}, data), "tensor t: rows are not whole Q4_0 blocks"},
      {file_of({}, {tensor("t", {17}, 0, 0)}, data), "tensor t lies outside the file"},
      {file_of({}, {tensor("t", {1}, 0, 64)}, data), "tensor t lies outside the file"},
      {file_of({}, {tensor("t", {1}, 0, most - 31)}, data), "tensor t lies outside the file"},
      // offset and size together pass 2^64
      {file_of({}, {tensor("t", {16}, 0, most - 31)}, data), "tensor t lies outside the file"},
      {file_of({}, {tensor("t", {1}, 0, 4)}, data), "tensor t is not aligned"},
      {file_of({}, {tensor(std::string(2000, 'n'), {1}, 0, 0)}, data),
       "a tensor's name of 2000 bytes"},
      {file_of({pair(std::string(70'000, 'k'), 0, "a")}, {}),
       "a key of the metadata of 70000 bytes"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 5\n", "Git LFS pointer"},
      {file_of({}, {tensor("t", {1}, 0, 0), tensor("t", {1}, 0, 32)}, data),
       "tensor t occurs twice"},
  };
  for (const auto& [bytes, words] : cases) {
    write_bytes(path, bytes);
    EXPECT_THAT([&] { Gguf file(path); },
                ThrowsMessage<Error>(AllOf(HasSubstr("x.gguf"), HasSubstr(words))))
        << words;
  }
  std::string nested = raw<uint32_t>(0) + raw<uint64_t>(0);
  for (int i = 0; i < 20; ++i) nested = raw<uint32_t>(9) + raw<uint64_t>(1) + nested;
  write_bytes(path, file_of({pair("k", 9, nested)}, {}));
  EXPECT_THAT([&] { Gguf file(path); }, ThrowsMessage<Error>(HasSubstr("nest deeper than 8")));
  write_bytes(path, file_of({pair("k", 0, "a")},
                            {tensor("t", {2}, 0, 32), tensor("none", {0}, 0, 0)}, data));
  const Gguf good(path);
  EXPECT_EQ(decoded(*good.tensor("t")), (std::vector<float>{0, 0}));
  EXPECT_EQ(decoded(*good.tensor("none")).size(), 0u);
}

}  // namespace
}  // namespace slipway
