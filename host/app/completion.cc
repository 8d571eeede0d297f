// Completion scripts, and the command that prints one.
#include "app/completion.h"

#include <algorithm>

#include "app/command_line.h"
#include "app/command_table.h"
#include "app/standard_output.h"
#include "config/blocks.h"
#include "config/other_names.h"
#include "config/schema.h"

namespace slipway {
namespace {

constexpr const char* kShells = "bash|zsh|fish";

// One word of the command line, or two: "train", "config check".
struct Described {
  std::string command, verb, summary;
  CommandShape shape;
  std::string name() const { return verb.empty() ? command : command + " " + verb; }
};

std::vector<Described> described_commands() {
  std::vector<Described> out;
  for (const Command& command : commands()) {
    std::vector<std::string> verbs = words_of(command.verbs);
    if (verbs.empty()) verbs.emplace_back();
    for (const std::string& verb : verbs) {
      const Arguments arguments = verb.empty() ? Arguments{} : Arguments{verb};
      out.push_back(
          {command.name, verb, command.summary, shape_of([&] { (void)command.run(arguments); })});
    }
  }
  return out;
}

// What stands for a value, told by how the help writes it: "file", "folder", "assignment" (KEY= of
// a run file), "key", "plugin"; words to choose among ("sft raft"); "" = nothing is known of it.
std::string kind_of_value(const std::string& value) {
  const auto is_among = [&](std::initializer_list<const char*> names) {
    return std::ranges::find(names, value) != names.end();
  };
  if (value == "KEY=VALUE") return "assignment";
  if (value == "KEY") return "key";
  if (value == "ID" || value.starts_with("PLUGIN")) return "plugin";
  if (is_among({"DIR", "FOLDER", "RUN"})) return "folder";
  if (is_among({"PATH", "WHAT", "MODEL", "CHECKPOINT", "TRACE.json"}) || value.starts_with("FILE"))
    return "file";
  std::string words = value;
  std::ranges::replace(words, '|', ' ');
  return value.find('|') == std::string::npos ? "" : words;
}

bool is_words(const std::string& kind) { return kind.find(' ') != std::string::npos; }

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& each : words) out += (out.empty() ? "" : " ") + each;
  return out;
}

std::vector<std::string> keys_of_run_files() {
  std::vector<std::string> out;
  for (const Key& key : run_schema()) out.push_back(fmt::format("{}.{}", key.section, key.name));
  return out;
}

// What `config help` explains: keys, sections, blocks and their keys.
std::vector<std::string> explained_names() {
  std::vector<std::string> out = keys_of_run_files();
  const auto add = [&](const std::string& name) {
    if (std::ranges::find(out, name) == out.end()) out.push_back(name);
  };
  for (const Key& key : run_schema()) add(key.section);
  for (const BlockKey& key : block_schema()) {
    add(key.block);
    add(fmt::format("{}.{}", key.block, key.name));
  }
  return out;
}

std::vector<std::string> command_names() {
  std::vector<std::string> out;
  for (const Command& command : commands()) out.emplace_back(command.name);
  return out;
}

// The parts that bash and zsh have in common: `case` in the same words.

std::string option_cases(const std::vector<Described>& all) {
  std::string out;
  for (const Described& each : all) {
    std::vector<std::string> names;
    for (const TakenArgument& option : each.shape.options) names.push_back(option.name);
    out += fmt::format("    \"{}\") options=\"{}\" ;;\n", each.name(), joined(names));
  }
  return out;
}

std::string value_cases(const std::vector<Described>& all) {
  std::string out;
  for (const Described& each : all)
    for (const TakenArgument& option : each.shape.options)
      if (const std::string kind = kind_of_value(option.value); !option.value.empty())
        out += fmt::format("    \"{} {}\") what=\"{}\" ;;\n", each.name(), option.name,
                           kind.empty() ? "anything" : kind);
  return out;
}

std::string positional_cases(const std::vector<Described>& all) {
  std::string out;
  for (const Described& each : all)
    if (!each.shape.positionals.empty())
      out += fmt::format("    \"{}\") what=\"{}\" ;;\n", each.name(),
                         kind_of_value(each.shape.positionals[0].name));
  return out;
}

std::string verb_cases() {
  std::string out;
  for (const Command& command : commands())
    if (const std::vector<std::string> verbs = words_of(command.verbs); !verbs.empty())
      out += fmt::format("    {}) verbs=\"{}\" ;;\n", command.name, joined(verbs));
  return out;
}

constexpr std::string_view kBash =
    R"script(# Completion of slipway in bash, made by: slipway completion bash
