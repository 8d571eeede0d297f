// generator.hpp -- let a model write.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

struct GenerateOptions {
  int64_t max_new_tokens = 64, top_k = 0, samples = 1;
  double temperature = 1, top_p = 1;
  // as [generation] has them: min_p and these two on the processor alone
  double min_p = 0, repetition_penalty = 1;
  int64_t min_new_tokens = 0;
  std::vector<std::string> stop = {};  // texts that end an answer, which is cut before them
  std::string weights = "float32";     // or bfloat16, int8
  uint64_t seed = 42;
  // Which of many prompts the first one is, for what it draws: prompts that are asked one by one
  // get the texts that they get in one list.
  uint32_t first_prompt = 0;
  // Of reply(): goes on with the last message, which is an assistant's, in place of beginning one.
  bool continue_final_message = false;
};
// Throws std::exception naming the option that is out of its range.
void check(const GenerateOptions& options);

struct GeneratedText {
  size_t prompt = 0;  // which
  int64_t sample = 0;
  std::string text;             // without the prompt
  std::vector<int32_t> ids;     // a stop string's too
  std::vector<float> logprobs;  // of each id
  bool finished = false;        // ended by itself, not cut by max_new_tokens
};

// What a text has grown by.
struct TextPart {
  size_t prompt = 0;  // which
  int64_t sample = 0;
  std::string_view text;  // whole characters, possibly none
  bool last = false;      // of its text
};
// Is told texts as they are written, on the calling thread: one part a token, the samples by
// turns. The parts of a text, end to end, are the text that is returned. Returning false ends all
// texts where they are.
using OnText = std::function<bool(const TextPart& part)>;

// A turn of a conversation: of a "user", an "assistant", a "system", or what else a chat template
// knows.
struct ChatMessage {
  std::string role, content;
};
using Chat = std::vector<ChatMessage>;

struct GeneratorOptions {
  std::filesystem::path tokenizer;      // "" = beside the weights
  std::filesystem::path chat_template;  // a file; "" = the model's own
  std::string use = "auto";             // model plugin; auto: by config.json's model_type
  std::vector<std::filesystem::path> plugin_path;
  std::string device = "cpu";  // or cuda, auto
};

// A model that only writes: a weights folder, a GGUF file, a checkpoint, a run folder, or a folder
// of adapters (PEFT's, or of a run with [lora]), which are merged into their model.
class Generator {
 public:
  explicit Generator(const std::filesystem::path& model, const GeneratorOptions& options = {});
  ~Generator();
  // All samples of all prompts, by (prompt, sample). Equal seeds give equal texts, whatever else is
  // asked.
  std::vector<GeneratedText> generate(const std::vector<std::string>& prompts,
                                      const GenerateOptions& options = {},
                                      const OnText& on_text = {});
  // The same, of an assistant to conversations, through the chat template. What messages say is
  // never a special token. Throws std::exception when there is no template, or it refuses one.
  std::vector<GeneratedText> reply(const std::vector<Chat>& chats,
                                   const GenerateOptions& options = {}, const OnText& on_text = {});

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace slipway
