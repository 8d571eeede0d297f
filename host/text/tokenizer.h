// A tokenizer, from a Hugging Face tokenizer.json, SentencePiece's tokenizer.model, older
// vocabulary files or GGUF metadata.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace slipway {

class Decoder;
class Gguf;
struct ModelTables;

// A file that stands beside a tokenizer.json: its name and its bytes.
struct TokenizerFile {
  std::string name, bytes;
};

// Immutable after loading; encode and decode may be called from any thread.
class Tokenizer {
 public:
  // throws Error
  static Tokenizer from_json(std::string_view tokenizer_json, const std::string& origin);
  // From a tokenizer.json in two parts: its vocabulary and merges, and the rest. Throws Error.
  static Tokenizer from_tables(Json document, ModelTables tables, const std::string& origin);
  // throws Error
  static Tokenizer from_gguf(const Gguf& file);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // Malformed UTF-8 counts as U+FFFD. Added tokens that occur in the text become their ids.
  std::vector<int32_t> encode(std::string_view text, bool add_special_tokens = true) const;
  // A text in two parts, as a prompt and its answer are: of the special tokens that encode() puts
  // around a whole one the beginning gets those before it, the end those after it.
  std::vector<int32_t> encode_beginning(std::string_view text) const;
  std::vector<int32_t> encode_end(std::string_view text) const;
  // Ids out of range are skipped. Incomplete UTF-8 becomes U+FFFD.
  std::string decode(std::span<const int32_t> ids, bool skip_special_tokens = true) const;
  // The same of tokens that go on a text, as an answer goes on its prompt: a decoder that takes the
  // space away from a text's beginning leaves it there, unless `before` says nothing.
  std::string decode_after(std::span<const int32_t> before, std::span<const int32_t> ids,
                           bool skip_special_tokens = true) const;

  int32_t vocab_size() const;
  std::optional<int32_t> token_id(std::string_view token) const;
  std::string_view token(int32_t id) const;  // in the vocabulary's alphabet; "" out of range
  // What decode() goes by: token(id), but an added token as the normalizer makes it, if it does.
  std::string_view spoken(int32_t id) const;
  bool is_special(int32_t id) const;
  bool is_added(int32_t id) const;  // found in a text as a whole, before words are cut
  // Whether these tokens say anything that decode() tells.
  bool has_text(std::span<const int32_t> ids, bool skip_special_tokens = true) const;
  const Decoder& decoder() const;                  // lives as long as the tokenizer
  std::vector<std::string> special_texts() const;  // what special tokens are called in a text

  std::optional<int32_t> bos, eos, pad;  // as the model's files say; set by load_tokenizer()
  // Every token that ends an answer: eos, and those that the model's files list beside it
  // (api/load_model.h).
  std::vector<int32_t> ends;
  // the one named "default" where there are several; "" = none
  std::string chat_template;
  // what stood beside its tokenizer.json, as it stood; saved with it
  std::vector<TokenizerFile> files;

  // A tokenizer.json that Hugging Face's tokenizers reads to equal ids.
  std::string to_json() const;

 private:
  struct Parts;
  explicit Tokenizer(std::unique_ptr<Parts> parts);
  void append(std::string_view text, std::vector<int32_t>& ids) const;
  std::unique_ptr<Parts> parts_;
};

// From a folder with tokenizer.json, or else tokenizer.model, vocab.json with merges.txt, or
// vocab.txt; from one of the first two, or a .gguf file. Throws Error saying what was looked for.
Tokenizer load_tokenizer(const std::filesystem::path& path);

// Writes the tokenizer's files for transformers' AutoTokenizer: tokenizer.json, and those that it
// was read with; where it was read without a tokenizer_config.json, one that says the same. Files
// of another tokenizer are removed from the folder. Throws Error.
void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder);
// The names of the files that this writes, tokenizer.json first.
std::vector<std::string> tokenizer_file_names(const Tokenizer& tokenizer);
// Whether `name` is that of a file that a tokenizer may have.
bool is_tokenizer_file(std::string_view name);

}  // namespace slipway
