// Keys of [search.space], which are names of keys: "train.learning_rate" = { ... }.
#pragma once
#include <string>

#include "config/value.h"

namespace slipway {

struct SpaceKey {
  // As the key is called here, whatever it is called in the file. A switch of the past, whose
  // values are those of several keys, keeps its name: --set takes it too.
  std::string name;
  std::string notice;  // what it is called here, without its place; "" = it is called so
  std::string fault;   // why it cannot be varied; ""
};

// What `given` means with the values of `space`: a list, or a table with low and high.
SpaceKey space_key(const std::string& given, const Value& space);

}  // namespace slipway
