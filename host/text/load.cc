// Tokenizers from folders, files and GGUF metadata.
#include "base/error.h"
#include "base/file_set.h"
#include "base/path_kind.h"
#include "text/tokenizer_files.h"
#include "weights/gguf.h"

namespace slipway {
namespace {

[[noreturn]] void fail_without_tokenizer(const fs::path& path) {
  const auto has = [&](const char* name) {
    return kind_of_path(path / name) != PathKind::kNothing;
  };
  if (has("tokenizer.model") || has("vocab.json"))
    fail(
        "{}: has {} but no tokenizer.json; write one with transformers: "
        "AutoTokenizer.from_pretrained(), then save_pretrained()",
        path.string(), has("tokenizer.model") ? "tokenizer.model (SentencePiece)" : "vocab.json");
  fail("{}: no tokenizer.json there; a folder with one, or a .gguf file, is expected",
       path.string());
}

}  // namespace

Tokenizer load_tokenizer(const fs::path& path) {
  if (path.extension() == ".gguf") return Tokenizer::from_gguf(Gguf(path));
  finish_file_set(path);
  const fs::path file = kind_of_path(path) == PathKind::kFolder ? path / "tokenizer.json" : path;
  if (kind_of_path(file) == PathKind::kNothing) fail_without_tokenizer(path);
  Tokenizer out = Tokenizer::from_json(read_file(file), file.string());
  read_tokenizer_files(out, file.parent_path());
  if (out.eos) out.ends = {*out.eos};
  return out;
}

}  // namespace slipway
