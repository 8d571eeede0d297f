// From keys to options.
#include "api/dataset_options.h"

namespace slipway {

DatasetOptions dataset_options(const RunConfig& c) {
  return {c.text("data", "format"),
          c.integer("data", "text_column"),
          c.integer("data", "prompt_words"),
          c.integer("data", "limit"),
          {c.text("data", "prompt_column"), c.text("data", "completion_column")}};
}

}  // namespace slipway
