// A plugin file tried out in a process of its own: what it does when it is loaded cannot harm this
// one.
#pragma once
#include <string>
#include <vector>

#include "base/files.h"
#include "plugin/note.h"

namespace slipway {

// What the file holds, found by a child process that loads it and asks. Throws Error naming the
// file: what Library refuses it for, "crashed when it was loaded (SIGSEGV)", "ended the process
// ...", or that it was not done within ten seconds. [main], while no other thread loads libraries.
std::vector<NamedPlugin> probe_library(const fs::path& path, const PluginNote& note);

}  // namespace slipway
