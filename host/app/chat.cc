// slipway chat: talk with a model.
#include <unistd.h>

#include <chrono>
#include <iostream>

#include "app/answer_stream.h"
#include "app/commands.h"
#include "app/generation_options.h"
#include "app/prompt_terminal.h"
#include "app/standard_output.h"
#include "app/trust.h"
#include "base/log.h"
#include "base/visible_text.h"
#include "slipway/slipway.hpp"
#include "text/unicode.h"

namespace slipway {
namespace {

// Where messages come from: a terminal, or lines of a file.
class Speaker {
 public:
  Speaker() {
    if (::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1) terminal_.emplace();
  }
  bool typed() const { return terminal_.has_value(); }
  std::optional<std::string> next() {
    if (terminal_) return terminal_->ask();
    for (std::string line; std::getline(std::cin, line);) {
      if (line.ends_with('\r')) line.pop_back();
      if (!line.empty()) return line;
    }
    return std::nullopt;
  }

 private:
  std::optional<PromptTerminal> terminal_;
};

// A conversation that goes on.
class Talk {
 public:
  Talk(Generator& generator, GenerateOptions options, std::string system, bool typed)
      : generator_(generator),
        options_(std::move(options)),
        system_(std::move(system)),
        typed_(typed) {
    begin();
  }

  void begin() {
    chat_.clear();
    if (!system_.empty()) chat_.push_back({"system", system_});
  }

  // Answers, and remembers both. A message that gets no answer is forgotten.
  void say(const std::string& message) {
    if (!is_valid_utf8(message)) fail("the message is not valid UTF-8");
    chat_.push_back({"user", message});
    try {
      chat_.push_back({"assistant", answer(/*continued=*/false)});
    } catch (...) {
      chat_.pop_back();
      throw;
    }
  }

  // Goes on with the last answer.
  void go_on() {
    if (chat_.empty() || chat_.back().role != "assistant") fail("no answer is there to go on with");
    chat_.back().content += answer(/*continued=*/true);
  }

 private:
  std::string answer(bool continued) {
    AnswerStream stream(1, 1, [](size_t, int64_t) { return std::string(); });
    const auto began = std::chrono::steady_clock::now();
    options_.continue_final_message = continued;
    const std::vector<GeneratedText> answers =
        generator_.reply({chat_}, options_, [&](const TextPart& part) {
          stream.add(part);
          return !(typed_ && PromptTerminal::interrupted());
        });
    stream.end();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    const auto tokens = static_cast<double>(answers.at(0).ids.size());
    log_info("{} tokens, {:.1f} tokens/s{}", answers[0].ids.size(), tokens / seconds.count(),
             answers[0].finished ? "" : "; not finished");
    ++options_.first_prompt;  // the next answer draws other numbers
    return answers[0].text;
  }

  Generator& generator_;
  GenerateOptions options_;
  const std::string system_;
  const bool typed_;
  Chat chat_;
};

}  // namespace

int chat_command(const Arguments& arguments) {
  CommandLine line(
      "slipway chat MODEL [options]",
      "Talks with a model, through its chat template: answers appear while they are "
      "written, and the conversation goes on. MODEL is a weights folder, a GGUF file, "
      "a checkpoint or a run folder.\n\n/new begins a new conversation, /continue goes "
      "on with the last answer. Ctrl-C stops an answer, Ctrl-D ends. Where standard input is no "
      "terminal each of its lines "
      "is a message. What messages say is never a special token.");
  line.positional("MODEL", "weights folder, GGUF file, checkpoint or run folder")
      .option("system", "TEXT", "what the model is told first");
  add_generation_options(line, "512");
  add_model_options(line);
  add_trust_option(line);
  if (!line.parse(arguments)) return kExitOk;
  const GenerateOptions options = generate_options_of(line);
  check_options(options);
  const GeneratorOptions model = generator_options_of(line);
  const std::string path = line.text("MODEL");
  require_model("", path);
  if (!line.has("trust")) refuse_compiled_weights(path);
  Generator generator(path, model);
  Speaker speaker;
  Talk talk(generator, options, line.has("system") ? line.text("system") : "", speaker.typed());
  if (speaker.typed())
    log_info(
        "type a message; /new begins anew, /continue goes on with the last answer, Ctrl-C stops "
        "an answer, Ctrl-D ends");
  while (const std::optional<std::string> message = speaker.next()) {
    if (*message == "/new") {
      talk.begin();
      continue;
    }
    try {
      if (*message == "/continue") talk.go_on();
      else talk.say(*message);
    } catch (const ReaderLeft&) {
      throw;
    } catch (const Error& e) {
      if (!speaker.typed()) throw;
      log_message(LogLevel::kError, visible_text(e.what()));  // the next one may be a better one
    }
  }
  return kExitOk;
}

}  // namespace slipway
