// Columns: types over all rows, gaps.
#include "plugin/columns.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway {
namespace {

TEST(Columns, TypesAndGaps) {
  const Json a = {{"label", 3}, {"score", 1}, {"topic", "x"}, {"mixed", "y"}},
             b = {{"score", 0.5}, {"mixed", 7}, {"list", {1, 2}}};
  const ColumnTable table({&a, nullptr, &b});
  ASSERT_EQ(table.size(), 5u);
  const slw_column* c = table.data();
  EXPECT_STREQ(c[0].name, "label");
  EXPECT_EQ(c[0].type, SLW_INT);
  EXPECT_EQ(c[0].v.ints[0], 3);
  EXPECT_EQ(c[0].v.ints[2], 0);
  EXPECT_EQ(c[1].type, SLW_FLOAT);
  EXPECT_DOUBLE_EQ(c[1].v.floats[2], 0.5);
  EXPECT_EQ(c[2].type, SLW_STRING);
  EXPECT_EQ(c[2].v.texts[1].size, 0u);
  EXPECT_EQ(std::string(c[3].v.texts[2].data, c[3].v.texts[2].size), "7");
  EXPECT_EQ(std::string(c[4].v.texts[2].data, c[4].v.texts[2].size), "[1,2]");
}

ColumnTypes types_of(const std::vector<Json>& rows) {
  ColumnTypes out;
  for (const Json& row : rows) out.see(row);
  return out;
}

TEST(Columns, ATypeHoldsForEveryBatchOfTheDataSet) {
  const std::vector<Json> rows = {{{"answer", "42"}, {"weight", 1}},
                                  {{"answer", nullptr}, {"weight", 0.5}, {"note", nullptr}},
                                  Json(),
                                  {{"big", 18446744073709551615u}}};
  const ColumnTypes types = types_of(rows);
  const Json gap = {{"answer", nullptr}, {"weight", 2}};
  const ColumnTable table({&gap, &rows[2]}, types);  // no row has an answer, a note, a fraction
  ASSERT_EQ(table.size(), 4u);
  EXPECT_STREQ(table.data()[0].name, "answer");
  EXPECT_EQ(table.data()[0].type, SLW_STRING);
  EXPECT_EQ(table.data()[0].v.texts[0].size, 0u);
  EXPECT_EQ(table.data()[1].type, SLW_FLOAT);
  EXPECT_EQ(table.data()[1].v.floats[0], 2);
  EXPECT_STREQ(table.data()[2].name, "note");
  EXPECT_EQ(table.data()[2].type, SLW_STRING);  // without a value in any row
  EXPECT_EQ(table.data()[3].type, SLW_STRING);  // a number that int64 cannot hold
}

TEST(Columns, NullIsToldFromZeroAndFromNothing) {
  const Json zero = {{"n", 0}, {"text", ""}}, null = {{"n", nullptr}, {"text", nullptr}},
             absent = {{"other", 1}};
  const ColumnTable table({&zero, &null, &absent, nullptr});
  ASSERT_EQ(table.size(), 3u);
  for (const size_t column : {size_t{0}, size_t{1}}) {
    EXPECT_EQ(table.present()[column][0], 1);
    for (const size_t row : {1, 2, 3})
      EXPECT_EQ(table.present()[column][row], 0) << column << " " << row;
  }
  EXPECT_EQ(table.present()[2][2], 1);
}

TEST(Columns, AValueThatTheTypeCannotHoldIsRefused) {
  const ColumnTypes types = types_of({{{"n", 1}}});
  const Json text = {{"n", "one"}};
  try {
    const ColumnTable table({&text}, types);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "column \"n\" holds whole numbers in the data set, but a row has \"one\"");
  }
}

TEST(Columns, NoColumns) {
  EXPECT_EQ(ColumnTable({}).size(), 0u);
  EXPECT_EQ(ColumnTable({nullptr, nullptr}).size(), 0u);
}

}  // namespace
}  // namespace slipway
