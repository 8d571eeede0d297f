// Word after word, and what excludes what.
#include "config/sharding_words.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "config/accelerator_words.h"
#include "config/deepspeed_words.h"
#include "config/fsdp_words.h"
#include "config/input_path.h"
#include "config/json_table.h"

namespace slipway {
namespace {

using enum Value::Kind;

struct WordHelp {
  std::string_view name, help;
};
constexpr WordHelp kWordHelp[] = {
    {"sharded_ddp",
     "zero_stage under its name of before: simple is 1, zero_dp_2 is 2, zero_dp_3 is 3; auto_wrap "
     "has no effect, offload cannot be had."},
    {"fsdp_min_num_params", "Has no effect: a model's segments are what train.fsdp cuts."},
    {"fsdp_transformer_layer_cls_to_wrap",
     "Has no effect: a model's segments are what train.fsdp cuts."},
    {"ddp_backend",
     "Ranks exchange by Gloo on processors (\"gloo\") and by NCCL on GPUs (\"nccl\"); it may say "
     "so."},
};

// Nothing, as the Trainer takes it.
bool is_empty(const Value* value) {
  return value == nullptr ||
         (value->kind == kString && (value->s.empty() || value->s == "false")) ||
         (value->kind == kBool && !value->b) || (value->kind == kArray && value->items.empty()) ||
         (value->kind == kTable && value->table.empty());
}

void place_all(Value& value, const Location& where) {
  value.where = where;
  for (Value& item : value.items) place_all(item, where);
  for (auto& [name, item] : value.table) place_all(item, where);
}

class SharingWords {
 public:
  SharingWords(Value& root, Value& train, std::vector<std::string>* notices,
               std::vector<std::string>& faults)
      : run_file_(root.where.file),
        train_(train),
        notices_(notices),
        faults_(faults),
        keys_(train, faults) {}

  void read() {
    const std::optional<Value> deepspeed = taken("deepspeed"), fsdp = taken("fsdp"),
                               sharded = taken("sharded_ddp"), backend = taken("ddp_backend");
    if (excludes("deepspeed", deepspeed, "fsdp", fsdp) ||
        excludes("deepspeed", deepspeed, "sharded_ddp", sharded) ||
        excludes("fsdp", fsdp, "sharded_ddp", sharded))
      return drop_tables();
    if (deepspeed) read_deepspeed_of(*deepspeed);
    read_fsdp_of(fsdp);
    if (sharded) {
      read_sharded_ddp({"train.sharded_ddp", *sharded}, keys_);
      tell(*sharded, "train.sharded_ddp");
    }
    if (const std::optional<Value> accelerator = table_of("accelerator_config")) {
      read_accelerator(*accelerator, keys_);
      tell(*accelerator, "train.accelerator_config");
    }
    if (backend) {
      read_backend({"train.ddp_backend", *backend}, keys_);
      tell(*backend, "train.ddp_backend");
    }
  }

 private:
  // Takes what stands there out of [train]; nothing where it asks for nothing.
  std::optional<Value> taken(const char* name) {
    std::optional<Value> out;
    if (const Value* value = train_.find(name); !is_empty(value)) out = *value;
    std::erase_if(train_.table, [&](const auto& entry) { return entry.first == name; });
    return out;
  }

  // The same of a path, JSON or a table. Empty after a fault, too.
  std::optional<Value> table_of(const char* name) {
    const std::optional<Value> given = taken(name);
    if (!given) return {};
    const std::string key = std::string("train.") + name;
    std::optional<Value> out = given;
    if (given->kind == kString) out = read_table(key, *given);
    else if (given->kind != kTable)
      keys_.fault({key, *given}, "is not a path or a table"), out = {};
    if (!out) return out;
    train_[name] = *out;
    train_[name].where = given->where;
    return out;
  }

  std::optional<Value> read_table(const std::string& key, const Value& given) {
    try {
      if (given.s.at(std::min(given.s.find_first_not_of(" \t\n"), given.s.size() - 1)) == '{') {
        Value out = json_table(given.s, key);
        place_all(out, given.where);
        return out;
      }
      const fs::path path = input_path(given.s, given.where.file, run_file_, key);
      if (const std::string why = why_missing(path); !why.empty())
        return keys_.fault({key, given}, "names a JSON file: " + why), std::nullopt;
      return json_table(read_file(path), path.string());
    } catch (const Error& e) {
      faults_.push_back(fmt::format("{}: {}: {}", given.where.text(), key, e.what()));
      return {};
    }
  }

  bool excludes(const char* one, const std::optional<Value>& a, const char* other,
                const std::optional<Value>& b) {
    if (!a || !b) return false;
    faults_.push_back(fmt::format(
        "{}: train.{} stands beside train.{} in {}: each says how a run is cut; leave one out",
        a->where.text(), one, other, b->where.text()));
    return true;
  }

  void drop_tables() {
    for (const char* name : {"fsdp_config", "accelerator_config"}) taken(name);
  }

  void read_deepspeed_of(const Value& given) {
    train_["deepspeed"] = given;
    const std::optional<Value> table = table_of("deepspeed");
    if (!table) return;
    keys_.remedy("write \"auto\" there, or ");
    read_deepspeed(*table, keys_);
    keys_.remedy("");
    tell(given, "train.deepspeed");
  }

  void read_fsdp_of(const std::optional<Value>& fsdp) {
    const std::optional<Value> table = table_of("fsdp_config");
    for (const char* name : {"fsdp_min_num_params", "fsdp_transformer_layer_cls_to_wrap"})
      if (const std::optional<Value> value = taken(name))
        keys_.has_no_effect({std::string("train.") + name, *value}), tell(*value, "[train]");
    if (!fsdp) {
      if (table && notices_ != nullptr)
        notices_->push_back(table->where.text() +
                            ": train.fsdp_config has no effect without train.fsdp");
      return;
    }
    train_["fsdp"] = Value::of(read_fsdp({"train.fsdp", *fsdp}, table.value_or(Value{}), keys_));
    train_["fsdp"].where = fsdp->where;
    tell(*fsdp, "train.fsdp");
  }

  void tell(const Value& at, const char* whose) {
    for (std::string& each : keys_.notices(at.where.text(), whose))
      if (notices_ != nullptr) notices_->push_back(std::move(each));
  }

  const std::string run_file_;
  Value& train_;
  std::vector<std::string>* notices_;
  std::vector<std::string>& faults_;
  TrainKeys keys_;
};

}  // namespace

void read_sharding_words(Value& root, std::vector<std::string>* notices,
                         std::vector<std::string>& faults) {
  Value* train = root.find("train");
  if (train != nullptr && train->kind == kTable) SharingWords(root, *train, notices, faults).read();
}

std::string_view sharding_word_help(std::string_view name) {
  for (const WordHelp& each : kWordHelp)
    if (name == each.name) return each.help;
  return "";
}

}  // namespace slipway
