// Answers on standard output while they are written.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "slipway/generator.hpp"

namespace slipway {

// Prints texts by (prompt, sample): of the first that is not complete each part as it comes, of the
// others what they have by then once it is their turn. On a terminal as for_standard_output() says.
class AnswerStream {
 public:
  // `beginning`: what stands before a text.
  using Beginning = std::function<std::string(size_t prompt, int64_t sample)>;

  // Prints the first text's beginning.
  AnswerStream(size_t prompts, int64_t samples, Beginning beginning);
  // Throws as print() does.
  void add(const TextPart& part);
  // When no part follows; ends the line of a text that was not complete.
  void end();

 private:
  struct Waiting {
    std::string text;
    bool last = false;
  };
  void begin();

  const size_t texts_, samples_;
  const Beginning beginning_;
  size_t shown_ = 0;  // the text that is printed, texts_ at the end
  std::map<size_t, Waiting> waiting_;
};

}  // namespace slipway
