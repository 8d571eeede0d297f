"""Follows the pages: what docs/*.md, README.md and their neighbours tell to type is run, and what they name exists.

usage: docs_test.py SLIPWAY

Each page of docs/ is followed in a scratch folder of its own, which looks like this repository: ./slipway, plugin_api, and in build/assets the
lexicons and, under SmolLM2-135M's name, a Llama of some thousand weights. Fenced blocks mean:

  ```sh                    is run by `sh -eu`, one block after the other; it must end with 0. `test -f FILE` says what must be there then
  ```sh stop               one command, interrupted by Ctrl-C as soon as there is a checkpoint; it must save and end with 85
  ```toml, # NAME.toml     a file, by the name in its first line; without one, an excerpt whose keys must exist
  ```cpp, // NAME.cc       the same
  others                   are only shown

The files of guide.md (its toml blocks, and blocks that write one: `cat >`) lie in every page's folder from the start.
"""
import concurrent.futures
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib

from tiny_files import weights, write_gguf

ROOT = pathlib.Path(__file__).resolve().parents[2]
ASSETS = pathlib.Path(os.environ.get("SLIPWAY_ASSETS", ROOT / "build/assets"))
WORKERS = 2
MEMORY = pathlib.Path("/dev/shm")
MODEL = "build/assets/SmolLM2-135M-Instruct.Q4_1.gguf"
FRONT_DOOR = {"test", "build"}  # commands of ./slipway itself
SECTIONS = "run|model|data|generation|raft|train|plugins|reward|metric|loss|callback|logger|search"
KEY = rf"((?:{SECTIONS})\.\w+)(?: = .*)?$"
RUN_FILE = str(ROOT / "tests/e2e/tiny_sft.toml")
FILE_ENDINGS = "cc|cpp|h|hpp|json|jsonl|md|pt|pt2|safetensors|svg|toml|txt"


class Block:
    def __init__(self, page: str, line: int, kind: str, text: str):
        self.at, self.kind, self.text = f"{page}:{line}", kind, text
        first = re.match(r"(?:#|//) ([\w.-]+\.\w+)\n", text)
        self.name = first[1] if first and kind in ("toml", "cpp") else ""


def blocks_of(page: str, text: str) -> list[Block]:
    return [Block(page, text.count("\n", 0, m.start()) + 1, m[1].strip(), m[2]) for m in re.finditer(r"^```([^\n`]*)\n(.*?)^```$", text, re.M | re.S)]


def prose_of(text: str) -> str:
    """The text without its fenced blocks, whose lines stay as empty ones."""
    return re.sub(r"^```.*?^```$", lambda m: "\n" * m[0].count("\n"), text, flags=re.M | re.S)


# ---- what is named --------------------------------------------------------------------------------------------------

class Names:
    """What the program knows."""

    def __init__(self, program: str):
        self.program = program
        self.commands = set(re.findall(r"^  (\w+) {2,}\S", self.run("--help")[1], re.M))
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            self.help = dict(zip(self.commands, pool.map(lambda command: self.run("help", command)[1], self.commands)))
        self.keys: dict[str, bool] = {}
        section = ""
        for line in self.run("config", "help")[1].splitlines():
            if heading := re.match(r"\[+(\w+)\]+$", line):
                section = heading[1]
            elif key := re.match(r"  (\w+) \(", line):
                self.keys[f"{section}.{key[1]}"] = True
            elif others := re.match(r"      Also called (.*)\.$", line):
                self.keys.update({f"{section}.{name.strip()}": True for name in others[1].split(",")})

    def run(self, *arguments: str) -> tuple[int, str]:
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout

    def ask_at_once(self, texts: list[str]) -> None:
        """Most of a call is the program's start: keys that `config help` alone does not list are asked for together."""
        said = [code for text in texts for code in re.findall(r"`([^`\n]+)`", prose_of(text)) if re.match(KEY, code)]
        formers = [s.replace(" = ", "=") for s in said if re.match(KEY, s)[1] not in self.keys and " = " in s]
        others = sorted({s for s in said if s not in self.keys and " = " not in s and not re.search(rf"\.({FILE_ENDINGS})$", s)})
        if others and self.run("config", "help", *others)[0] == 0:
            self.keys.update(dict.fromkeys(others, True))
        if formers and self.run("train", RUN_FILE, "--print-config", *(word for s in formers for word in ("--set", s)))[0] == 0:
            self.keys.update({s.split("=")[0]: True for s in formers})

    def is_key(self, key: str) -> bool:
        """Arguments of the Trainer that a run refuses are explained, too."""
        if key not in self.keys:
            self.keys[key] = self.run("config", "help", key)[0] == 0
        return self.keys[key]

    def is_former(self, said: str) -> bool:
        """`KEY = VALUE`, where a switch of the past has become a value of another key."""
        return " = " in said and self.run("train", RUN_FILE, "--print-config", "--set", said.replace(" = ", "="))[0] == 0

    def fault_of_command(self, line: str) -> str:
        words = re.split(r"\s+", line.strip())
        command = words[1].strip(",") if len(words) > 1 else ""
        if command.startswith("-") or command in FRONT_DOOR or not re.fullmatch(r"[a-z]+", command):
            return ""  # slipway --version; what stands for something: COMMAND
        if command not in self.help:
            return "" if command == "help" else f'no command "{command}"'
        if command in ("config", "plugin", "data") and len(words) > 2 and re.fullmatch(r"[a-z]+", words[2]) and not re.search(rf"\b{command} {words[2]}\b|^  {words[2]} ", self.help[command], re.M):
            return f'no command "{command} {words[2]}"'
        if command == "launch":  # what it launches has options of its own
            at = next((i for i, word in enumerate(words[2:], 2) if word == "--" or word in self.commands), len(words))
            line, launched = " ".join(words[:at]), words[at:]
            if launched and launched[0] != "--" and (fault := self.fault_of_command(" ".join(["slipway", *launched]))):
                return fault
        missing = [option for option in re.findall(r"(?<=\s)--[a-z][\w-]*", line) if not re.search(rf"{option}\b(?!-)", self.help[command])]
        return f"slipway {command} has no option {missing[0]}" if missing else ""


