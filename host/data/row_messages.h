// Rows that are conversations, in the forms that are about.
#pragma once
#include <string>
#include <vector>

#include "data/dataset.h"

namespace slipway {

// Reads what of the row is a conversation into its `chat`: "messages" (Hugging Face's and OpenAI's
// role and content, or ShareGPT's from and value), "conversations", the column that
// names.messages names, or "prompt" and "completion" that are lists of messages, each with
// "system" and "tools" beside them; and with names.preference the chosen answer of a preference.
// The columns that were read are added to `used`. False when the row is no conversation. Throws
// Error naming the row and the message.
bool read_conversation(const Json& json, const ColumnNames& names, Row& row,
                       std::vector<std::string>& used);

// Makes a prompt and its answer messages of a user and an assistant, a column "system" the first.
// Throws Error on a row that is one text.
void make_conversation(Row& row);

}  // namespace slipway
