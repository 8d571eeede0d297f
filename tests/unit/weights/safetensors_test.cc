// safetensors: values equal to the safetensors package (tests/parity/record_gguf.py), our own
// files, and damaged ones.
#include "weights/safetensors.h"

#include <algorithm>

#include "weights_files.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

const fs::path kFloats = "tests/parity/data/floats.safetensors";

TEST(Safetensors, ValuesEqualThePackageToTheBit) {
  const Safetensors file(kFloats);
  const std::vector<float> expected = floats_of("tests/parity/data/floats.f32");
  std::vector<TensorInfo> tensors = file.tensors();
  std::ranges::sort(tensors, {}, &TensorInfo::name);
  ASSERT_EQ(tensors.size(), 7u);
  std::vector<float> values;
  for (const TensorInfo& tensor : tensors) {
    const std::vector<float> part = decoded(tensor);
    values.insert(values.end(), part.begin(), part.end());
  }
  ASSERT_EQ(values.size(), expected.size());
  size_t different = 0;
  for (size_t i = 0; i < values.size(); ++i)
    different += std::memcmp(&values[i], &expected[i], sizeof(float)) != 0;
  EXPECT_EQ(different, 0u);
  std::printf("safetensors: %zu values in 4 types, %zu with other bits\n", values.size(),
              different);
  EXPECT_EQ(tensors[3].shape, std::vector<int64_t>{});
  EXPECT_EQ(tensors[4].shape, (std::vector<int64_t>{0, 4}));
  EXPECT_EQ(tensors[5].name, "f \"é\\");
  EXPECT_EQ(file.metadata().at("note"), "é");
}

TEST(Safetensors, WrittenFilesReadBack) {
  const fs::path path = scratch() / "ours.safetensors";
  const std::vector<float> a = {1.5f, -0.0f, 3e-42f}, b = {7};
  write_safetensors(path, {{"a", {3, 1}, a.data()}, {"none", {0}, nullptr}, {"b", {}, b.data()}});
  const Safetensors file(path);
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(std::memcmp(decoded(file.tensors()[0]).data(), a.data(), 12), 0);
  EXPECT_EQ(decoded(file.tensors()[2]), b);
  EXPECT_EQ(file.metadata().at("format"), "pt");
}

TEST(Safetensors, EveryTruncationIsRefused) {
  const fs::path path = scratch() / "cut.safetensors";
  const std::string bytes = read_file(kFloats);
  write_bytes(path, bytes);
  for (size_t size = bytes.size(); size-- > 0;) {
    fs::resize_file(path, size);
    ASSERT_TRUE(refused<Safetensors>(path)) << size;
  }
}

TEST(Safetensors, MutationsNeverCrash) {
  EXPECT_GT(refused_mutations<Safetensors>(read_file(kFloats), 500, scratch() / "bad.safetensors"),
            1000);
}

std::string file_of(const std::string& header, size_t data = 16) {
  return raw<uint64_t>(header.size()) + header + std::string(data, '\0');
}

