// slipway generate: try a model.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <optional>

#include "api/profile.h"
#include "app/answer_stream.h"
#include "app/command_line.h"
#include "app/commands.h"
#include "app/generation_options.h"
#include "app/profile.h"
#include "app/prompt_terminal.h"
#include "app/standard_output.h"
#include "app/trust.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/visible_text.h"
#include "slipway/slipway.hpp"
#include "text/unicode.h"

namespace slipway {
namespace {

GenerateOptions options_of(const CommandLine& line) {
  GenerateOptions out = generate_options_of(line);
  out.samples = line.integer("samples");
  out.continue_final_message = line.has("continue");
  check_options(out);
  return out;
}

void check_prompt(const std::string& prompt, const std::string& where) {
  if (!is_valid_utf8(prompt)) throw UsageError(where + " is not valid UTF-8");
}

std::vector<std::string> prompts_of(const CommandLine& line) {
  std::vector<std::string> out;
  if (line.has("prompt")) {
    out.push_back(line.text("prompt"));
    check_prompt(out[0], "--prompt");
  } else {
    if (::isatty(STDIN_FILENO) == 1)
      log_info("reading prompts from the terminal, one a line; Ctrl-D ends them");
    size_t number = 0;
    for (std::string text; std::getline(std::cin, text);) {
      // as editors on Windows begin and end lines
      if (out.empty() && text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
      if (text.ends_with('\r')) text.pop_back();
      check_prompt(text, fmt::format("line {} of standard input", ++number));
      if (!text.empty()) out.push_back(text);
    }
  }
  if (out.empty())
    throw UsageError("no prompt: give --prompt TEXT, or one prompt a line on standard input");
  return out;
}

// How answers are shown.
struct Showing {
  bool json, stream, numbered;  // the samples of a prompt
  bool chat;
  std::string system, continued;
};

// Conversations of one message each, and of what its answer begins with.
std::vector<Chat> chats_of(const std::vector<std::string>& prompts, const Showing& how) {
  std::vector<Chat> out;
  for (const std::string& prompt : prompts) {
    Chat& chat = out.emplace_back();
    if (!how.system.empty()) chat.push_back({"system", how.system});
    chat.push_back({"user", prompt});
    if (!how.continued.empty()) chat.push_back({"assistant", how.continued});
  }
  return out;
}

Showing showing_of(const CommandLine& line, const GenerateOptions& options) {
  for (const char* other : {"json", "no-stream"})
    if (line.has("stream") && line.has(other))
      throw UsageError(fmt::format("--stream and --{} are both given; give one of them", other));
  for (const char* other : {"system", "continue"})
    if (line.has(other) && !line.has("chat"))
      throw UsageError(
          fmt::format("--{} is for --chat; give both, or write it into the prompt", other));
  if (line.has("continue")) {
    if (line.text("continue").empty()) throw UsageError("--continue is empty");
    check_prompt(line.text("continue"), "--continue");
  }
  const bool json = line.has("json"), terminal = ::isatty(STDOUT_FILENO) == 1;
  return {json,
          !json && !line.has("no-stream") && (terminal || line.has("stream")),
          !json && terminal && options.samples > 1,
          line.has("chat"),
          line.has("system") ? line.text("system") : "",
          line.has("continue") ? line.text("continue") : ""};
}

// What stands before an answer.
std::string beginning(const std::string& prompt, int64_t sample, int64_t samples, bool numbered) {
  return (numbered ? fmt::format("[{}/{}] ", sample + 1, samples) : "") + prompt;
}

// Answers `prompts`, and shows before each answer the one of `shown`. With `may_stop` Ctrl-C ends
// the answers where they are.
void answer(Generator& generator, const std::vector<std::string>& prompts,
            const std::vector<std::string>& shown, const GenerateOptions& options,
            const Showing& how, bool may_stop) {
  std::optional<AnswerStream> stream;
  const auto begin = [&](size_t prompt, int64_t sample) {
    return beginning(shown[prompt], sample, options.samples, how.numbered);
  };
  if (how.stream) stream.emplace(prompts.size(), options.samples, begin);
  OnText on_text;
  if (stream || may_stop)
    on_text = [&](const TextPart& part) {
      if (stream) stream->add(part);
      return !(may_stop && PromptTerminal::interrupted());
    };
  const std::vector<GeneratedText> answers =
      how.chat ? generator.reply(chats_of(prompts, how), options, on_text)
               : generator.generate(prompts, options, on_text);
  if (stream) return stream->end();
  for (const GeneratedText& each : answers) {
    const Json row = {
        {"prompt", prompts[each.prompt]}, {"completion", each.text}, {"finished", each.finished}};
    print(how.json ? json_text(row) + "\n"
                   : for_standard_output(begin(each.prompt, each.sample) + each.text) + "\n");
  }
}

// One prompt after the other, as they are typed; they get the answers that they would get in a
// file.
void converse(Generator& generator, GenerateOptions options, const Showing& how) {
  PromptTerminal terminal;
  log_info("type a prompt; Ctrl-C stops an answer, Ctrl-D ends");
  for (; const std::optional<std::string> prompt = terminal.ask(); ++options.first_prompt) {
    try {
      check_prompt(*prompt, "the prompt");
      answer(generator, {*prompt}, {how.continued}, options, how, true);
    } catch (const ReaderLeft&) {
      throw;
    } catch (const Error& e) {  // the next prompt may be a better one
      log_message(LogLevel::kError, visible_text(e.what()));
    }
  }
}

}  // namespace

int generate_command(const Arguments& arguments) {
  CommandLine line("slipway generate --model PATH [--prompt TEXT] [options]",
                   "Lets a model continue a text. PATH is a weights folder, a GGUF file, a "
                   "checkpoint or a run folder.\n\nOn a terminal an answer appears while it is "
                   "written. Without --prompt it asks for one prompt after the other: Ctrl-C stops "
                   "an answer, Ctrl-D ends. Into a file or a pipe go whole answers, each behind "
                   "its prompt.");
  line.option("model", "PATH", "weights folder, GGUF file, checkpoint or run folder")
      .option("prompt", "TEXT",
              "what to continue; without it, each line of standard input is a prompt, and a "
              "terminal asks for one after the other")
      .option("samples", "N", "answers for each prompt", "1")
      .option("profile", "TRACE.json", "write what happened when, for ui.perfetto.dev")
      .flag("stream", "show answers while they are written; default on a terminal")
      .flag("no-stream", "show answers when they are complete; default elsewhere")
      .flag("json", "one JSON object an answer: prompt, completion, finished")
      .flag("chat", "each prompt is a message that the model answers, through its chat template")
      .option("system", "TEXT", "with --chat: what the model is told first")
      .option("continue", "TEXT",
              "with --chat: what the answer begins with; the model goes on from there");
  add_generation_options(line, "64");
  add_model_options(line);
  add_trust_option(line);
  if (!line.parse(arguments)) return kExitOk;
  if (!line.has("model"))
    throw UsageError(
        "--model is missing\nusage: slipway generate --model PATH [--prompt TEXT] [options]");
  const GenerateOptions options = options_of(line);
  const Showing how = showing_of(line, options);
  const bool typed =
      !line.has("prompt") && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  const std::vector<std::string> prompts = typed ? std::vector<std::string>() : prompts_of(line);
  const GeneratorOptions model = generator_options_of(line);
  const fs::path trace = trace_path(line, "trace.json");
  const std::string path = line.text("model");
  require_model("--model ", path);
  if (!line.has("trust")) refuse_compiled_weights(path);
  const Profile profile(trace);
  Generator generator(path, model);
  // what answers a message does not go on from it, but from what the answer begins with
  const std::vector<std::string> shown =
      how.chat ? std::vector<std::string>(prompts.size(), how.continued) : prompts;
  if (typed) converse(generator, options, how);
  else answer(generator, prompts, shown, options, how, false);
  return kExitOk;
}

}  // namespace slipway