_slipway_plugins() {  # ids and short names
  "$1" plugin list --json 2>/dev/null | sed -n 's/^ *"id": "\(.*\)",*$/\1/p' | sed 'p;s/.*\.//'
}
_slipway() {
  local program=${COMP_WORDS[0]} command=${COMP_WORDS[1]} current=${COMP_WORDS[COMP_CWORD]}
  local previous=${COMP_WORDS[COMP_CWORD - 1]} options= what= verbs= word
  COMPREPLY=()
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "@COMMANDS@ help --help --version" -- "$current"))
    return
  fi
  [[ $command != launch ]] || for word in "${COMP_WORDS[@]:2:COMP_CWORD-2}"; do
    case $word in @LAUNCHED@ | --) command=$word && break ;; esac
  done
  case $command in
    help) verbs="@COMMANDS@" ;;
@VERBS@  esac
  if [[ -n $verbs ]]; then
    if ((COMP_CWORD == 2)); then
      COMPREPLY=($(compgen -W "$verbs" -- "$current"))
      return
    fi
    command="$command ${COMP_WORDS[2]}"
  fi
  case $command in
@OPTIONS@  esac
  case $command in
    --) what=file ;;
@POSITIONALS@  esac
  case "$command $previous" in
@VALUES@    *) [[ $current == -* ]] && what=options ;;
  esac
  case $what in
    options) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
    file)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      ;;
    folder)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$current")
      ;;
    assignment)
      compopt -o nospace 2>/dev/null
      COMPREPLY=($(compgen -S = -W "@KEYS@" -- "$current"))
      ;;
    key) COMPREPLY=($(compgen -W "@NAMES@" -- "$current")) ;;
    plugin) COMPREPLY=($(compgen -W "$(_slipway_plugins "$program")" -- "$current")) ;;
    *" "*) COMPREPLY=($(compgen -W "$what" -- "$current")) ;;
  esac
}
complete -F _slipway slipway
)script";

constexpr std::string_view kZsh = R"script(#compdef slipway
# Completion of slipway in zsh, made by: slipway completion zsh
_slipway_plugins() {  # ids and short names
  "$1" plugin list --json 2>/dev/null | sed -n 's/^ *"id": "\(.*\)",*$/\1/p' | sed 'p;s/.*\.//'
}
_slipway() {
  local program=$words[1] command=$words[2] current=$words[CURRENT] previous=$words[CURRENT-1]
  local options= what= verbs= word
  local -a found
  if (( CURRENT == 2 )); then
    found=(${=:-@COMMANDS@ help --help --version})
    compadd -a found
    return
  fi
  if [[ $command == launch ]]; then
    for word in "${(@)words[3,CURRENT-1]}"; do
      case $word in (@LAUNCHED@|--) command=$word && break ;; esac
    done
  fi
  case $command in
    help) verbs="@COMMANDS@" ;;
@VERBS@  esac
  if [[ -n $verbs ]]; then
    if (( CURRENT == 3 )); then
      found=(${=verbs})
      compadd -a found
      return
    fi
    command="$command $words[3]"
  fi
  if [[ $current == --*=* ]]; then
    previous=${current%%=*}
    compset -P '*='
    current=
  fi
  case $command in
@OPTIONS@  esac
  case $command in
    --) what=file ;;
@POSITIONALS@  esac
  case "$command $previous" in
@VALUES@    *) [[ $current == -* ]] && what=options ;;
  esac
  case $what in
    options)
      found=(${=options})
      compadd -a found
      ;;
    file) _files ;;
    folder) _files -/ ;;
    assignment)
      found=(${=:-@KEYS@})
      compadd -S = -a found
      ;;
    key)
      found=(${=:-@NAMES@})
      compadd -a found
      ;;
    plugin)
      found=(${(f)"$(_slipway_plugins $program)"})
      compadd -a found
      ;;
    *" "*)
      found=(${=what})
      compadd -a found
      ;;
  esac
}
if [[ $funcstack[1] == _slipway ]]; then
  _slipway "$@"
else
  compdef _slipway slipway
fi
)script";

// The commands that launch takes: "train|doctor".
std::string launched(const std::vector<Described>& all) {
  for (const Described& each : all)
    if (each.command == "launch") return each.shape.positionals.at(0).name;
  return "";
}

std::string filled(std::string_view form, const std::vector<Described>& all) {
  std::string out(form);
  const auto put = [&](const std::string& place, const std::string& text) {
    for (size_t at; (at = out.find(place)) != std::string::npos;)
      out.replace(at, place.size(), text);
  };
  put("@LAUNCHED@", launched(all));
  put("@COMMANDS@", joined(command_names()));
  put("@VERBS@", verb_cases());
  put("@OPTIONS@", option_cases(all));
  put("@POSITIONALS@", positional_cases(all));
  put("@VALUES@", value_cases(all));
  put("@KEYS@", joined(keys_of_run_files()));
  put("@NAMES@", joined(explained_names()));
  return out;
}