def keys_of(tree: dict) -> list[str]:
    keys = []
    for section, value in tree.items():
        for table in value if isinstance(value, list) else [value]:
            for key in table if isinstance(table, dict) else []:
                keys.append(f"{section}.{key}")
    return keys


def faults_of_names(page: str, text: str, names: Names) -> list[str]:
    faults = []
    for block in blocks_of(page, text):
        if block.kind == "toml":
            try:
                faults += [f"{block.at}: no key {key}" for key in keys_of(tomllib.loads(block.text)) if not names.is_key(key)]
            except tomllib.TOMLDecodeError as fault:
                faults.append(f"{block.at}: {fault}")
        if block.kind.split(" ")[0] in ("sh", ""):
            lines = re.findall(r"^(?:\./)?(slipway .*)$", block.text, re.M)
            faults += [f"{block.at}: {fault}" for line in lines if (fault := names.fault_of_command(line))]
    prose = prose_of(text)
    for code in re.finditer(r"`([^`\n]+)`", prose):
        at, said = f"{page}:{prose.count(chr(10), 0, code.start()) + 1}: `{code[1]}`", code[1]
        if re.match(r"(\./)?slipway ", said) and (fault := names.fault_of_command(said)):
            faults.append(f"{at}: {fault}")
        if key := re.match(KEY, said):
            if not re.search(rf"\.({FILE_ENDINGS})$", key[1]) and not names.is_key(key[1]) and not names.is_former(said):
                faults.append(f"{at}: no such key")
        if re.fullmatch(r"(host|tests|plugins|plugin_api|docs|configs|cmake)/[\w./-]+", said) and not (ROOT / said).exists():
            faults.append(f"{at}: no such file")
    for link in re.finditer(r"\]\(([^)#\s]+)[^)]*\)", prose):
        if not re.match(r"\w+:", link[1]) and not (ROOT / page).parent.joinpath(link[1]).exists():
            faults.append(f"{page}:{prose.count(chr(10), 0, link.start()) + 1}: no file {link[1]}")
    return faults


# ---- what is typed --------------------------------------------------------------------------------------------------

def make_scratch(folder: pathlib.Path, program: str, guide: str) -> None:
    (folder / "build/assets").mkdir(parents=True)
    write_gguf(folder / MODEL, weights())
    for lexicon in ASSETS.glob("*lexicon.txt"):
        (folder / "build/assets" / lexicon.name).symlink_to(lexicon)
    if MEMORY.is_dir():  # checkpoints are flushed to the disk, which another's work may keep waiting
        runs = MEMORY / folder.parent.name / folder.name
        runs.mkdir(parents=True)
        (folder / "runs").symlink_to(runs)
    (folder / "plugin_api").symlink_to(ROOT / "plugin_api")
    (folder / "slipway").write_text(f'#!/bin/sh\nOMP_NUM_THREADS=1 exec "{program}" "$@"\n')
    (folder / "slipway").chmod(0o755)
    for block in blocks_of("docs/guide.md", guide):
        if block.name:
            (folder / block.name).write_text(block.text)
        elif block.kind == "sh" and block.text.startswith("cat >"):
            subprocess.run(["sh", "-eu"], input=block.text, text=True, cwd=folder, check=True)


