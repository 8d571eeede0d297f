// torch.save's files: torch's own (tests/parity/record_torch_files.py), copies of them (which
// check_torch_files.py lets torch read), damaged ones, and pickles that want more than plain
// values.
#include "weights/torch_file.h"

#include <algorithm>
#include <cstdint>
#include <functional>

#include "weights/pickle.h"
#include "weights_files.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

const fs::path kData = "tests/parity/data";

TEST(TorchFile, AdamWsStateIsRead) {
  const TorchFile file(kData / "torch_optimizer.pt");
  const TorchValue* second = file.value().find("state")->find(1);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(decoded(second->find("step")->tensor), std::vector<float>{3});
  EXPECT_EQ(second->find("exp_avg")->tensor.shape, std::vector<int64_t>{3});
  EXPECT_NEAR(decoded(second->find("exp_avg")->tensor)[0], 0.271, 1e-6);
  EXPECT_EQ(file.value().find("param_groups")->items[0].find("betas")->items[1].real, 0.999);
}

TEST(TorchFile, GeneratorsAndPlainValuesAreRead) {
  const TorchFile rng(kData / "torch_rng_state.pt"), plain(kData / "torch_plain.pt");
  EXPECT_EQ(rng.value().find("python")->items[1].items.size(), 625u);
  EXPECT_EQ(rng.value().find("numpy")->items[1].words.size(), 624u);
  EXPECT_EQ(rng.value().find("numpy")->items[1].words[0], 1u);
  EXPECT_EQ(rng.value().find("cpu")->tensor.shape, std::vector<int64_t>{5056});
  EXPECT_EQ(plain.value().find("long")->integer, int64_t{1} << 40);
  EXPECT_EQ(plain.value().find("minus")->integer, -7);
  EXPECT_EQ(plain.value().find("text")->text, "é");
  for (const char* type : {"float64", "float32", "float16", "bfloat16"})
    EXPECT_EQ(decoded(plain.value().find("tensors")->find(type)->tensor),
              (std::vector<float>{0, 1, 2, 3}))
        << type;
}

TEST(TorchFile, CopiesReadBack) {
  const fs::path folder = scratch();
  for (const char* name :
       {"torch_optimizer.pt", "torch_scheduler.pt", "torch_rng_state.pt", "torch_plain.pt"}) {
    const TorchFile original(kData / name);
    write_torch_file(folder / name, original.value());
    const TorchFile copy(folder / name);
    std::vector<TensorInfo> a, b;
    EXPECT_EQ(pickle(original.value(), a), pickle(copy.value(), b)) << name;
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_TRUE(std::ranges::equal(a[i].bytes, b[i].bytes)) << name << " " << i;
      EXPECT_EQ((reinterpret_cast<uintptr_t>(b[i].bytes.data()) % 64), 0u);
    }
  }
}

TEST(TorchFile, ObjectsAreRefusedByName) {
  EXPECT_THAT([] { TorchFile(kData / "torch_object.pt"); },
              ThrowsMessage<Error>(AllOf(HasSubstr("torch_object.pt"), HasSubstr("pathlib"),
                                         HasSubstr("nothing was run"))));
}

bool refused_torch(const fs::path& path) {
  try {
    const TorchFile file(path);
    return false;
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr(path.filename().string()));
    return true;
  }
}

