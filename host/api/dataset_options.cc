// From keys to options.
#include "api/dataset_options.h"

namespace slipway {

DatasetOptions dataset_options(const RunConfig& c) {
  return {c.text("data", "format"),
          c.integer("data", "text_column"),
          c.integer("data", "prompt_words"),
          c.integer("data", "limit"),
          {c.text("data", "prompt_column"), c.text("data", "completion_column"),
           c.text("data", "messages_column"), c.text("data", "preference"),
           c.flag("data", "apply_chat_template")}};
}

}  // namespace slipway
