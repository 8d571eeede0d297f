// A pickle machine that knows plain values only.
#include <bit>
#include <cstring>
#include <deque>
#include <unordered_map>

#include "base/error.h"
#include "weights/pickle.h"
#include "weights/pickle_node.h"

namespace slipway {
namespace {

class Machine {
 public:
  Machine(std::string_view bytes, const std::string& origin) : in_(bytes), origin_(origin) {}

  PickleNode* run() {
    while (true) {
      const char opcode = static_cast<char>(byte());
      if (opcode == '.') return pop();
      if (!scalar(opcode) && !container(opcode) && !special(opcode))
        fail(
            "{}: pickle opcode 0x{:02x} at byte {} is not among those of plain values; nothing of "
            "it was run",
            origin_, static_cast<unsigned char>(opcode), at_ - 1);
    }
  }

 private:
  using Kind = PickleNode::Kind;
  static constexpr size_t kMaxNodes = 4'000'000;

  std::string_view take(size_t size) {
    if (size > in_.size() - at_) fail("{}: the pickle is cut short", origin_);
    at_ += size;
    return in_.substr(at_ - size, size);
  }
  unsigned char byte() { return static_cast<unsigned char>(take(1)[0]); }
  template <class T>
  T number() {
    T out;
    std::memcpy(&out, take(sizeof out).data(), sizeof out);
    return out;
  }
  std::string_view line() {
    const size_t end = in_.find('\n', at_);
    if (end == std::string_view::npos) fail("{}: the pickle is cut short", origin_);
    const std::string_view out = take(end - at_);
    take(1);
    return out;
  }

  PickleNode* push(PickleNode node) {
    if (nodes_.size() >= kMaxNodes)
      fail("{}: the pickle holds more than {} values", origin_, kMaxNodes);
    nodes_.push_back(std::move(node));
    stack_.push_back(&nodes_.back());
    return stack_.back();
  }
  bool push_integer(int64_t value) {
    return push({.kind = Kind::kInteger, .integer = value, .real = 0, .text = {}, .items = {}}) !=
           nullptr;
  }
  bool push_kind(Kind kind, int64_t value = 0) {
    return push({.kind = kind, .integer = value, .real = 0, .text = {}, .items = {}}) != nullptr;
  }
  bool push_text(Kind kind, std::string_view text) {
    return push({.kind = kind, .integer = 0, .real = 0, .text = std::string(text), .items = {}}) !=
           nullptr;
  }

