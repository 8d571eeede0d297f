// Pickles as torch.save writes them, without the memo that a pickle may do without.
#include <algorithm>
#include <bit>

#include "base/error.h"
#include "weights/pickle.h"

namespace slipway {
namespace {

struct StorageKind {
  Encoding encoding;
  std::string_view name;
};
constexpr StorageKind kStorages[] = {
    {Encoding::kF64, "DoubleStorage"}, {Encoding::kF32, "FloatStorage"},
    {Encoding::kF16, "HalfStorage"},   {Encoding::kBF16, "BFloat16Storage"},
    {Encoding::kI64, "LongStorage"},   {Encoding::kI32, "IntStorage"},
    {Encoding::kI16, "ShortStorage"},  {Encoding::kI8, "CharStorage"},
    {Encoding::kU8, "ByteStorage"},    {Encoding::kBool, "BoolStorage"}};

class Writer {
 public:
  explicit Writer(std::vector<TensorInfo>& tensors) : tensors_(tensors) {}

  void value(const TorchValue& v) {
    using Kind = TorchValue::Kind;
    switch (v.kind) {
      case Kind::kNone:
        out += 'N';
        return;
      case Kind::kBool:
        out += v.integer != 0 ? '\x88' : '\x89';
        return;
      case Kind::kInteger:
        return integer(v.integer);
      case Kind::kReal:
        return real(v.real);
      case Kind::kText:
        return text(v.text);
      case Kind::kList:
        out += ']';
        return many('e', v);
      case Kind::kTuple:
        out += '(';
        for (const TorchValue& item : v.items) value(item);
        out += 't';
        return;
      case Kind::kDict:
        out += '}';
        return many('u', v);
      case Kind::kTensor:
        return tensor(v.tensor);
      case Kind::kWords:
        return words(v.words);
    }
  }

  std::string out;

 private:
  template <class T>
  void raw(T number) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
  }

  void many(char opcode, const TorchValue& v) {
    if (v.items.empty()) return;
    out += '(';
    for (size_t i = 0; i < v.items.size(); ++i) {
      if (!v.keys.empty()) value(v.keys[i]);
      value(v.items[i]);
    }
    out += opcode;
  }

  void integer(int64_t number) {
    if (number >= INT32_MIN && number <= INT32_MAX) {
      out += 'J';
      return raw(static_cast<int32_t>(number));
    }
    out += "\x8a\x08";
    raw(number);
  }

  void real(double number) {
    out += 'G';
    raw(__builtin_bswap64(std::bit_cast<uint64_t>(number)));
  }

  void text(std::string_view t) {
    out += 'X';
    raw(static_cast<uint32_t>(t.size()));
    out += t;
  }

  void global(std::string_view module, std::string_view name) {
    out += fmt::format("c{}\n{}\n", module, name);
  }

  void tensor(const TensorInfo& t) {
    const int64_t count = element_count(t.shape, "a tensor to write");
    global("torch._utils", "_rebuild_tensor_v2");
    out += "((";
    text("storage");
    global("torch", storage_name(t.encoding));
    text(std::to_string(tensors_.size()));
    text("cpu");
    integer(count);
    out += "tQ";
    integer(0);
    out += '(';
    for (const int64_t extent : t.shape) integer(extent);
    out += "t(";
    std::vector<int64_t> strides(t.shape.size(), 1);
    for (size_t i = t.shape.size(); i-- > 1;)
      strides[i - 1] = strides[i] * std::max<int64_t>(t.shape[i], 1);
    for (const int64_t stride : strides) integer(stride);
    out += "t\x89";
    global("collections", "OrderedDict");
    out += ")RtR";
    tensors_.push_back(t);
  }

  // In protocol 2 Python's bytes are text of the code points 0 to 255, to be encoded again.
  void bytes(std::string_view b) {
    std::string utf8;
    for (const char c : b) {
      const auto u = static_cast<unsigned char>(c);
      if (u < 0x80) utf8 += c;
      else utf8 += static_cast<char>(0xC0 | u >> 6), utf8 += static_cast<char>(0x80 | (u & 0x3F));
    }
    global("_codecs", "encode");
    out += '(';
    text(utf8);
    text("latin1");
    out += "tR";
  }

  void words(const std::vector<uint32_t>& w) {
    global("numpy._core.multiarray", "_reconstruct");
    out += '(';
    global("numpy", "ndarray");
    out += '(';
    integer(0);
    out += 't';
    bytes("b");
    // the state that BUILD gives the empty array: version, shape, dtype, Fortran order, data
    out += "tR(";
    integer(1);
    out += '(';
    integer(static_cast<int64_t>(w.size()));
    out += 't';
    global("numpy", "dtype");
    out += '(';
    text("u4");
    out += "\x89\x88tR(";
    integer(3);
    text("<");
    out += "NNN";
    integer(-1), integer(-1), integer(0);
    out += "tb\x89";
    bytes({reinterpret_cast<const char*>(w.data()), w.size() * sizeof(uint32_t)});
    out += "tb";
  }

  std::vector<TensorInfo>& tensors_;
};

}  // namespace

std::string_view storage_name(Encoding encoding) {
  for (const StorageKind& kind : kStorages)
    if (kind.encoding == encoding) return kind.name;
  fail("torch.save has no storage of {} values", traits(encoding).name);
}

bool storage_encoding(std::string_view name, Encoding& encoding) {
  for (const StorageKind& kind : kStorages)
    if (kind.name == name) {
      encoding = kind.encoding;
      return true;
    }
  return false;
}

std::string pickle(const TorchValue& value, std::vector<TensorInfo>& tensors) {
  Writer writer(tensors);
  writer.out = "\x80\x02";
  writer.value(value);
  return std::move(writer.out) + '.';
}

}  // namespace slipway
