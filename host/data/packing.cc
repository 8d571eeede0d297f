// Packing.
#include "data/packing.h"

#include <algorithm>
#include <numeric>

namespace slipway {
namespace {

int64_t length_of(const Example& example) { return static_cast<int64_t>(example.ids.size()); }

// Prompts that may be shared: everything before the loss, with something after it.
bool same_prompt(const Example& a, const Example& b) {
  return a.loss_begin > 0 && a.loss_begin == b.loss_begin && a.loss_begin < length_of(a) &&
         b.loss_begin < length_of(b) &&
         std::equal(a.ids.begin(), a.ids.begin() + a.loss_begin, b.ids.begin());
}

// Examples that go on from one prompt, or one example; indices in ascending order.
struct Family {
  std::vector<size_t> members;
  int64_t tokens = 0;
};

std::vector<Family> families_of(std::span<const Example* const> examples, Prompts prompts) {
  std::vector<Family> out;
  for (size_t i = 0; i < examples.size(); ++i) {
    const auto shares = [&](const Family& f) {
      return same_prompt(*examples[f.members[0]], *examples[i]);
    };
    const auto family = prompts == Prompts::kShared ? std::ranges::find_if(out, shares) : out.end();
    if (family == out.end()) out.push_back({{i}, length_of(*examples[i])});
    else
      family->members.push_back(i),
          family->tokens += length_of(*examples[i]) - examples[i]->loss_begin;
  }
  return out;
}

void lay(const Example& example, int64_t from, PackedBatch& out) {
  for (int64_t i = from; i < length_of(example); ++i) {
    out.ids.push_back(example.ids[static_cast<size_t>(i)]);
    out.positions.push_back(i);
  }
}

}  // namespace

std::vector<int64_t> Example::labels() const {
  std::vector<int64_t> out;
  const auto add = [&](int64_t begin, int64_t end) {
    for (int64_t i = std::max<int64_t>(1, begin); i < std::min(end, length_of(*this)); ++i)
      out.push_back(i);
  };
  if (loss.empty()) add(loss_begin, length_of(*this));
  for (const TokenSpan& span : loss) add(span.begin, span.begin + span.length);
  return out;
}

int64_t Example::label_tokens() const {
  if (!loss.empty()) return static_cast<int64_t>(labels().size());
  return std::max<int64_t>(0, length_of(*this) - std::max<int64_t>(1, loss_begin));
}

PackedBatch pack(std::span<const Example* const> examples, Prompts prompts) {
  PackedBatch out;
  out.examples.assign(examples.begin(), examples.end());
  struct Place {
    int64_t prompt, own, own_from;  // where token 0 lies, and where token own_from does
    int64_t at(int64_t token) const {
      return token < own_from ? prompt + token : own + token - own_from;
    }
  };
  std::vector<Place> places(examples.size());
  size_t tokens = 0;
  for (const Example* example : examples) tokens += example->ids.size();
  for (std::vector<int64_t>* each : {&out.ids, &out.positions, &out.rows, &out.targets})
    each->reserve(tokens);
  for (const Family& family : families_of(examples, prompts)) {
    const Example& first = *examples[family.members[0]];
    const auto begin = static_cast<int64_t>(out.ids.size());
    if (family.members.size() == 1) {
      lay(first, 0, out);
      out.trees.push_back({{begin, length_of(first)}});
      places[family.members[0]] = {begin, begin, 0};
      continue;
    }
    for (int64_t i = 0; i < first.loss_begin; ++i) {
      out.ids.push_back(first.ids[static_cast<size_t>(i)]);
      out.positions.push_back(i);
    }
    std::vector<TokenSpan> tree = {{begin, first.loss_begin}};
    for (const size_t member : family.members) {
      const auto own = static_cast<int64_t>(out.ids.size());
      lay(*examples[member], first.loss_begin, out);
      tree.push_back({own, length_of(*examples[member]) - first.loss_begin});
      places[member] = {begin, own, first.loss_begin};
    }
    out.trees.push_back(std::move(tree));
  }
  for (size_t e = 0; e < examples.size(); ++e)
    for (const int64_t i : examples[e]->labels()) {
      out.rows.push_back(places[e].at(i - 1));
      out.targets.push_back(examples[e]->ids[static_cast<size_t>(i)]);
    }
  return out;
}

std::vector<PackedBatch> pack_parts(std::span<const Example* const> examples, int64_t budget,
                                    Prompts prompts) {
  std::vector<Family> families = families_of(examples, prompts);
  const int64_t total =
      std::accumulate(families.begin(), families.end(), int64_t{0},
                      [](int64_t sum, const Family& f) { return sum + f.tokens; });
  if (budget <= 0 || total <= budget) return {pack(examples, prompts)};
  // Longest first into the part that has least, with one part more whenever one gets too full
  // (Graham, "Bounds on multiprocessing timing anomalies", 1969).
  std::ranges::stable_sort(families, std::greater<>(), &Family::tokens);
  struct Part {
    std::vector<size_t> members;
    int64_t tokens = 0;
  };
  std::vector<Part> parts;
  for (size_t count = static_cast<size_t>((total + budget - 1) / budget);; ++count) {
    parts.assign(std::min(count, families.size()), {});
    for (const Family& family : families) {
      Part& least = *std::ranges::min_element(parts, {}, &Part::tokens);
      least.members.insert(least.members.end(), family.members.begin(), family.members.end());
      least.tokens += family.tokens;
    }
    if (count >= families.size() ||
        std::ranges::max_element(parts, {}, &Part::tokens)->tokens <= budget)
      break;
  }
  std::vector<PackedBatch> out;
  for (Part& part : parts) {
    std::ranges::sort(part.members);
    std::vector<const Example*> chosen;
    for (const size_t member : part.members) chosen.push_back(examples[member]);
    out.push_back(pack(chosen, prompts));
  }
  return out;
}

}  // namespace slipway
