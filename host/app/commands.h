// The commands of the program. Each takes the arguments after its name, prints to standard output
// what it is asked for, and returns an exit code; what goes wrong is thrown as Error.
#pragma once
#include <string>
#include <vector>

namespace slipway {

using Arguments = std::vector<std::string>;

int train_command(const Arguments& arguments);
int launch_command(const Arguments& arguments);
int evaluate_command(const Arguments& arguments);
int merge_command(const Arguments& arguments);
int predict_command(const Arguments& arguments);
int generate_command(const Arguments& arguments);
int config_command(const Arguments& arguments);
int plugin_command(const Arguments& arguments);
int doctor_command(const Arguments& arguments);
int search_command(const Arguments& arguments);
int report_command(const Arguments& arguments);
int export_command(const Arguments& arguments);
int new_command(const Arguments& arguments);
int chat_command(const Arguments& arguments);
int data_command(const Arguments& arguments);
int completion_command(const Arguments& arguments);

}  // namespace slipway
