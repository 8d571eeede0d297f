// JSON: nlohmann's value with insertion order kept, and a parse whose errors name file and line.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace slipway {

using Json = nlohmann::ordered_json;

// Told of every key as it is read: how many its object has with it, and whether it had it already.
// What it throws ends the parse.
using KeyCheck = std::function<void(const std::string& key, size_t keys, bool again)>;

// Throws Error "origin:line: ..." on malformed text, or when it nests deeper than 512. `first_line`
// is the number of the text's first line. Of equal keys in one object the last wins, unless
// `check_key` throws.
Json parse_json(std::string_view text, const std::string& origin, int first_line = 1,
                const KeyCheck& check_key = {});

// For objects of many keys that are looked up, where a repeated key must not pass: sorted by key,
// and a repeated key is an Error. (Json goes through an object's keys to find one.)
nlohmann::json parse_unique_json(std::string_view text, const std::string& origin);

// The checks of parse_json() alone, for readers that build something else than a Json: of the
// nesting, and of all.
void check_json_depth(std::string_view text, const std::string& origin, int first_line = 1);
void check_json(std::string_view text, const std::string& origin, int first_line = 1);

// A number that reads back to the same bits; NaN and infinities as HF writes them (NaN, Infinity,
// -Infinity).
std::string json_number(double value);

}  // namespace slipway