def interrupted(block: Block, folder: pathlib.Path) -> str:
    """Runs until Ctrl-C; the steps of a tiny model are so fast that it gets more of them."""
    command = ["sh", "-euc", f"exec {block.text.strip()} --set train.max_steps=100000"]
    before = set(folder.glob("runs/*/checkpoint-*"))
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        try:
            deadline = time.monotonic() + 60
            started = time.time()
            while process.poll() is None and time.monotonic() < deadline:
                fresh = [c for c in folder.glob("runs/*/checkpoint-*") if c not in before or c.lstat().st_mtime > started]
                if fresh and process.poll() is None:
                    break
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=60)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        said.seek(0)
        return "" if code == 85 else f"{block.at}: ended with {code}, not 85, after Ctrl-C: {said.read()[-1000:]}"


def faults_of_typing(page: str, text: str, folder: pathlib.Path) -> list[str]:
    for block in blocks_of(page, text):
        if block.name:
            (folder / block.name).write_text(block.text)
        elif block.kind == "sh stop":
            if fault := interrupted(block, folder):
                return [fault]
        elif block.kind == "sh":
            done = subprocess.run(["sh", "-eux", "-c", block.text], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
            if done.returncode != 0:
                typed = [line for line in done.stderr.splitlines() if line.startswith("+ ")]
                return [f"{block.at}: {typed[-1][2:] if typed else block.text.splitlines()[0]}: ended with {done.returncode}: {done.stderr[-1500:]}"]
    return []


# ---- faults made on purpose -----------------------------------------------------------------------------------------

def faults_are_found(text: str, names: Names, program: str, root: pathlib.Path) -> None:
    page = "docs/guide.md"

    def changed(old: str, new: str) -> str:
        assert old in text, f"{page} has no {old!r} to plant a fault in"
        return text.replace(old, new, 1)

    for old, new, expected in (("learning_rate = 5e-5", "learnin_rate = 5e-5", "no key train.learnin_rate"), ("[[metric]]", "[[metrics]]", "no key metrics.use"),
                               ("| `slipway doctor` |", "| `slipway docter` |", 'no command "docter"'), ("config check reviews", "config chek reviews", 'no command "config chek"'),
                               ("--picture kind.svg", "--pictures kind.svg", "no option --pictures"), ("(rewards.md)", "(reward.md)", "no file reward.md"), ("`tests/e2e/docs_test.py`", "`tests/e2e/doc_test.py`", "no such file"),
                               ("`slipway help COMMAND`", "`train.learnin_rate`", "no such key"), ('algorithm = "sft"', "algorithm = sft", "guide.md:")):
        found = faults_of_names(page, changed(old, new), names)
        assert any(expected in fault for fault in found), (expected, found)
    for i, (typed, expected) in enumerate((("test -f reviews.toml", ""), ("test -f runs/nowhere/report.html", "test -f runs/nowhere/report.html: ended with 1"),
                                           ("./slipway trian reviews.toml\ntrue", "ended with 2"))):
        folder = root / f"planted{i}"
        make_scratch(folder, program, text)
        found = faults_of_typing("planted.md", f"```sh\n{typed}\n```\n", folder)
        assert bool(found) == bool(expected) and (not expected or expected in found[0]), (typed, found)


def main() -> None:
    program = os.path.abspath(sys.argv[1])
    pages = {str(path.relative_to(ROOT)): path.read_text() for path in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]}
    begin = time.monotonic()
    typed = {page: text for page, text in pages.items() if page.startswith("docs/") and any(b.kind.startswith("sh") for b in blocks_of(page, text))}
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="slipway-docs-"))
        stack.callback(shutil.rmtree, MEMORY / pathlib.Path(scratch).name, ignore_errors=True)
        root, guide = pathlib.Path(scratch), pages["docs/guide.md"]

        def follow(page: str) -> list[str]:
            folder = root / pathlib.Path(page).stem
            make_scratch(folder, program, guide)
            return faults_of_typing(page, typed[page], folder)

        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            following = [pool.submit(follow, page) for page in sorted(typed, key=lambda page: -len(blocks_of(page, typed[page])))]
            names = Names(program)
            named = {page: text for page, text in pages.items() if page != "docs/coverage.md"}  # which has a test of its own: tests/coverage
            names.ask_at_once(list(named.values()))
            faults = [fault for page, text in named.items() for fault in faults_of_names(page, text, names)]
            for page in following:
                faults += page.result()
        if (lines := len(pages["README.md"].splitlines())) > 150:
            faults.append(f"README.md: {lines} lines; 150 are a front page")
        if faults:
            sys.exit("\n".join(faults))
        faults_are_found(guide, names, program, root)
    commands = sum(len(re.findall(r"^\./slipway", b.text, re.M)) for page, text in typed.items() for b in blocks_of(page, text) if b.kind.startswith("sh"))
    print(f"{len(pages)} pages; {commands} commands of {len(typed)} were run, {len(names.keys)} keys are known: {time.monotonic() - begin:.1f} s")


if __name__ == "__main__":
    main()
