// The note reader: ELF64 sections, every offset checked.
#include "plugin/note.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "slipway/entry.h"

namespace slipway {
namespace {

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
#else
#error "unknown machine"
#endif

class Image {
 public:
  explicit Image(const MappedFile& file) : bytes_(file.bytes()), name_(file.path().string()) {}
  template <class T>
  T at(uint64_t offset) const {
    T value;
    std::memcpy(&value, range(offset, sizeof value), sizeof value);
    return value;
  }
  const std::byte* range(uint64_t offset, uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset)
      fail("{}: truncated ELF file", name_);
    return bytes_.data() + offset;
  }

 private:
  std::span<const std::byte> bytes_;
  std::string name_;
};

std::string fixed_text(const char* text, size_t size) { return {text, strnlen(text, size)}; }

uint64_t padded(uint64_t offset, uint64_t align) { return (offset + align - 1) / align * align; }

// Another major may lay out the rest differently: only the version is taken from it.
PluginNote parse(const Image& image, uint64_t at, uint64_t desc_size, const fs::path& path) {
  constexpr uint64_t kHead = offsetof(slw_note, abi_major);
  if (desc_size < 4 * sizeof(uint16_t)) fail("{}: its Slipway note is too short", path.string());
  const auto versions = image.at<std::array<uint16_t, 4>>(at + kHead);
  if (versions[0] != SLW_ABI_MAJOR)
    return {versions[0], versions[1], versions[2], versions[3], 0, "", "", {}};
  if (desc_size < sizeof(slw_note) - kHead)
    fail("{}: its Slipway note is too short", path.string());
  const auto found = image.at<slw_note>(at);
  return {found.abi_major,
          found.abi_minor,
          found.min_host_minor,
          found.kinds,
          found.torch_abi,
          fixed_text(found.torch_build, sizeof found.torch_build),
          fixed_text(found.cuda, sizeof found.cuda),
          {}};
}

NamedPlugin parse_id(const Image& image, uint64_t at, uint64_t desc_size, const fs::path& path) {
  if (desc_size < sizeof(slw_id_note) - offsetof(slw_id_note, kinds))
    fail("{}: a note about one of its plugins is too short", path.string());
  const auto found = image.at<slw_id_note>(at);
  return {found.kinds, fixed_text(found.id, sizeof found.id)};
}

// Every note of Slipway's in the file: one says what it was built for, the others which plugins it
// holds.
class Notes {
 public:
  Notes(const Image& image, const fs::path& path) : image_(image), path_(path) {}
  void read_section(uint64_t at, uint64_t end, uint64_t align) {
    while (at + sizeof(Elf64_Nhdr) <= end) {
      const auto note = image_.at<Elf64_Nhdr>(at);
      if (note.n_namesz == 8 && std::memcmp(image_.range(at + sizeof note, 8), "Slipway", 8) == 0)
        take(note, at);
      at = padded(at + sizeof note + note.n_namesz, align) + padded(note.n_descsz, align);
    }
  }
  PluginNote whole() {
    if (!file_)
      fail(
          "{}: not a Slipway plugin (no .note.slipway; SLW_PLUGIN_NOTE or an SLW_EXPORT_ macro "
          "writes it)",
          path_.string());
    const bool known =
        file_->abi_major == SLW_ABI_MAJOR &&
        std::ranges::none_of(plugins_, [](const NamedPlugin& each) { return each.id.empty(); });
    if (known) file_->plugins = std::move(plugins_);
    return *std::move(file_);
  }

 private:
  void take(const Elf64_Nhdr& note, uint64_t at) {
    if (note.n_type == 1 && !file_) file_ = parse(image_, at, note.n_descsz, path_);
    if (note.n_type == 2) plugins_.push_back(parse_id(image_, at, note.n_descsz, path_));
  }

  const Image& image_;
  const fs::path& path_;
  std::optional<PluginNote> file_;
  std::vector<NamedPlugin> plugins_;
};

}  // namespace

PluginNote read_note(const fs::path& path) {
  const MappedFile file(path);
  const Image image(file);
  if (file.bytes().size() < SELFMAG || std::memcmp(file.bytes().data(), ELFMAG, SELFMAG) != 0)
    fail("{}: not a shared library (no ELF header)", path.string());
  const auto header = image.at<Elf64_Ehdr>(0);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != kMachine)
    fail("{}: built for another machine", path.string());
  if (header.e_shnum == 0 || header.e_shentsize != sizeof(Elf64_Shdr))
    fail("{}: no section table; was it removed?", path.string());
  // Linkers put this table last: a file that was cut anywhere is found out here.
  image.range(header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr));
  Notes notes(image, path);
  for (uint64_t s = 0; s < header.e_shnum; ++s) {
    const auto section = image.at<Elf64_Shdr>(header.e_shoff + s * sizeof(Elf64_Shdr));
    if (section.sh_type != SHT_NOTE) continue;
    image.range(section.sh_offset, section.sh_size);
    notes.read_section(section.sh_offset, section.sh_offset + section.sh_size,
                       section.sh_addralign == 8 ? 8 : 4);
  }
  return notes.whole();
}

}  // namespace slipway
