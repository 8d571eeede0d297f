// Steps that make marks of spaces.
#include "text/gguf_marks.h"

#include <vector>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/metaspace.h"
#include "text/sentence_piece_tokenizer.h"

namespace slipway {
namespace {

// The steps of a Sequence, in order; of another one itself.
void append_steps(const Json& part, const char* key, std::vector<Json>& out) {
  if (part.is_null()) return;
  if (part.value("type", "") != "Sequence") return out.push_back(part);
  for (const Json& each : part.at(key)) append_steps(each, key, out);
}

bool replaces(const Json& step, const char* kind, const char* from, const std::string& to) {
  return step.value("type", "") == "Replace" && step.at("pattern") == Json{{kind, from}} &&
         step.value("content", "") == to;
}

// What the steps do to spaces and beginnings.
struct Steps {
  bool replaced = false;         // spaces are marks
  bool prepended = false;        // each text has a mark before it
  bool doubled = false;          // a mark that a text begins with is two
  std::string scheme = "never";  // of Metaspace
  bool cuts = false;             // user-defined pieces stand alone
};

[[noreturn]] void refuse(const char* part, const Json& step) {
  fail("llama.cpp has no {} \"{}\" beside SentencePiece's BPE", part,
       excerpt(step.value("type", step.dump())));
}

void read_normalizer(const Json& normalizer, Steps& out) {
  std::vector<Json> steps;
  append_steps(normalizer, "normalizers", steps);
  for (const Json& step : steps) {
    if (replaces(step, "String", " ", kSpaceMark)) out.replaced = true;
    else if (step.value("type", "") == "Prepend" && step.at("prepend") == kSpaceMark &&
             !out.prepended)
      out.prepended = true;
    else if (replaces(step, "Regex", "\\A\u2581", "\u2581\u2581") && out.replaced)
      out.doubled = true;
    else refuse("normalizer", step);
  }
}

void read_pre_tokenizer(const Json& pre_tokenizer, bool marks_inside,
                        std::span<const std::string> user_defined, Steps& out) {
  std::vector<Json> steps;
  append_steps(pre_tokenizer, "pretokenizers", steps);
  for (const Json& step : steps) {
    const std::string type = step.value("type", "");
    if (type == "Metaspace" && metaspace_mark(step, "") == kSpaceMark) {
      if (step.value("split", true) && marks_inside)
        fail("it cuts words at spaces, and has tokens that go on behind one");
      out.scheme = metaspace_scheme(step, "");
      out.replaced = true;
    } else if (type == "Split" && step.at("pattern") == Json{{"String", " "}} && out.replaced) {
      // finds nothing
    } else if (type == "Split" && !user_defined.empty() &&
               step.at("pattern") ==
                   Json{{"Regex", pattern_of({user_defined.begin(), user_defined.end()})}}) {
      out.cuts = true;
    } else {
      refuse("pre-tokenizer", step);
    }
  }
}

}  // namespace

GgufMarks gguf_marks(const Json& normalizer, const Json& pre_tokenizer, bool marks_inside,
                     std::span<const std::string> user_defined) {
  Steps steps;
  read_normalizer(normalizer, steps);
  read_pre_tokenizer(pre_tokenizer, marks_inside, user_defined, steps);
  if (!steps.replaced) fail("it makes no marks of spaces");
  if (steps.prepended && steps.scheme != "never")
    fail("both its normalizer and its pre-tokenizer put a mark before texts");
  const bool prefix = steps.prepended || steps.scheme != "never";
  if (steps.doubled && steps.scheme != "always")
    fail("it doubles the mark that a text begins with, and puts none before others");
  GgufMarks out{prefix, steps.cuts, ""};
  if (steps.scheme == "first")
    out.difference =
        "llama.cpp puts a space before every text behind a special token, and before one that "
        "begins with a space; this tokenizer before the beginning alone, unless a space is there";
  else if (steps.scheme == "always" && !steps.doubled)
    out.difference =
        "llama.cpp puts a space before a text that begins with one, too; this tokenizer does not";
  else if (prefix && steps.cuts)
    out.difference =
        "llama.cpp puts a space before text behind a user-defined piece; this tokenizer does not";
  return out;
}

}  // namespace slipway
