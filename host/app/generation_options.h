// What commands that let a model write have in common.
#pragma once
#include "app/command_line.h"
#include "slipway/generator.hpp"

namespace slipway {

// How tokens are drawn, and where an answer ends.
void add_generation_options(CommandLine& line, const char* max_new_tokens);
// Which model, and on what it computes.
void add_model_options(CommandLine& line);

// Throw UsageError naming the option that is wrong.
GenerateOptions generate_options_of(const CommandLine& line);
void check_options(const GenerateOptions& options);  // ranges
GeneratorOptions generator_options_of(const CommandLine& line);
// Throws UsageError where there is nothing at the path; `option` ("--model ") stands before it.
void require_model(const std::string& option, const std::string& path);

}  // namespace slipway
