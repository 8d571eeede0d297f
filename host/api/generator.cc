// Models that only write.
#include "slipway/generator.hpp"

#include "api/load_model.h"
#include "api/write.h"
#include "base/error.h"
#include "operators/accelerator/accelerator_module.h"
#include "operators/accelerator/device_tensors.h"
#include "text/chat_template.h"
#include "text/chat_tokens.h"

namespace slipway {

struct Generator::Parts {
  Registry registry;
  Tokenizer tokenizer;
  LoadedModel loaded;
  fs::path chat_template;                          // a file; "" = the tokenizer's
  std::optional<ChatTemplate> made_template = {};  // once it was needed

  const ChatTemplate& chat();
};

const ChatTemplate& Generator::Parts::chat() {
  if (made_template) return *made_template;
  if (chat_template.empty() && tokenizer.chat_template.empty())
    fail("the model has no chat template; name a file with one: --chat-template FILE");
  return chat_template.empty()
             ? made_template.emplace(tokenizer, tokenizer.chat_template,
                                     "the model's chat template")
             : made_template.emplace(tokenizer, read_file(chat_template), chat_template.string());
}

Generator::Generator(const fs::path& path, const GeneratorOptions& options) {
  Registry registry(plugin_folders(options.plugin_path));
  const ModelSource source = open_source(path);
  Tokenizer tokenizer =
      options.tokenizer.empty() ? tokenizer_beside(path) : load_tokenizer(options.tokenizer);
  add_end_tokens(tokenizer, path);
  try {
    choose_device(options.device);
  } catch (const Error& e) {
    fail("device {}: {}", options.device, e.what());
  }
  LoadedModel loaded = create_model(registry, options.use, {"the model plugin asked for", 0},
                                    source, {}, /*trained=*/false);
  fill_weights(loaded, source, 0);
  parts_ = std::make_unique<Parts>(std::move(registry), std::move(tokenizer), std::move(loaded),
                                   options.chat_template);
}

Generator::~Generator() = default;

std::vector<GeneratedText> Generator::generate(const std::vector<std::string>& prompts,
                                               const GenerateOptions& options,
                                               const OnText& on_text) {
  return write_texts(*parts_->loaded.model, parts_->tokenizer, prompts, options, on_text);
}

std::vector<GeneratedText> Generator::reply(const std::vector<Chat>& chats,
                                            const GenerateOptions& options, const OnText& on_text) {
  std::vector<std::vector<int32_t>> prompts;
  for (const Chat& chat : chats) {
    Conversation conversation;
    for (const ChatMessage& each : chat)
      conversation.messages.push_back({{"role", each.role}, {"content", each.content}});
    const ChatTemplate& chat_template = parts_->chat();
    prompts.push_back(chat_tokens(parts_->tokenizer, options.continue_final_message
                                                         ? chat_template.continued(conversation)
                                                         : chat_template.text(conversation, true)));
  }
  return write_answers(*parts_->loaded.model, parts_->tokenizer, std::move(prompts), options,
                       on_text);
}

}  // namespace slipway
