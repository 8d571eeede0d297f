"""Run files from outside: made by `slipway new`, overridden, checked, explained to editors and shells.

usage: run_file_test.py SLIPWAY
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib

import tiny_files
from bad_input_test import CRASH, GGUF, GOOD, ROOT, prepare
from terminal import Terminal

failures, checked = [], 0


def check(what: str, good: bool, seen: object = "") -> None:
    global checked
    checked += 1
    if not good:
        failures.append(f"{what}: {seen}")


def run(program: str, arguments: list, folder: pathlib.Path) -> tuple[int, str]:
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=120, text=True)
    check(f"{arguments} looks like a crash", not CRASH.search(done.stderr), done.stderr)
    return done.returncode, done.stdout + done.stderr


def names_of_lmflow(program: str, folder: pathlib.Path) -> None:
    code, text = run(program, ["train", "run.toml", "--print-config", "--set", "raft.num_raft_iteration=2", "--set", "raft.output_max_length=7"], folder)
    check("LMFlow's names override the file's", code == 0 and "iterations = 2  # --set" in text and "max_new_tokens = 7  # --set" in text, (code, text))
    check("each is told once", text.count("raft.num_raft_iteration is called iterations here") == 1, text)
    code, text = run(program, ["config", "check", "run.toml", "--set", "raft.output_reward_path=r.txt"], folder)
    check("one without a place is refused with the fix", code == 2 and "--set: raft.output_reward_path has no use here" in text and "metrics.jsonl" in text, (code, text))
    code, text = run(program, ["config", "check", "run.toml", "--set", 'train.run_name="${SLIPWAY_NOT_SET}"'], folder)
    check("a variable that is not set", code == 2 and "--set train.run_name: the environment has no variable SLIPWAY_NOT_SET" in text, (code, text))


def every_fault(program: str, folder: pathlib.Path) -> None:
    (folder / "broken.jsonl").write_text('{"prompt": "a"}\n{"prompt": \n{"prompt"\n')
    (folder / "wrong.jsonl").write_text('{"promt": "a"}\n')
    bad = (folder / "run.toml").read_text().replace('["data.jsonl"]', '["broken.jsonl", "gone.jsonl"]\neval = ["wrong.jsonl"]')
    bad = bad.replace('use = "length"', 'use = "lenght"').replace("learning_rate", 'optm = "sgd"\nseed = -1\nmax_steps = 2\nlearning_rate')
    bad += '[[logger]]\nuse = "consol"\n[peft]\nr = 8\n[search]\nmetric = "eval_rewrad"\n[search.space]\n"train.seed" = [1, 2]\n'
    (folder / "bad.toml").write_text(bad)
    code, text = run(program, ["config", "check", "bad.toml"], folder)
    wanted = ["broken.jsonl:2: ", '"gone.jsonl": no such file', "wrong.jsonl:1: ", 'no reward plugin "lenght"', 'no logger plugin "consol"', 'unknown key "optm"',
              "train.seed is -1", "train.max_steps: raft runs by raft.iterations", "unknown section [peft]: adapters stand in [lora]", 'no "eval_rewrad", did you mean "eval_reward"?']
    missing = [each for each in wanted if each not in text]
    check("config check names every fault at once", code == 2 and not missing, (code, missing, text))
    check("of a file the first malformed line alone", "broken.jsonl:3" not in text, text)
    trained = run(program, ["train", "bad.toml"], folder)
    check("train names the same", trained == (code, text), trained)
    (folder / "bad.toml").write_text((folder / "run.toml").read_text().replace('"raft"', '"rfat"', 1).replace("learning_rate", "stop_reward = 1\nlearning_rate"))
    code, text = run(program, ["config", "check", "bad.toml"], folder)
    check("what follows from a fault is not told", code == 2 and text.count("\n") == 2, text)


def misspelt_metric(program: str, folder: pathlib.Path) -> None:
    sft = (folder / "run.toml").read_text().replace('"raft"', '"sft"').split("[generation]")[0] + "[train]\nmax_steps = 1\n"
    (folder / "search.toml").write_text(sft.replace("data.jsonl", "rows.jsonl").replace('"out"', '"searched"') + '[search]\nmetric = "trian_loss"\ntrials = 1\n[search.space]\n"train.seed" = [1, 2]\n')
    code, text = run(program, ["search", "search.toml"], folder)
    check("a misspelt metric is noticed before the first trial", code == 2 and 'the run logs no "trian_loss", did you mean "train_loss"?' in text and not list(folder.glob("searched/trial-*")), (code, text))
    (folder / "search.toml").write_text((folder / "search.toml").read_text().replace("trian_loss", "eval_loss"))
    code, text = run(program, ["search", "search.toml"], folder)
    check("a metric of an evaluation that there is not", code == 2 and '"eval_loss" is not logged: the run evaluates nothing: set data.eval or data.eval_rows' in text, (code, text))


def new(program: str, folder: pathlib.Path) -> None:
    tiny_files.write_folder(folder / "tiny")
    (folder / "many.jsonl").write_text('{"prompt": "the film", "completion": " was good", "source": "x"}\n' * 40)
    (folder / "configs").mkdir()
    for name, more in (("sft", []), ("raft", ["--reward", "length:0.5"])):
        file = f"configs/{name}.toml"
        arguments = ["new", "--algorithm", name, "--model", "tiny", "--data", "many.jsonl", "--output", file, *more]
        code, text = run(program, arguments, folder)
        check(f"{name}: a run file is written", code == 0 and f"slipway train {file}" in text, (code, text))
        if code != 0:
            continue
        code, checked_text = run(program, ["config", "check", file], folder)
        check(f"{name}: it passes config check", code == 0, checked_text)
        written = (folder / file).read_text()
        lines = written.splitlines()
        bare = [line for before, line in zip(lines, lines[1:]) if re.match(r"\w+ = ", line) and not before.startswith("# ")]
        check(f"{name}: every key has a comment", not bare, bare)
        values = tomllib.loads(written)
        check(f"{name}: paths lead from the file", values["model"]["weights"] == "../tiny" and values["data"]["train"] == ["../many.jsonl"], values)
        check(f"{name}: a tenth is set aside", values["data"]["eval_rows"] == 4, values)
        code, text = run(program, arguments, folder)
        check(f"{name}: it is never replaced", code == 2 and "is there already" in text and (folder / file).read_text() == written, (code, text))
    check("raft: the reward and its weight", tomllib.loads((folder / "configs/raft.toml").read_text())["reward"] == [{"use": "length", "weight": 0.5}])
    (folder / "own.jsonl").write_text('{"question": "what is it", "reply": " a film"}\n' * 30)
    own = ["new", "--algorithm", "sft", "--model", "tiny", "--data", "own.jsonl", "--output", "own.toml"]
    code, text = run(program, own, folder)
    check("columns of other names can be told", code == 2 and "--prompt-column NAME" in text, (code, text))
    code, text = run(program, [*own, "--prompt-column", "question", "--completion-column", "reply"], folder)
    check("and are written", code == 0 and run(program, ["config", "check", "own.toml"], folder)[0] == 0, (code, text))
    for arguments, said in ((["--model", "org/name", "--data", "many.jsonl"], "hf download org/name"), (["--model", "tiny", "--data", "broken.jsonl"], "broken.jsonl:2"), (["--data", "many.jsonl"], "--model is missing"),
                            (["--model", "tiny", "--data", "many.jsonl", "--reward", "lenght"], 'did you mean "length"?'), (["--model", "tiny", "--data", "many.jsonl", "--algorithm", "raft"], "--reward is missing"),
                            (["--model", "tiny", "--data", "data.jsonl"], "data.jsonl:1")):
        code, text = run(program, ["new", *arguments, "--output", "no.toml"], folder)
        check(f"new {arguments}", code == 2 and said in text and not (folder / "no.toml").exists(), (code, text))


def ask(program: str, folder: pathlib.Path, arguments: list[str], answers: list[tuple[str, str]]) -> tuple[int, str]:
    """slipway new on a terminal, which answers each question when it is shown: its exit status, and what was shown."""
    terminal = Terminal(program, "new", *arguments, folder=folder)
    at = 0
    for question, text in answers:
        at = terminal.until(question.encode(), at)
        terminal.type((text + "\n").encode())
    return terminal.ended(), terminal.text()


def dialogue(program: str, folder: pathlib.Path) -> None:
    here = folder / "asked"
    here.mkdir()
    shutil.copytree(folder / "tiny", here / "tiny")
    shutil.copy(folder / "many.jsonl", here)
    (here / "run.toml").write_text("mine")
    code, shown = ask(program, here, [], [
        ("[run.toml]: ", ""), ("is there already", "asked.toml"), ("[sft]: ", "rl"), ("sft or raft is needed", "raft"),
        ("[tiny]: ", "nowhere"), ("no such file or folder", ""), ("[many.jsonl]: ", ""),
        ("the first has: prompt, completion, source", "length")])
    written = here / "asked.toml"
    check("a dialogue writes the file", code == 0 and written.is_file(), (code, shown))
    if written.is_file():
        code, text = run(program, ["config", "check", "asked.toml"], here)
        check("that passes config check", code == 0 and "good (raft, 1 reward plugin)" in text, text)
    (here / "many.jsonl").write_text('{"question": "what is it", "reply": " a film"}\n' * 30)
    code, shown = ask(program, here, ["--output", "columns.toml", "--algorithm", "sft", "--model", "tiny"], [
        ("[many.jsonl]: ", ""), ("is the prompt: ", "question"), ("is the answer: ", "reply")])
    check("a dialogue asks for columns of other names", code == 0 and 'prompt_column = "question"' in (here / "columns.toml").read_text(), (code, shown))
    check("what was there stays", (here / "run.toml").read_text() == "mine")


def completion(program: str, folder: pathlib.Path) -> None:
    scripts = {}
    for shell in ("bash", "zsh", "fish"):
        code, scripts[shell] = run(program, ["completion", shell], folder)
        check(f"a script for {shell}", code == 0, scripts[shell])
        (folder / shell).write_text(scripts[shell])
        if found := shutil.which(shell):
            done = subprocess.run([found, "-n", folder / shell], capture_output=True, text=True)
            check(f"{shell}'s syntax", done.returncode == 0, done.stderr)
    code, text = run(program, ["completion", "tcsh"], folder)
    check("another shell", code == 2 and "bash zsh fish" in text, text)
    with open("/dev/full", "w") as full:
        check("a full disk under a script", subprocess.run([program, "completion", "bash"], stdout=full, stderr=subprocess.DEVNULL).returncode == 1)


def violations(value: object, schema: dict, at: str = "") -> list[str]:
    """As much of JSON Schema as the printed one uses; another keyword is an error."""
    known = {"$schema", "title", "description", "default", "deprecated", "type", "properties", "required", "additionalProperties", "items", "enum", "minimum", "maximum", "oneOf", "propertyNames", "pattern"}
    assert set(schema) <= known, set(schema) - known
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
    out = []
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(isinstance(value, types[name]) and (name == "boolean") == isinstance(value, bool) for name in names):
            return [f"{at}: not {names}"]
    if "enum" in schema and value not in schema["enum"]:
        out.append(f"{at}: {value} is not among the choices")
    if "oneOf" in schema and sum(not violations(value, each, at) for each in schema["oneOf"]) != 1:
        out.append(f"{at}: not one of the forms")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        out.append(f"{at}: {value} is not {schema['pattern']}")
    if not isinstance(value, (dict, list)) and (value < schema.get("minimum", value) or value > schema.get("maximum", value)):
        out.append(f"{at}: {value} is out of range")
    if isinstance(value, list) and "items" in schema:
        out += [fault for i, item in enumerate(value) for fault in violations(item, schema["items"], f"{at}[{i}]")]
    if isinstance(value, dict):
        out += [f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            out += violations(name, schema["propertyNames"], at) if "propertyNames" in schema else []
            more = schema.get("additionalProperties", True)
            if name in schema.get("properties", {}):
                out += violations(item, schema["properties"][name], f"{at}.{name}")
            elif more is False:
                out.append(f"{at}: {name} is not known")
            elif isinstance(more, dict):
                out += violations(item, more, f"{at}.{name}")
    return out


def schema(program: str, folder: pathlib.Path) -> None:
    code, text = run(program, ["config", "schema"], folder)
    check("a JSON Schema is printed", code == 0, text)
    printed = json.loads(text)
    for file in sorted(ROOT.glob("configs/*.toml")) + sorted(ROOT.glob("tests/e2e/*.toml")):
        faults = violations(tomllib.loads(file.read_text()), printed)
        check(f"{file.name} fits it", not faults, faults)
    good = (folder / "run.toml").read_text()
    for old, changed in (("learning_rate", "learnin_rate"), ("1e-3", '"fast"'), ("iterations = 1", "iterations = 0"), ('"raft"', '"rfat"'), ('output_dir = "out"', ""), ("[[reward]]", "[reward]"),
                         ('use = "length"', ""), ('["data.jsonl"]', "[3]"), ("[generation]", "[peft]"), ("[data]", '[data]\neval = { "a b" = "f" }'), ("samples_per_prompt = 2", "samples_per_prompt = 2.5")):
        check(f"a planted fault, {changed}", old in good and violations(tomllib.loads(good.replace(old, changed, 1)), printed) != [])
    for old, changed in (("iterations = 1", "num_raft_iteration = 1"), ("[data]", '[data]\neval = { news = "f", notes = ["g"] }'), ('["data.jsonl"]', '"data.jsonl"'), ("[train]", "[train]\ngreater_is_better = true")):
        check(f"what is right, {changed}", old in good and violations(tomllib.loads(good.replace(old, changed, 1)), printed) == [], violations(tomllib.loads(good.replace(old, changed, 1)), printed))


def hub_names(program: str, folder: pathlib.Path) -> None:
    for arguments in (["generate", "--model", "org/name", "--prompt", "a"], ["evaluate", "org/name", "--data", "rows.jsonl"], ["config", "check", "run.toml", "--set", "model.weights=org/name"]):
        code, text = run(program, arguments, folder)
        check(f"{arguments}: how to have a model of the hub", code == 2 and "hf download org/name --local-dir name" in text, (code, text))
    for arguments, said in ((["train", "--help"], "leads from the working folder"), (["config", "help", "run.output_dir"], "leads from the working folder"), (["config", "help", "data.train"], "are looked for beside it")):
        code, text = run(program, arguments, folder)
        check(f"{arguments} says where relative paths lead", code == 0 and said in re.sub(r"\s+", " ", text), text)


def main() -> None:
    program = os.path.abspath(sys.argv[1])
    os.environ.pop("SLIPWAY_NOT_SET", None)
    with tempfile.TemporaryDirectory(prefix="slipway-file-") as root:
        folder = pathlib.Path(root)
        shutil.rmtree(folder)
        prepare(folder)
        (folder / "run.toml").write_text(GOOD.format(gguf=GGUF))
        (folder / "rows.jsonl").write_text('{"prompt": "the film", "completion": " was good"}\n' * 3)
        for part in (names_of_lmflow, every_fault, misspelt_metric, new, dialogue, completion, schema, hub_names):
            part(program, folder)
    for failure in failures:
        print(failure)
    print(f"{checked} checks of run files, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
