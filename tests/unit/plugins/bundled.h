// The bundled plugins, each loaded from its file as the host loads it.
#pragma once
#include "config/toml.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {

// The plugin in plugins/<name>.so; `options` is TOML source.
inline Plugin bundled(const std::string& name, const std::string& options = "",
                      const RunFacts& facts = {}) {
  return instance(fs::path(SLIPWAY_PLUGINS) / (name + ".so"), parse_toml(options, "test.toml"),
                  facts);
}

}  // namespace slipway
