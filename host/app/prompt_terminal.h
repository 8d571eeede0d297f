// A terminal that asks for prompts: `slipway generate` without --prompt.
#pragma once
#include <csignal>
#include <optional>
#include <string>

namespace slipway {

// Asks for one prompt after the other on standard input and standard output, which are terminals.
// While it lives, Ctrl-C (SIGINT) stops the answer that is being written; a second one before the
// next prompt ends the process, as SIGINT does. Instead of a prompt, Ctrl-C is the end of the
// input, as Ctrl-D is. At most one at a time. [main]
class PromptTerminal {
 public:
  PromptTerminal();
  ~PromptTerminal();
  PromptTerminal(const PromptTerminal&) = delete;
  PromptTerminal& operator=(const PromptTerminal&) = delete;

  // Waits for a line that is not empty; nothing at the end of the input. A line that the terminal
  // may have cut is refused, and asked for again.
  std::optional<std::string> ask();
  // Whether the answer is to stop; from one ask() to the next.
  static bool interrupted();

 private:
  std::optional<std::string> line();
  // False at the end of the input.
  bool read_more();

  struct sigaction before_{};
  std::string typed_;  // and not yet asked for
};

}  // namespace slipway
