// From the pickle machine's nodes to plain values.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "weights/pickle_node.h"

namespace slipway {
namespace {

constexpr std::string_view kGlobals[] = {"collections.OrderedDict",
                                         "torch._utils._rebuild_tensor_v2",
                                         "_codecs.encode",
                                         "numpy._core.multiarray._reconstruct",
                                         "numpy.core.multiarray._reconstruct",
                                         "numpy.ndarray",
                                         "numpy.dtype"};

class Plain {
  using Kind = PickleNode::Kind;

 public:
  Plain(const std::string& origin, const StorageBytes& storage)
      : origin_(origin), storage_(storage) {}

  TorchValue value(const PickleNode& node, int depth = 0) {
    if (depth > 64) fail("{}: values are nested deeper than 64, or contain themselves", origin_);
    if (++count_ > 4'000'000) fail("{}: unfolds to more than 4 million values", origin_);
    TorchValue out;
    switch (node.kind) {
      case Kind::kNone:
        return out;
      case Kind::kBool:
        return node.integer != 0;
      case Kind::kInteger:
        return node.integer;
      case Kind::kReal:
        return node.real;
      case Kind::kText:
        count_text(node.text);
        return node.text;
      case Kind::kList:
      case Kind::kTuple:
        out = node.kind == Kind::kList ? TorchValue::list() : TorchValue::tuple({});
        for (const PickleNode* item : node.items) out.items.push_back(value(*item, depth + 1));
        return out;
      case Kind::kDict:
        out = TorchValue::dict();
        for (size_t i = 0; i < node.items.size(); ++i)
          (i % 2 == 0 ? out.keys : out.items).push_back(value(*node.items[i], depth + 1));
        return out;
      case Kind::kCall:
        return call(node);
      case Kind::kGlobal:
        fail("{}: {} stands where a plain value is needed", origin_, node.text);
      case Kind::kStorage:
        fail("{}: a storage stands where a plain value is needed", origin_);
    }
    return out;
  }

 private:
  // A pickle names one text many times; each is a copy here.
  void count_text(const std::string& text) {
    if ((text_ += text.size()) > size_t{256} << 20)
      fail("{}: unfolds to more than 256 MiB of text", origin_);
  }
  const PickleNode& item(const PickleNode& node, size_t index, Kind kind) const {
    if (index >= node.items.size() || node.items[index]->kind != kind)
      fail("{}: a tensor or array is described in a way that is not known", origin_);
    return *node.items[index];
  }
  std::vector<int64_t> integers(const PickleNode& tuple) const {
    if (tuple.items.size() > 32) fail("{}: a tensor of {} dimensions", origin_, tuple.items.size());
    std::vector<int64_t> out;
    for (size_t i = 0; i < tuple.items.size(); ++i)
      out.push_back(item(tuple, i, Kind::kInteger).integer);
    return out;
  }

  TorchValue call(const PickleNode& node) {
    const std::string& name = item(node, 0, Kind::kGlobal).text;
    const PickleNode& arguments = item(node, 1, Kind::kTuple);
    const bool built = node.items.size() > 2;
    if (name == "torch._utils._rebuild_tensor_v2" && !built) return tensor(arguments);
    if (name.ends_with("multiarray._reconstruct") && built)
      return array(item(node, 2, Kind::kTuple));
    fail("{}: {} is used in a way that plain values do not need; nothing was run", origin_, name);
  }

  TorchValue tensor(const PickleNode& arguments) const {
    const PickleNode& id = item(item(arguments, 0, Kind::kStorage), 0, Kind::kTuple);
    const std::string& type = item(id, 1, Kind::kGlobal).text;
    TensorInfo out{};
    if (!type.starts_with("torch.") ||
        !storage_encoding(std::string_view(type).substr(6), out.encoding))
      fail("{}: a tensor over {}, which is not known", origin_, type);
    const int64_t offset = item(arguments, 1, Kind::kInteger).integer,
                  width = traits(out.encoding).bytes;
    out.shape = integers(item(arguments, 2, Kind::kTuple));
    const std::vector<int64_t> strides = integers(item(arguments, 3, Kind::kTuple));
    const int64_t count = element_count(out.shape, origin_);
    if (strides.size() != out.shape.size())
      fail("{}: a tensor with {} extents and {} strides", origin_, out.shape.size(),
           strides.size());
    int64_t expected = 1;  // stays within `count`
    for (size_t i = strides.size(); count != 0 && i-- > 0; expected *= out.shape[i])
      if (out.shape[i] != 1 && strides[i] != expected)
        fail("{}: a tensor is not contiguous; save it with .contiguous()", origin_);
    const auto bytes = storage_(item(id, 2, Kind::kText).text);
    const auto have = static_cast<int64_t>(bytes.size()) / width;
    if (offset < 0 || offset > have || count > have - offset)
      fail("{}: a tensor of {} values at {} lies outside its storage of {}", origin_, count, offset,
           have);
    out.bytes =
        bytes.subspan(static_cast<size_t>(offset * width), static_cast<size_t>(count * width));
    return out;
  }

  // (version, shape, dtype, Fortran order, data), of which only a row of little-endian uint32 is
  // known.
  TorchValue array(const PickleNode& state) {
    const std::vector<int64_t> shape = integers(item(state, 1, Kind::kTuple));
    const PickleNode& type = item(state, 2, Kind::kCall);
    const PickleNode& encoded = item(item(state, 4, Kind::kCall), 1, Kind::kTuple);
    const bool little = type.items.size() > 2 && item(*type.items[2], 1, Kind::kText).text == "<";
    if (shape.size() != 1 || item(type, 0, Kind::kGlobal).text != "numpy.dtype" ||
        item(item(type, 1, Kind::kTuple), 0, Kind::kText).text != "u4" || !little)
      fail("{}: a numpy array that is not a row of uint32, as the generator's state is", origin_);
    if (item(item(state, 4, Kind::kCall), 0, Kind::kGlobal).text != "_codecs.encode" ||
        item(encoded, 1, Kind::kText).text != "latin1")
      fail("{}: a numpy array's bytes are encoded in a way that is not known", origin_);
    const std::string& text = item(encoded, 0, Kind::kText).text;
    count_text(text);
    const std::string bytes = latin1(text);
    if (bytes.size() % 4 != 0 || static_cast<int64_t>(bytes.size() / 4) != shape[0])
      fail("{}: a numpy array of {} values has {} bytes", origin_, shape[0], bytes.size());
    std::vector<uint32_t> words(bytes.size() / 4);
    if (!words.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
    return TorchValue::array(std::move(words));
  }

  std::string latin1(const std::string& utf8) const {
    std::string out;
    for (size_t i = 0; i < utf8.size(); ++i) {
      const auto c = static_cast<unsigned char>(utf8[i]);
      if (c < 0x80) {
        out += utf8[i];
        continue;
      }
      if ((c != 0xC2 && c != 0xC3) || ++i == utf8.size())
        fail("{}: a numpy array's bytes are damaged", origin_);
      out += static_cast<char>((c & 3) << 6 | (utf8[i] & 0x3F));
    }
    return out;
  }

  const std::string& origin_;
  const StorageBytes& storage_;
  size_t count_ = 0, text_ = 0;
};

}  // namespace

bool known_global(std::string_view name) {
  Encoding ignored{};
  return std::ranges::find(kGlobals, name) != std::end(kGlobals) ||
         (name.starts_with("torch.") && storage_encoding(name.substr(6), ignored));
}

TorchValue plain_value(const PickleNode& root, const std::string& origin,
                       const StorageBytes& storage) {
  return Plain(origin, storage).value(root);
}

}  // namespace slipway
