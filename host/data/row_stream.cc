// Streaming.
#include "data/row_stream.h"

#include "base/error.h"
#include "data/data_files.h"
#include "data/file_content.h"

namespace slipway {

RowStream::RowStream(const std::vector<fs::path>& files, DatasetOptions options)
    : files_(files_in(files, options)), options_(std::move(options)) {
  for (const fs::path& file : files_) {
    formats_.push_back(row_format(file, options_));
    if (formats_.back() == RowFormat::kOneValue)
      fail(
          "{}: data.streaming reads line by line, and this file is one JSON value; write JSON "
          "Lines (.jsonl, or data.format = \"jsonl\"), or set data.streaming = false",
          file.string());
    std::error_code ec;
    if (!fs::is_regular_file(file, ec))
      fail("{}: data.streaming needs a regular file, which can be read from any place on",
           file.string());
    std::string first(kFirstBytes, '\0');
    std::ifstream in(file, std::ios::binary);
    in.read(first.data(), static_cast<std::streamsize>(first.size()));
    check_first_bytes(file, std::string_view(first).substr(0, static_cast<size_t>(in.gcount())));
    Json sampled = sampled_data_file(file);
    named_.push_back({{"name", file.filename().string()},
                      {"bytes", sampled.at("bytes")},
                      {"samples_sha256", sampled.at("samples_sha256")}});
  }
}

bool RowStream::read_line(std::string& line) {
  const fs::path& file = files_[at_.file];
  if (!in_.is_open()) {
    in_.open(file, std::ios::binary);
    in_.seekg(at_.offset);
    if (!in_) fail("{}: cannot be read from byte {} on", file.string(), at_.offset);
  }
  if (!std::getline(in_, line)) {
    if (in_.bad()) fail("{}:{}: cannot be read", file.string(), at_.line + 1);
    return false;
  }
  at_.offset += static_cast<int64_t>(line.size()) + (in_.eof() ? 0 : 1);
  ++at_.line;
  return true;
}

std::optional<Row> RowStream::next() {
  std::string line;
  while (at_.file < files_.size() && (options_.limit == 0 || at_.rows < options_.limit)) {
    const fs::path& file = files_[at_.file];
    if (!read_line(line)) {
      if (at_.rows_of_file == 0) fail("{}: the file is empty", file.string());
      in_.close();
      at_ = {at_.file + 1, 0, at_.rows, 0, 0};
      continue;
    }
    std::optional<Row> row = row_of_line(line, file, at_.line, formats_[at_.file], options_);
    if (!row) continue;
    ++at_.rows_of_file;
    if (options_.prompt_words > 0 && !split_words(*row, options_.prompt_words)) continue;
    ++at_.rows;
    return row;
  }
  if (at_.rows == 0)
    fail("{}: no rows are left{}", files_.empty() ? "data.train" : files_[0].string(),
         options_.prompt_words > 0 ? "; are all texts shorter than data.prompt_words?" : "");
  return std::nullopt;
}

void RowStream::end_pass() {
  in_.close();
  at_ = {files_.size(), 0, at_.rows, 0, 0};
}

void RowStream::rewind() {
  in_.close();
  at_ = {};
}

Json RowStream::place() const {
  Json out = {{"file", at_.file},
              {"offset", at_.offset},
              {"line", at_.line},
              {"rows_of_file", at_.rows_of_file},
              {"rows", at_.rows}};
  out["files"] = named_;
  return out;
}

void RowStream::go_to(const Json& place) {
  const Json& before = place.at("files");
  for (size_t i = 0; i < files_.size(); ++i)
    if (i >= before.size() || before[i].at("name") != named_[i].at("name") ||
        !same_data_file(before[i], named_[i]))
      fail("{}: is not the file that this run streamed before; put that back, or start a new run",
           files_[i].string());
  if (before.size() > files_.size())
    fail(
        "data.train names fewer files than this run streamed before; name them again, or start a "
        "new run");
  in_.close();
  at_ = {place.at("file").get<size_t>(), place.at("offset").get<int64_t>(),
         place.at("rows").get<int64_t>(), place.at("line").get<int>(),
         place.at("rows_of_file").get<int>()};
}

}  // namespace slipway
