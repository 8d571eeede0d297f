// What the columns of a JSON row mean.
#pragma once
#include <set>
#include <string>

#include "data/dataset.h"

namespace slipway {

// The row of a JSON object: a prompt ("prompt", or "input", or "instruction" with "input" on a line
// of its own where that is not empty) with its answer ("completion" of a prompt, "output" of the
// others) or without one, a "text", or a conversation (data/row_messages.h). With names given the
// columns of these names alone are meant. Other columns stay columns. `where` is for messages.
// Throws Error when it is none of these, or two of them, and when a column that is named is not
// there (an answer may be missing).
Row row_of(const Json& json, const std::string& where, const ColumnNames& names = {});

// For those who train on the row itself, or measure its loss. Throws Error when its prompt has no
// answer, and when a column that a text is usually made of would be passed over ("response" beside
// a text, "context" beside a prompt). The names of other columns that hold text are added to
// `ignored`.
void check_trained_row(const Row& row, std::set<std::string>& ignored);

}  // namespace slipway
