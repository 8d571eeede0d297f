// Extra columns of a data set, row-aligned and typed, as rewards and losses receive them.
#pragma once
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "slipway/reward.h"

namespace slipway {

// The columns of a data set, in the order of their first appearance. A column has one type for all
// rows: SLW_INT where every value is a whole number, SLW_FLOAT where every one is a number, else
// SLW_STRING; so has a column without a single value.
class ColumnTypes {
 public:
  // Looks at another row's extra columns: an object, or nothing.
  void see(const Json& row);

  struct Column {
    std::string name;
    slw_type type;
  };
  std::vector<Column> columns() const;

 private:
  std::vector<Column> seen_;  // type 0: no value so far
};

// Owns what the slw_column array points to. Not copyable: the table holds addresses.
class ColumnTable {
 public:
  // rows[i]: the i-th row's extra columns, an object, or nullptr for none; borrowed for the call. A
  // row without a value has 0 or "", and present() says so; text columns have what is no text as
  // JSON. Without `types` they are those of these rows. Throws Error on a value that its column's
  // type cannot hold.
  explicit ColumnTable(const std::vector<const Json*>& rows,
                       const std::optional<ColumnTypes>& types = {});
  ColumnTable(const ColumnTable&) = delete;
  ColumnTable& operator=(const ColumnTable&) = delete;

  const slw_column* data() const { return columns_.data(); }
  uint32_t size() const { return static_cast<uint32_t>(columns_.size()); }
  // [size()][rows]: 1 where the row has a value.
  const uint8_t* const* present() const { return present_views_.data(); }

 private:
  void fill(slw_column& column, const std::vector<const Json*>& cells);

  std::vector<slw_column> columns_;
  std::deque<std::string> names_, texts_;
  std::deque<std::vector<int64_t>> ints_;
  std::deque<std::vector<double>> floats_;
  std::deque<std::vector<slw_str>> views_;
  std::deque<std::vector<uint8_t>> present_;
  std::vector<const uint8_t*> present_views_;
};

}  // namespace slipway
