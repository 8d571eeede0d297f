// Numbers in train.deepspeed against the ranks.
#include "api/check_sharding.h"

#include "base/error.h"

namespace slipway {
namespace {

// "per_device_train_batch_size 8 (run.toml:12)"
std::string with_place(const RunConfig& c, const char* key) {
  const Value& value = c.get("train", key);
  return fmt::format("{} {} ({})", key, value.toml(), value.where.text());
}

std::string ranks_of(int64_t count) {
  return fmt::format("{} rank{}", count, count == 1 ? "" : "s");
}

// A number that the configuration gives; nullptr where it leaves it open.
const Value* number_in(const Value& table, const char* name) {
  const Value* value = table.find(name);
  return value != nullptr && value->is_number() ? value : nullptr;
}

}  // namespace

std::vector<std::string> sharding_faults(const RunConfig& c, const Place& place) {
  std::vector<std::string> faults;
  const Value& deepspeed = c.get("train", "deepspeed");
  const int64_t batch = c.integer("train", "per_device_train_batch_size") *
                        c.integer("train", "gradient_accumulation_steps") * place.world;
  if (const Value* given = number_in(deepspeed, "train_batch_size");
      given != nullptr && !c.flag("train", "auto_find_batch_size") &&
      given->number() != static_cast<double>(batch))
    faults.push_back(fmt::format(
        "{}: deepspeed.train_batch_size = {}, but a step has {} x {} x {} = {} examples: write "
        "\"auto\", or change one of them",
        given->where.text(), given->toml(), ranks_of(place.world),
        with_place(c, "per_device_train_batch_size"), with_place(c, "gradient_accumulation_steps"),
        batch));
  const Value* zero = deepspeed.find("zero_optimization");
  for (const char* name : {"zero_hpz_partition_size", "mics_shard_size"}) {
    const Value* given = zero == nullptr ? nullptr : number_in(*zero, name);
    if (given == nullptr || given->number() <= 1 ||
        given->number() == static_cast<double>(place.local_world))
      continue;
    faults.push_back(
        fmt::format("{}: deepspeed.zero_optimization.{} = {}, but there are {} on this machine: "
                    "weights are cut over all ranks or over those of a machine; write that number",
                    given->where.text(), name, given->toml(), ranks_of(place.local_world)));
  }
  return faults;
}

}  // namespace slipway
