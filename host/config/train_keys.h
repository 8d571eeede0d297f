// [train], as far as words of other trainers say what its keys are.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/value.h"

namespace slipway {

// A word of another trainer where it stands.
struct Said {
  std::string name;    // "deepspeed.zero_optimization.stage"
  const Value& value;  // as written, with its place
  std::string text() const { return name + " = " + value.toml(); }
};

class TrainKeys {
 public:
  // `train` is the table as it is written; it gets the keys that words mean. Both are borrowed.
  TrainKeys(Value& train, std::vector<std::string>& faults);

  // What the run file says of a key, by whichever of its names; nullptr where it says nothing.
  const Value* given(std::string_view key) const;

  // Whether the processor computes: its memory holds all that a word may ask to put there.
  bool on_processor() const;

  // `said` asks for key = value. Where the run file, or another word, asks for something else, that
  // is a fault which names both.
  void mean(const Said& said, const std::string& key, Value value);
  // The same where `agrees` says whether what is there already is what `said` asks for.
  void mean(const Said& said, const std::string& key, Value value, bool agrees);

  // "place: NAME = VALUE TEXT"
  void fault(const Said& said, const std::string& text);
  // The word changes nothing here.
  void has_no_effect(const Said& said);

  // What has been said since the last call, for people: "train.deepspeed: zero_stage = 2, ..."
  std::vector<std::string> notices(const std::string& place, const std::string& whose);

  // How a contradiction is removed, besides by leaving one of the two out.
  void remedy(std::string text) { remedy_ = std::move(text); }

 private:
  struct Given {
    std::string said;  // "train.zero_stage = 1", or the word that means it
    Value value;
    bool by_word = false;
  };

  Value& train_;
  std::vector<std::string>& faults_;
  std::map<std::string, Given, std::less<>> given_;
  std::vector<std::string> became_, idle_;
  std::string remedy_;
};

}  // namespace slipway
