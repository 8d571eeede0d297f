// Names of parameters, sorted as modules register them.
#include "weights/module_order.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace slipway {
namespace {

// Siblings in the order in which decoders register them.
constexpr std::string_view kSiblings[] = {"model",
                                          "transformer",
                                          "embed_tokens",
                                          "wte",
                                          "wpe",
                                          "layers",
                                          "h",
                                          "norm",
                                          "ln_f",
                                          "lm_head",
                                          "ln_1",
                                          "attn",
                                          "ln_2",
                                          "self_attn",
                                          "mlp",
                                          "c_attn",
                                          "c_fc",
                                          "c_proj",
                                          "input_layernorm",
                                          "post_attention_layernorm",
                                          "pre_feedforward_layernorm",
                                          "post_feedforward_layernorm",
                                          "q_proj",
                                          "k_proj",
                                          "v_proj",
                                          "o_proj",
                                          "qkv_proj",
                                          "q_norm",
                                          "k_norm",
                                          "gate_up_proj",
                                          "gate_proj",
                                          "up_proj",
                                          "down_proj",
                                          "weight",
                                          "bias"};

// Where a part stands among its siblings; equal ranks stay as they are given.
std::pair<int, uint64_t> rank_of(std::string_view part) {
  uint64_t number = 0;
  const char* end = part.data() + part.size();
  if (const auto [at, ec] = std::from_chars(part.data(), end, number);
      ec == std::errc() && at == end)
    return {1, number};
  const auto* found = std::ranges::find(kSiblings, part);
  return found == std::end(kSiblings)
             ? std::pair<int, uint64_t>{2, 0}
             : std::pair<int, uint64_t>{0, static_cast<uint64_t>(found - kSiblings)};
}

struct Name {
  size_t index;
  std::string_view rest;  // what is not sorted yet
};

// The part up to the next dot, which is taken off.
std::string_view take_part(std::string_view& rest) {
  const size_t dot = std::min(rest.find('.'), rest.size());
  const std::string_view part = rest.substr(0, dot);
  rest.remove_prefix(std::min(dot + 1, rest.size()));
  return part;
}

void sort_into(std::vector<size_t>& out, const std::vector<Name>& names) {
  struct Sibling {
    std::string_view part;
    std::vector<Name> names;
  };
  std::vector<Sibling> siblings;
  for (Name name : names) {
    const std::string_view part = take_part(name.rest);
    auto found = std::ranges::find(siblings, part, &Sibling::part);
    if (found == siblings.end()) found = siblings.insert(siblings.end(), {part, {}});
    found->names.push_back(name);
  }
  std::ranges::stable_sort(siblings, {}, [](const Sibling& each) { return rank_of(each.part); });
  for (const Sibling& each : siblings) {
    std::vector<Name> deeper;
    for (const Name& name : each.names) {
      if (name.rest.empty()) out.push_back(name.index);
      else deeper.push_back(name);
    }
    if (!deeper.empty()) sort_into(out, deeper);
  }
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

std::vector<size_t> module_order(const std::vector<std::string>& names) {
  std::vector<Name> all;
  for (size_t i = 0; i < names.size(); ++i) all.push_back({i, names[i]});
  std::vector<size_t> out;
  sort_into(out, all);
  return out;
}

bool decays_by_name(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c);
  });
  if (contains(lower, "bias") || contains(lower, "layernorm") || contains(lower, "rmsnorm"))
    return false;
  for (std::string_view rest = lower; !rest.empty();)
    if (const std::string_view part = take_part(rest); part == "norm" || part.ends_with("_norm"))
      return false;
  return true;
}

}  // namespace slipway
