// Completion of commands in shells.
#pragma once
#include <string>
#include <string_view>

namespace slipway {

// A script for "bash", "zsh" or "fish" that completes commands, their options and what follows
// these: files, keys of run files, ids of plugins (which it asks the program for). Made of the
// table of commands, of their command lines and of the schema. Throws Error on another shell.
std::string completion_script(std::string_view shell);

}  // namespace slipway
