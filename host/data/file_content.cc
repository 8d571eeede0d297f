// Names and magic numbers.
#include "data/file_content.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "base/error.h"
#include "base/git_lfs.h"

namespace slipway {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kTable =
    "is a table, which is not read; write JSON Lines (a .jsonl file: {\"prompt\": ..., "
    "\"completion\": ...} or {\"text\": ...} a line)";
constexpr std::string_view kCommaSeparated =
    "holds comma-separated values, which are not read; write JSON Lines (a .jsonl file), or set "
    "data.format = \"text\" to train on its lines as they stand";
constexpr std::string_view kCompressed =
    "is compressed; unpack it first (gunzip, unzstd, xz -d, bunzip2, unzip, tar -x)";
constexpr std::string_view kBinary = "is not a text file; write JSON Lines (a .jsonl file)";
constexpr std::string_view kMarkup =
    "is not a file of rows; write JSON Lines (a .jsonl file), or set data.format = \"text\" to "
    "train "
    "on its lines as they stand";

struct Name {
  std::string_view extension, fault;
};
constexpr Name kNames[] = {
    {".csv", kCommaSeparated}, {".parquet", kTable},  {".arrow", kTable},
    {".feather", kTable},      {".orc", kTable},      {".avro", kTable},
    {".xls", kTable},          {".xlsx", kTable},     {".ods", kTable},
    {".db", kTable},           {".sqlite", kTable},   {".gz", kCompressed},
    {".tgz", kCompressed},     {".zst", kCompressed}, {".xz", kCompressed},
    {".bz2", kCompressed},     {".lz4", kCompressed}, {".br", kCompressed},
    {".zip", kCompressed},     {".7z", kCompressed},  {".tar", kCompressed},
    {".bin", kBinary},         {".idx", kBinary},     {".npy", kBinary},
    {".npz", kBinary},         {".pt", kBinary},      {".pth", kBinary},
    {".pkl", kBinary},         {".pickle", kBinary},  {".safetensors", kBinary},
    {".gguf", kBinary},        {".pdf", kBinary},     {".docx", kBinary},
    {".toml", kMarkup},        {".yaml", kMarkup},    {".yml", kMarkup},
    {".xml", kMarkup},         {".html", kMarkup},    {".htm", kMarkup}};

struct Magic {
  std::string_view bytes, fault;
};
constexpr std::string_view kUtf16 = "is in UTF-16, UTF-8 is needed: iconv -f UTF-16 -t UTF-8";
constexpr Magic kMagic[] = {{kGitLfsPointer, "is a Git LFS pointer, not the file: git lfs pull"},
                            {"\x1F\x8B"sv, kCompressed},
                            {"\x28\xB5\x2F\xFD"sv, kCompressed},
                            {"\xFD"
                             "7zXZ\0"sv,
                             kCompressed},
                            {"BZh9"sv, kCompressed},
                            {"PK\x03\x04"sv, kCompressed},
                            {"7z\xBC\xAF\x27\x1C"sv, kCompressed},
                            {"\x04\x22\x4D\x18"sv, kCompressed},
                            {"PAR1\x15"sv, kTable},
                            {"ARROW1\0"sv, kTable},
                            {"ORC\x03"sv, kTable},
                            {"Obj\x01"sv, kTable},
                            {"SQLite format 3\0"sv, kTable},
                            {"\x93NUMPY"sv, kBinary},
                            {"GGUF\x03\0"sv, kBinary},
                            {"%PDF-"sv, kBinary},
                            {"\xFF\xFE"sv, kUtf16},
                            {"\xFE\xFF"sv, kUtf16}};

}  // namespace

std::string extension_of(const fs::path& file) {
  std::string out = file.extension().string();
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view fault_of_name(const fs::path& file) {
  const auto* found = std::ranges::find(kNames, extension_of(file), &Name::extension);
  return found == std::end(kNames) ? "" : found->fault;
}

void check_first_bytes(const fs::path& file, std::string_view bytes) {
  for (const Magic& magic : kMagic)
    if (bytes.starts_with(magic.bytes)) fail("{}: {}", file.string(), magic.fault);
}

}  // namespace slipway