TEST(Safetensors, WrongHeadersAreNamed) {
  const fs::path path = scratch() / "x.safetensors";
  const auto entry = [](const char* dtype, const char* shape, const char* offsets) {
    return fmt::format(R"({{"dtype":"{}","shape":{},"data_offsets":{}}})", dtype, shape, offsets);
  };
  const std::string half = entry("F32", "[2]", "[0,8]"), other = entry("F32", "[2]", "[8,16]");
  const auto one = [](const std::string& body) { return file_of("{\"t\":" + body + "}"); };
  const std::pair<std::string, const char*> cases[] = {
      {"abc", "too short"},
      {raw<uint64_t>(100) + "{}", "the header claims 100 bytes"},
      {raw<uint64_t>(UINT64_MAX) + "{}", "the header claims"},
      {raw<uint64_t>(UINT64_MAX - 7) + "{}", "the header claims"},
      {file_of("", 0), "not valid JSON"},
      {file_of("[]"), "not a JSON object"},
      {file_of("{\"t\":"), "not valid JSON"},
      {file_of("{\"__metadata__\":3}"), "__metadata__"},
      {file_of("{\"t\":" + std::string(5000, '[') + std::string(5000, ']') + "}"),
       "nests deeper than 512"},
      {file_of("{\"t\":" + std::string(5'000'000, '[')), "nests deeper than 512"},
      {file_of("{\"t\":" + half + ",\"t\":" + other + "}"), "\"t\" occurs twice"},
      {file_of("{\"t\":" + half + ",\"t\":" + half + "}", 8), "\"t\" occurs twice"},
      {one("7"), "tensor t: needs dtype"},
      {one(R"({"dtype":"F32","shape":[4]})"), "tensor t: needs dtype"},
      {one(entry("F32", "[-4]", "[0,16]")), "tensor t: needs dtype"},
      {one(entry("F32", "[4.0]", "[0,16]")), "tensor t: needs dtype"},
      {one(entry("F32", "[4]", "[0,16,32]")), "tensor t: needs dtype"},
      {one(entry("F8_E4M3", "[16]", "[0,16]")), "tensor t: dtype F8_E4M3 is not supported"},
      {one(entry("F8_E5M2", "[16]", "[0,16]")), "F32, F16, BF16 and F64 are"},
      {one(entry("F4", "[32]", "[0,16]")), "dtype F4 is not supported"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 5\n", "git lfs pull"},
      {file_of("{\"" + std::string(100'000, 'n') + "\":7}"), "n... (100000 bytes): needs dtype"},
      {file_of("{}" + std::string(1, '\0'), 0), "holds a NUL byte"},
      {one(entry("Q4_0", "[32]", "[0,18]")), "tensor t: dtype Q4_0 is not supported"},
      {one(entry("F32", "[3]", "[0,16]")), "span 16 bytes, dtype and shape need 12"},
      {one(entry("F32", "[4]", "[16,0]")), "tensor t: data_offsets"},
      {one(entry("F32", "[4]", "[4,20]")), "overlaps another or leaves a hole"},
      {one(entry("F32", "[8]", "[0,32]")), "tensor t lies outside the file"},
      {one(half), "8 bytes after the last tensor"},
      {one(entry("F32", "[18446744073709551615]", "[0,16]")), "tensor t: the shape is too large"},
      {one(entry("F32", "[4294967296,4294967296]", "[0,16]")),
       "tensor t: the shape is negative or too large"},
      {one(entry("F32", "[4611686018427387905]", "[0,4]")), "tensor t: the shape is too large"},
      {file_of("{\"a\":" + half + ",\"b\":" + entry("F32", "[3]", "[4,16]") + "}"),
       "tensor b overlaps another"},
      {file_of("{\"a\":" + half + ",\"b\":" + entry("F32", "[1]", "[12,16]") + "}"),
       "tensor b overlaps another or leaves a hole"},
  };
  for (const auto& [bytes, words] : cases) {
    write_bytes(path, bytes);
    EXPECT_THAT([&] { Safetensors file(path); },
                ThrowsMessage<Error>(AllOf(HasSubstr("x.safetensors"), HasSubstr(words))))
        << words;
  }
  write_bytes(path, file_of("{\"z\":" + half + ",\"a\":" + other +
                            ",\"none\":" + entry("F32", "[0]", "[8,8]") + "}"));
  EXPECT_EQ(Safetensors(path).tensors().size(), 3u)
      << "an empty tensor between two others is no overlap";
  write_bytes(path, file_of("{\"t\":" + entry("I64", "[2]", "[0,16]") + "}"));
  const Safetensors whole(path);
  EXPECT_THAT([&] { decoded(whole.tensors()[0]); },
              ThrowsMessage<Error>(HasSubstr("tensor t: holds I64 values")));
}

TEST(Safetensors, AHeaderOfManyTensorsIsReadInGoodTime) {
  std::string header = "{";
  for (int i = 0; i < 200'000; ++i)
    header +=
        fmt::format("\"tensor.{}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}},", i);
  header.back() = '}';
  const fs::path path = scratch() / "many.safetensors";
  write_bytes(path, file_of(header, 0));
  // a search for each key would need minutes
  EXPECT_EQ(Safetensors(path).tensors().size(), 200'000u);
}

}  // namespace
}  // namespace slipway
