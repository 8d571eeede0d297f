// What a command prints on standard output, checked: a full disk is an error and not a result with
// its end cut off.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"

namespace slipway {

// Nobody reads any more (`| head`). Nothing is wrong: main() ends with kExitOk.
struct ReaderLeft : Error {
  using Error::Error;
};

// Writes to standard output, buffered. Throws Error "cannot write to standard output: No space left
// on device", or ReaderLeft.
void print(std::string_view text);
// Writes what is buffered; main() calls it before it reports success. Throws as print() does.
void flush_standard_output();

// Text that a model wrote, as it is printed: on a terminal, control characters (escape sequences
// among them) are shown as
// \x1b and do nothing; into a file or a pipe every byte goes as it is.
std::string for_standard_output(std::string_view text);

}  // namespace slipway
