// What the pickle machine leaves behind: values that may share parts, and calls that were not made.
// Private to the reader.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "weights/pickle.h"

namespace slipway {

struct PickleNode {
  enum class Kind {
    kNone,
    kBool,
    kInteger,
    kReal,
    kText,
    kList,
    kTuple,
    kDict,
    kGlobal,
    kStorage,
    kCall
  };
  Kind kind;
  int64_t integer = 0;
  double real = 0;
  std::string text;  // kText; kGlobal: "module.name"
  // kDict: keys and values by turns; kCall: function, arguments, and the state if one was set
  std::vector<PickleNode*> items;
};

// The globals that may be named at all.
bool known_global(std::string_view name);

// The tree of plain values; calls of the known globals become tensors, arrays and dicts. Throws
// Error as unpickle() does.
TorchValue plain_value(const PickleNode& root, const std::string& origin,
                       const StorageBytes& storage);

}  // namespace slipway