std::string fish_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "'";
}

// The arguments of fish's `complete` for what follows an option or stands as an argument.
std::string fish_value(const std::string& kind, bool follows) {
  const std::string only = follows ? " -x" : "";
  if (kind == "file") return follows ? " -r -F" : " -F";
  if (kind == "folder") return only + " -a '(__fish_complete_directories)'";
  if (kind == "assignment" || kind == "key" || kind == "plugin")
    return fmt::format("{} -a '(__slipway_{}s)'", only, kind);
  return is_words(kind) ? fmt::format("{} -a {}", only, fish_quoted(kind)) : only;
}

// True where the words before the cursor begin with these, and are so many more.
constexpr std::string_view kFishFunctions = R"script(function __slipway_at
    set -l words (commandline -opc)[2..]
    if test "$words[1]" = launch # what it launches has options of its own
        for i in (seq 2 (count $words))
            if string match -qr '^(@LAUNCHED@)$' -- $words[$i]
                set words $words[$i..]
                break
            end
        end
    end
    test (count $words) -ge (count $argv); or return 1
    for i in (seq (count $argv))
        test $words[$i] = $argv[$i]; or return 1
    end
end
function __slipway_right_at
    __slipway_at $argv; and test (count (commandline -opc)) -eq (math (count $argv) + 1)
end
function __slipway_plugins # ids and short names
    set -l ids (slipway plugin list --json 2>/dev/null | string match -rg '^ *"id": "(.*)"')
    printf '%s\n' $ids (string replace -r '.*\.' '' $ids)
end
)script";

std::string fish_line(const std::string& when, const std::string& rest) {
  return fmt::format("complete -c slipway -n {}{}\n", fish_quoted(when), rest);
}

std::string fish_script(const std::vector<Described>& all) {
  std::string out = "# Completion of slipway in fish, made by: slipway completion fish\n";
  out += filled(kFishFunctions, all);
  out += fmt::format("function __slipway_assignments\n    printf '%s=\\n' {}\nend\n",
                     joined(keys_of_run_files()));
  out += fmt::format("function __slipway_keys\n    printf '%s\\n' {}\nend\n",
                     joined(explained_names()));
  out += "complete -c slipway -f\n";
  for (const Command& command : commands()) {
    out += fish_line("__slipway_right_at",
                     fmt::format(" -a {} -d {}", command.name, fish_quoted(command.summary)));
    for (const std::string& verb : words_of(command.verbs))
      out += fish_line(fmt::format("__slipway_right_at {}", command.name), " -a " + verb);
  }
  out += fish_line("__slipway_right_at", " -a help -d " + fish_quoted("explain a command")) +
         fish_line("__slipway_right_at", " -l help -d " + fish_quoted("list the commands")) +
         fish_line("__slipway_right_at", " -l version -d " + fish_quoted("print the version")) +
         fish_line("__slipway_right_at help", " -a " + fish_quoted(joined(command_names())));
  for (const Described& each : all) {
    const std::string when = "__slipway_at " + each.name();
    for (const TakenArgument& option : each.shape.options)
      out += fish_line(
          when,
          fmt::format(" -l {}{} -d {}", option.name.substr(2),
                      option.value.empty() ? "" : fish_value(kind_of_value(option.value), true),
                      fish_quoted(option.help)));
    for (const TakenArgument& argument : each.shape.positionals)
      if (const std::string value = fish_value(kind_of_value(argument.name), false); !value.empty())
        out += fish_line(when, value);
  }
  return out;
}

}  // namespace

std::string completion_script(std::string_view shell) {
  if (shell == "bash") return filled(kBash, described_commands());
  if (shell == "zsh") return filled(kZsh, described_commands());
  if (shell == "fish") return fish_script(described_commands());
  fail("no completion for \"{}\", there is: {}", shell, joined(words_of(kShells)));
}

int completion_command(const Arguments& arguments) {
  CommandLine line("slipway completion bash|zsh|fish",
                   "Prints a script that completes commands, options, files, keys of run files and "
                   "plugins. To have it in every new shell:\n\n"
                   "  bash: slipway completion bash > "
                   "~/.local/share/bash-completion/completions/slipway\n"
                   "  zsh: slipway completion zsh > ~/.zfunc/_slipway (in a folder of fpath)\n"
                   "  fish: slipway completion fish > ~/.config/fish/completions/slipway.fish");
  line.positional(kShells, "the shell");
  if (!line.parse(arguments)) return kExitOk;
  std::string script;
  try {
    script = completion_script(line.text(kShells));
  } catch (const Error& e) {
    throw UsageError(e.what());
  }
  print(script);
  return kExitOk;
}

}  // namespace slipway