TEST(TorchFile, DamagedFilesNeverCrash) {
  const fs::path path = scratch() / "bad.pt";
  const std::string bytes = read_file(kData / "torch_optimizer.pt");
  for (size_t size = bytes.size(); size-- > 0;) {
    write_bytes(path, bytes.substr(0, size));
    ASSERT_TRUE(refused_torch(path)) << size;
  }
  std::mt19937 random(5);
  int out = 0;
  for (int n = 0; n < 3000; ++n) {
    std::string damaged = bytes;
    for (size_t i = 1 + random() % 6; i > 0; --i)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    write_bytes(path, damaged);
    out += refused_torch(path);
  }
  EXPECT_GT(out, 500);
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(TorchFile, EveryFlippedBitOfATensorIsRefused) {
  const fs::path path = scratch() / "bad.pt";
  const std::string bytes = read_file(kData / "torch_optimizer.pt");
  const ZipStore zip(kData / "torch_optimizer.pt");
  int flips = 0;
  for (const auto& [name, entry] : zip.entries()) {
    if (name.find("/data/") == std::string::npos) continue;
    const size_t begin = bytes.find(text_of(entry));
    for (size_t bit = 0; bit < 8 * entry.size(); ++bit, ++flips) {
      std::string damaged = bytes;
      damaged[begin + bit / 8] = static_cast<char>(damaged[begin + bit / 8] ^ (1 << bit % 8));
      write_bytes(path, damaged);
      ASSERT_TRUE(refused_torch(path)) << name << " bit " << bit;
    }
  }
  EXPECT_GT(flips, 200);
}

// An archive of two entries; `change` gets the place of the second one in the directory.
void write_two(const fs::path& path, const std::function<void(std::string&, size_t)>& change) {
  ZipWriter zip(path);
  zip.add("x/a", std::string_view("the same"));
  zip.add("x/b", std::string_view("the same"));
  zip.finish();
  std::string bytes = read_file(path);
  change(bytes, bytes.rfind("PK\x01\x02"));
  write_bytes(path, bytes);
}

TEST(ZipStore, OverlappingEntriesAreRefused) {
  const fs::path path = scratch() / "two.zip";
  write_two(path, [](std::string&, size_t) {});
  EXPECT_EQ(ZipStore(path).entries().size(), 2u);
  // at the first one's place
  write_two(path, [](std::string& bytes, size_t second) {
    bytes.replace(second + 42, 4, std::string(4, '\0'));
  });
  EXPECT_THAT([&] { ZipStore{path}; }, ThrowsMessage<Error>(HasSubstr("overlaps another")));
}

TEST(ZipStore, ANameIsThereOnce) {
  const fs::path path = scratch() / "two.zip";
  write_two(path, [](std::string& bytes, size_t second) { bytes[second + 46 + 2] = 'a'; });
  EXPECT_THAT([&] { ZipStore{path}; }, ThrowsMessage<Error>(HasSubstr("has two entries \"x/a\"")));
}

TEST(ZipStore, ChecksumsAreHeldAgainstTheBytesWhereThereAreAny) {
  const fs::path path = scratch() / "two.zip";
  write_two(path, [](std::string& bytes, size_t second) {
    bytes[second + 16] = static_cast<char>(bytes[second + 16] ^ 1);
  });
  EXPECT_THAT([&] { ZipStore{path}; },
              ThrowsMessage<Error>(HasSubstr("entry \"x/b\" differs from its checksum")));
  // as torch without checksums
  write_two(path, [](std::string& bytes, size_t second) {
    bytes.replace(second + 16, 4, std::string(4, '\0'));
  });
  EXPECT_EQ(text_of(ZipStore(path).entries().at("x/b")), "the same");
}

TEST(ZipStore, AnArchiveIsThereWhenItIsFinished) {
  const fs::path path = scratch() / "one.zip";
  {
    ZipWriter zip(path);
    zip.add("x/a", "x");
    EXPECT_FALSE(fs::exists(path));
  }
  EXPECT_TRUE(fs::is_empty(path.parent_path()));
}

TEST(Pickle, WantsMoreThanPlainValues) {
  const auto reading = [](std::string body) {
    return [body] {
      unpickle("\x80\x02" + body, "x.pt",
               [](const std::string&) { return std::span<const std::byte>(); });
    };
  };
  EXPECT_THAT(reading("cos\nsystem\n(X\x02\0\0\0idtR."),
              ThrowsMessage<Error>(HasSubstr("os.system")));
  EXPECT_THAT(reading("]q"), ThrowsMessage<Error>(HasSubstr("cut short")));
  const std::string itself{"]q\0h\0a.", 7};
  EXPECT_THAT(reading(itself), ThrowsMessage<Error>(HasSubstr("contain themselves")));
  EXPECT_THAT(reading(std::string(500, ']') + std::string(499, 'a') + "."),
              ThrowsMessage<Error>(HasSubstr("nested deeper")));
  EXPECT_THAT(reading("\x93."), ThrowsMessage<Error>(HasSubstr("opcode 0x93")));
  EXPECT_THAT(reading("t."), ThrowsMessage<Error>(HasSubstr("damaged")));
  EXPECT_THAT(reading("."), ThrowsMessage<Error>(HasSubstr("damaged")));
  EXPECT_THAT(reading("N(\x85t."), ThrowsMessage<Error>(HasSubstr("damaged")))
      << "takes what lies below its mark";
}

std::string binint(int64_t value) { return std::string("\x8a\x08", 2) + raw(value); }
std::string text_of(const std::string& text) {
  return "X" + raw(static_cast<uint32_t>(text.size())) + text;
}

TEST(Pickle, IntegersOfEveryLengthKeepTheirSign) {
  const auto read = [](const std::string& bytes) {
    return unpickle("\x80\x02\x8a" + std::string(1, static_cast<char>(bytes.size())) + bytes + ".",
                    "x.pt", [](const std::string&) { return std::span<const std::byte>(); })
        .integer;
  };
  EXPECT_EQ(read(""), 0);
  EXPECT_EQ(read("\xfb"), -5);
  EXPECT_EQ(read(std::string("\xfb\x00", 2)), 251);
  EXPECT_EQ(read(std::string("\x00\xff", 2)), -256);
  EXPECT_EQ(read("\xd6\xff\xff"), -42);
  EXPECT_EQ(read(std::string(7, '\0') + "\x80"), std::numeric_limits<int64_t>::min());
}

TEST(Pickle, AnEmptyTensorOfHugeExtentsIsOne) {
  const std::string storage = "(" + text_of("storage") + "ctorch\nFloatStorage\n" + text_of("0") +
                              text_of("cpu") + binint(0) + "tQ";
  const std::string extents =
      "(" + binint(0) + binint(int64_t{1} << 62) + binint(int64_t{1} << 62) + "t";
  const std::string tensor = "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + binint(0) +
                             extents + extents + "\x89" + "ccollections\nOrderedDict\n)RtR.";
  const TorchValue read = unpickle("\x80\x02" + tensor, "x.pt",
                                   [](const std::string&) { return std::span<const std::byte>(); });
  EXPECT_EQ(read.tensor.shape, (std::vector<int64_t>{0, int64_t{1} << 62, int64_t{1} << 62}));
  EXPECT_TRUE(read.tensor.bytes.empty());
}

// One array of a megabyte, named three hundred times: unfolded it would be 300 MB.
TEST(Pickle, ArraysCountAgainstTheLimitOfText) {
  const std::string words(1 << 20, 'a');
  const std::string type =
      "cnumpy\ndtype\n(" + text_of("u4") + "tR(" + "K\x03" + text_of("<") + "tb";
  const std::string data = "c_codecs\nencode\n(" + text_of(words) + text_of("latin1") + "tR";
  const std::string state = "(K\x01(" + binint(1 << 18) + "t" + type + "\x89" + data + "t";
  const std::string array = "cnumpy.core.multiarray\n_reconstruct\n(tR" + state + "bq\x01";
  std::string list = "](" + array;
  for (int i = 0; i < 300; ++i) list += "h\x01";
  const auto read = [](const std::string& body) {
    return unpickle("\x80\x02" + body, "x.pt",
                    [](const std::string&) { return std::span<const std::byte>(); });
  };
  EXPECT_EQ(read(array + ".").words.size(), size_t{1} << 18);
  EXPECT_THAT([&] { read(list + "e."); }, ThrowsMessage<Error>(HasSubstr("256 MiB")));
}

}  // namespace
}  // namespace slipway
