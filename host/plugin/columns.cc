// Typing columns.
#include "plugin/columns.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/json_text.h"

namespace slipway {
namespace {

const Json* cell(const Json* row, const std::string& name) {
  if (row == nullptr || !row->is_object()) return nullptr;
  const auto at = row->find(name);
  return at == row->end() || at->is_null() ? nullptr : &*at;
}

bool is_int64(const Json& value) {
  if (value.is_number_unsigned())
    return value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  return value.is_number_integer();
}

// A whole number beyond int64 is text: a float would be another number.
slw_type type_of(const Json& value) {
  if (is_int64(value)) return SLW_INT;
  return value.is_number_float() ? SLW_FLOAT : SLW_STRING;
}

}  // namespace

void ColumnTypes::see(const Json& row) {
  if (!row.is_object()) return;
  for (const auto& [name, value] : row.items()) {
    auto column = std::ranges::find(seen_, name, &Column::name);
    if (column == seen_.end()) column = seen_.insert(column, {name, 0});
    // ascending: INT, FLOAT, STRING
    if (!value.is_null()) column->type = std::max(column->type, type_of(value));
  }
}

std::vector<ColumnTypes::Column> ColumnTypes::columns() const {
  std::vector<Column> out = seen_;
  for (Column& column : out)
    if (column.type == 0) column.type = SLW_STRING;
  return out;
}

ColumnTable::ColumnTable(const std::vector<const Json*>& rows,
                         const std::optional<ColumnTypes>& types) {
  ColumnTypes seen;
  if (!types)
    for (const Json* row : rows)
      if (row != nullptr) seen.see(*row);
  for (const auto& [name, type] : (types ? *types : seen).columns()) {
    slw_column column{};
    column.name = names_.emplace_back(name).c_str();
    column.type = type;
    std::vector<const Json*> cells;
    for (const Json* row : rows) cells.push_back(cell(row, name));
    auto& present = present_.emplace_back();
    for (const Json* value : cells) {
      present.push_back(value != nullptr);
      if (value != nullptr && type_of(*value) > type)
        fail("column \"{}\" holds {} in the data set, but a row has {}", name,
             type == SLW_INT ? "whole numbers" : "numbers", json_text(*value));
    }
    present_views_.push_back(present.data());
    fill(column, cells);
    columns_.push_back(column);
  }
}

void ColumnTable::fill(slw_column& column, const std::vector<const Json*>& cells) {
  if (column.type == SLW_INT) {
    auto& out = ints_.emplace_back();
    for (const Json* value : cells) out.push_back(value != nullptr ? value->get<int64_t>() : 0);
    column.v.ints = out.data();
  } else if (column.type == SLW_FLOAT) {
    auto& out = floats_.emplace_back();
    for (const Json* value : cells) out.push_back(value != nullptr ? value->get<double>() : 0);
    column.v.floats = out.data();
  } else {
    auto& out = views_.emplace_back();
    for (const Json* value : cells) {
      const std::string& text = texts_.emplace_back(value == nullptr     ? ""
                                                    : value->is_string() ? value->get<std::string>()
                                                                         : json_text(*value));
      out.push_back({text.data(), text.size()});
    }
    column.v.texts = out.data();
  }
}

}  // namespace slipway
