// Tokenizers from folders, files and GGUF metadata.
#include "base/error.h"
#include "base/file_set.h"
#include "base/path_kind.h"
#include "text/legacy_settings.h"
#include "text/sentence_piece_tokenizer.h"
#include "text/tokenizer_files.h"
#include "text/vocabulary_files.h"
#include "weights/gguf.h"

namespace slipway {
namespace {

bool has(const fs::path& folder, const char* name) {
  return kind_of_path(folder / name) != PathKind::kNothing;
}

LegacyTokenizer make_legacy(const fs::path& folder, const LegacySettings& settings,
                            std::string& origin) {
  if (has(folder, "tokenizer.model")) {
    origin = (folder / "tokenizer.model").string();
    return sentence_piece_tokenizer(read_sentence_piece(read_file(origin), origin), settings,
                                    origin);
  }
  if (has(folder, "vocab.json") && has(folder, "merges.txt")) {
    origin = (folder / "vocab.json").string();
    return merges_tokenizer(folder, settings);
  }
  if (has(folder, "vocab.txt")) {
    origin = (folder / "vocab.txt").string();
    return word_piece_tokenizer(folder, settings);
  }
  fail(
      "{}: no tokenizer.json there, and no tokenizer.model, vocab.json with merges.txt or "
      "vocab.txt; a folder with one, or a .gguf file, is expected",
      folder.string());
}

// A tokenizer in one of the forms that came before tokenizer.json. What its class says of special
// tokens, and a tokenizer_config.json does not, goes into that: a tokenizer.json has no class.
Tokenizer load_legacy(const fs::path& folder) {
  const LegacySettings settings = read_legacy_settings(folder);
  std::string origin;
  LegacyTokenizer made = make_legacy(folder, settings, origin);
  Tokenizer out = Tokenizer::from_tables(std::move(made.json), std::move(made.tables), origin);
  std::map<std::string, std::string> missing;
  for (const auto& [key, text] : made.names) {
    if (text.empty() || settings.config.contains(key)) continue;
    missing[key] = text;
    const auto id = out.token_id(text);
    if (key == "bos_token") out.bos = id;
    if (key == "eos_token") out.eos = id;
    if (key == "pad_token") out.pad = id;
  }
  read_tokenizer_files(out, folder);
  complete_config(out, missing);
  return out;
}

}  // namespace

Tokenizer load_tokenizer(const fs::path& path) {
  if (path.extension() == ".gguf") return Tokenizer::from_gguf(Gguf(path));
  finish_file_set(path);
  const bool folder = kind_of_path(path) == PathKind::kFolder;
  const fs::path file = folder ? path / "tokenizer.json" : path;
  const bool legacy =
      kind_of_path(file) == PathKind::kNothing || file.filename() == "tokenizer.model";
  Tokenizer out = legacy ? load_legacy(folder ? path : path.parent_path())
                         : Tokenizer::from_json(read_file(file), file.string());
  if (!legacy) read_tokenizer_files(out, file.parent_path());
  if (out.eos) out.ends = {*out.eos};
  return out;
}

}  // namespace slipway
