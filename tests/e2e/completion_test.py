"""What a shell completes, asked of the shell itself. usage: completion_test.py SLIPWAY bash|zsh|fish

Exit code 77 where the shell is not installed.
"""
import os
import pathlib
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import time

COMMANDS = {"new", "train", "launch", "evaluate", "predict", "generate", "chat", "data", "merge", "search", "report", "export", "config", "plugin", "doctor", "completion", "help"}
# The words so far, the last of them to be completed, and what there is for it: exactly, or at least.
EXACTLY = [(["tr"], {"train"}), (["--"], {"--help", "--version"}), (["train", "--prin"], {"--print-config"}), (["train", "--set", "train.learning"], {"train.learning_rate="}),
           (["train", "--set=raft.iter"], {"raft.iterations="}), (["config", "che"], {"check"}), (["config", "check", "run.to"], {"run.toml"}),
           (["config", "help", "reward.w"], {"reward.weight"}), (["plugin", "info", "leng"], {"length"}), (["plugin", "info", "org.slipway.reward.l"], {"org.slipway.reward.length"}),
           (["new", "--algorithm", ""], {"sft", "raft"}), (["generate", "--model", "tin"], {"tiny"}), (["help", "doc"], {"doctor"}), (["completion", "z"], {"zsh"}),
           (["data", ""], {"show"}), (["chat", "tin"], {"tiny"}), (["launch", "--nproc", "2", "tr"], {"train"}), (["launch", "--max"], {"--max-restarts"}), (["launch", "--nproc", "2", "train", "--prin"], {"--print-config"}),
           (["launch", "train", "run.to"], {"run.toml"}), (["launch", "train", "--max"], set()),
           (["train", "--resume", "many"], {"many.jsonl"}), (["config", "help", "doct"], set()), (["generate", "--prompt", "train", "--print"], set())]
AT_LEAST = [([""], COMMANDS), (["help", ""], COMMANDS - {"help"}), (["config", ""], {"check", "help", "schema"}), (["train", ""], {"run.toml"}), (["generate", "--"], {"--model", "--stream"})]


class Bash:
    def __init__(self, script: pathlib.Path, folder: pathlib.Path):
        self.script, self.folder = script, folder

    def completions(self, words: list[str]) -> set[str]:
        if words[-1].startswith("--") and "=" in words[-1]:  # readline cuts words there
            name, value = words[-1].split("=")
            words = [*words[:-1], name, "=", *([value] if value else [])]
        line = " ".join(f"'{word}'" for word in ["slipway", *words])
        script = f"source '{self.script}'; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _slipway; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        done = subprocess.run(["bash", "-c", script], cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert not done.stderr, done.stderr
        return set(done.stdout.split())


class Fish(Bash):
    def completions(self, words: list[str]) -> set[str]:
        done = subprocess.run(["fish", "--no-config", "-c", f"source '{self.script}'; complete -C $argv[1]", " ".join(["slipway", *words])],
                              cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert not done.stderr, done.stderr
        found = {line.split("\t")[0].removesuffix("/") for line in done.stdout.splitlines()}
        return {word.split("=", 1)[1] if word.startswith("--") and "=" in word else word for word in found}


class Zsh:
    """A zsh in a terminal: what compadd() is given goes into a file."""

    def __init__(self, script: pathlib.Path, folder: pathlib.Path):
        self.said = folder / "said"
        self.said.write_text("")
        setup = folder / "setup"
        setup.write_text(f"""
PROMPT=
autoload -Uz compinit
compinit -u -D
source {script}
bindkey '^I' complete-word
zstyle ':completion:*' insert-tab false
_told () {{ print -r -- END >> {self.said}; comppostfuncs=(_told) }}
comppostfuncs=(_told)
compadd () {{
  if [[ ${{@[1,(i)(-|--)]}} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return $?; fi
  typeset -a hits suffix
  zparseopts -E -a suffix S:
  builtin compadd -A hits "$@"
  for hit in $hits; do print -r -- "HIT $hit$suffix[2]" >> {self.said}; done
  builtin compadd "$@"
}}
print -r -- END >> {self.said}
""")
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "dumb"
            os.chdir(folder)
            os.execvp("zsh", ["zsh", "-f", "-i"])
        self.type(f"source {setup}\n")

    def type(self, keys: str) -> str:
        """Until it has answered; what it answered."""
        self.said.write_text("")
        os.write(self.end, keys.encode())
        give_up = time.monotonic() + 60
        while not (said := self.said.read_text()).endswith("END\n"):
            assert time.monotonic() < give_up, (keys, said)
            if select.select([self.end], [], [], 0.02)[0]:
                os.read(self.end, 1 << 16)
        return said

    def completions(self, words: list[str]) -> set[str]:
        said = self.type(" ".join(["slipway", *words]) + "\t")
        os.write(self.end, b"\x15")  # the line away
        return {line[4:] for line in said.splitlines() if line.startswith("HIT ")}


def main() -> None:
    program, shell = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    if not shutil.which(shell):
        print(f"skipped: there is no {shell} here")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="slipway-completion-") as name:
        root = pathlib.Path(name)
        folder, home = root / "here", root / "home"
        (folder / "tiny").mkdir(parents=True)
        (home / "bin").mkdir(parents=True)
        (home / "bin/slipway").symlink_to(program)
        os.environ["PATH"] = f"{home}/bin:{os.environ['PATH']}"
        os.environ["HOME"] = os.environ["ZDOTDIR"] = str(home)
        for file in ("run.toml", "many.jsonl"):
            (folder / file).touch()
        script = root / "script"
        script.write_bytes(subprocess.run([program, "completion", shell], check=True, capture_output=True).stdout)
        asked = {"bash": Bash, "zsh": Zsh, "fish": Fish}[shell](script, folder)
        for words, wanted in EXACTLY:
            found = asked.completions(words)
            assert found == wanted, f"{shell} completes {words} to {found}, not {wanted}"
        for words, wanted in AT_LEAST:
            found = asked.completions(words)
            assert wanted <= found, f"{shell} completes {words} to {found}, without {wanted - found}"
        print(f"{shell}: {len(EXACTLY) + len(AT_LEAST)} places")


if __name__ == "__main__":
    main()