  [[noreturn]] void damaged() const {
    fail("{}: the pickle is damaged near byte {}", origin_, at_);
  }
  PickleNode* pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) damaged();
    PickleNode* out = stack_.back();
    stack_.pop_back();
    return out;
  }
  PickleNode* top() {
    PickleNode* out = pop();
    stack_.push_back(out);
    return out;
  }
  std::vector<PickleNode*> pop_to_mark() {
    if (marks_.empty()) damaged();
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleNode*> out(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return out;
  }
  std::vector<PickleNode*> pop_some(size_t count) {
    std::vector<PickleNode*> out(count);
    for (size_t i = count; i-- > 0;) out[i] = pop();
    return out;
  }

  bool scalar(char opcode) {
    switch (opcode) {
      case 'N':
        return push_kind(Kind::kNone);
      case '\x88':
        return push_kind(Kind::kBool, 1);
      case '\x89':
        return push_kind(Kind::kBool, 0);
      case 'K':
        return push_integer(byte());
      case 'M':
        return push_integer(number<uint16_t>());
      case 'J':
        return push_integer(number<int32_t>());
      case '\x8a':
        return long_integer();
      case 'G':
        push_kind(Kind::kReal);
        top()->real = std::bit_cast<double>(__builtin_bswap64(number<uint64_t>()));
        return true;
      case 'X':
        return push_text(Kind::kText, take(number<uint32_t>()));
      default:
        return false;
    }
  }

  bool long_integer() {
    const std::string_view bytes = take(byte());
    if (bytes.size() > 8) fail("{}: an integer of {} bytes; 8 are known", origin_, bytes.size());
    int64_t value = !bytes.empty() && (bytes.back() & 0x80) != 0 ? -1 : 0;
    std::memcpy(&value, bytes.data(), bytes.size());
    return push_integer(value);
  }

  bool container(char opcode) {
    switch (opcode) {
      case '}':
        return push_kind(Kind::kDict);
      case ']':
        return push_kind(Kind::kList);
      case ')':
        return push_kind(Kind::kTuple);
      case '(':
        marks_.push_back(stack_.size());
        return marks_.size() < 1000 || (damaged(), false);
      case 't':
        return tuple(pop_to_mark());
      case '\x85':
        return tuple(pop_some(1));
      case '\x86':
        return tuple(pop_some(2));
      case '\x87':
        return tuple(pop_some(3));
      case 'a':
        return extend(Kind::kList, pop_some(1));
      case 'e':
        return extend(Kind::kList, pop_to_mark());
      case 's':
        return extend(Kind::kDict, pop_some(2));
      case 'u':
        return extend(Kind::kDict, pop_to_mark());
      default:
        return false;
    }
  }
  bool tuple(std::vector<PickleNode*> items) {
    push_kind(Kind::kTuple);
    top()->items = std::move(items);
    return true;
  }
  bool extend(Kind kind, const std::vector<PickleNode*>& items) {
    PickleNode* into = top();
    if (into->kind != kind || (kind == Kind::kDict && items.size() % 2 != 0)) damaged();
    into->items.insert(into->items.end(), items.begin(), items.end());
    return true;
  }

  bool special(char opcode) {
    switch (opcode) {
      case '\x80':
        if (const int protocol = byte(); protocol != 2)
          fail("{}: pickle protocol {}; torch.save writes 2", origin_, protocol);
        return true;
      case 'q':
        return remember(byte());
      case 'r':
        return remember(number<uint32_t>());
      case 'h':
        return recall(byte());
      case 'j':
        return recall(number<uint32_t>());
      case 'c':
        return global();
      case 'Q':
        return wrap(Kind::kStorage, {pop()});
      case 'R': {
        PickleNode* arguments = pop();
        PickleNode* function = pop();
        const bool plain_dict =
            function->kind == Kind::kGlobal && function->text == "collections.OrderedDict";
        // filled afterwards
        if (plain_dict && arguments->kind == Kind::kTuple && arguments->items.empty())
          return push_kind(Kind::kDict);
        return wrap(Kind::kCall, {function, arguments});
      }
      case 'b': {
        PickleNode* state = pop();
        PickleNode* built = top();
        if (built->kind != Kind::kCall || built->items.size() != 2)
          fail("{}: an object's state is set; only numpy arrays have one here", origin_);
        built->items.push_back(state);
        return true;
      }
      default:
        return false;
    }
  }
  bool remember(uint32_t slot) {
    memo_[slot] = top();
    return true;
  }
  bool recall(uint32_t slot) {
    const auto found = memo_.find(slot);
    if (found == memo_.end()) damaged();
    stack_.push_back(found->second);
    if (stack_.size() > kMaxNodes) damaged();
    return true;
  }
  bool wrap(Kind kind, std::vector<PickleNode*> items) {
    push_kind(kind);
    top()->items = std::move(items);
    return true;
  }
  bool global() {
    std::string name(line());
    name += ".";
    name += line();
    if (!known_global(name))
      fail(
          "{}: names the Python object {}; only tensors and plain values are read here, and "
          "nothing was run. If the file is to be trusted, "
          "load it in Python and save its tensors and numbers alone",
          origin_, name.substr(0, 200));
    return push_text(Kind::kGlobal, name);
  }

  std::string_view in_;
  const std::string& origin_;
  size_t at_ = 0;
  std::deque<PickleNode> nodes_;  // they stay where they are
  std::vector<PickleNode*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, PickleNode*> memo_;
};

}  // namespace

TorchValue unpickle(std::string_view bytes, const std::string& origin,
                    const StorageBytes& storage) {
  Machine machine(bytes, origin);
  return plain_value(*machine.run(), origin, storage);
}

}  // namespace slipway
