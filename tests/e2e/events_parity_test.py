"""Events and state of runs beside the same runs of transformers' Trainer.

usage: events_parity_test.py SLIPWAY RECORDER      (RECORDER: the folder of tests/unit/plugin/fixtures/recorder.cc, built; the record:
tests/parity/data/events.json, made by tests/parity/record_events.py)
Every event in its order with step, epoch, flags and the state's counts; what is logged; trainer_state.json, key by key. Times aside.
"""
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile

from largest import largest_of

# As tests/e2e/sft_parity_test.py: torch sums the squares of a gradient norm in float32. Everything else must be equal.
LOSS_TOLERANCE, NORM_TOLERANCE = 1e-4, 1e-3  # absolute, relative
NEAR = {"loss", "eval_loss", "train_loss", "grad_norm", "best_metric"}
TIMES = {"eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "train_runtime", "train_samples_per_second", "train_steps_per_second", "train_tokens_per_second"}
RATES = {"learning_rate", "epoch"}  # the same formula in another order of operations: to the last digits
# What Slipway tells besides.
MORE = {"global_step", "tokens_per_second", "mfu", "share_forward_backward", "share_optimizer", "share_callbacks", "time"}
MORE_OF_CALLBACKS = {"EarlyStoppingCallback": {"state"}}
# transformers' numbers are not taken over where it counts the loss of micro-batches that were broken off.
NOT_COMPARED = {"broken_off": {"loss", "train_loss"}}

largest = {"loss": (0.0, ""), "norm": (0.0, "")}


def fail(where: str, here, there) -> None:
    sys.exit(f"{where}: {here!r} here, {there!r} in transformers")


def compare(where: str, key: str, here, there, skip: set) -> None:
    """Walks both values."""
    if isinstance(there, dict) and isinstance(here, dict):
        more = set(here) - set(there) - MORE_OF_CALLBACKS.get(key.split(".")[0], set()) - (MORE_OF_CALLBACKS["EarlyStoppingCallback"] if key == "attributes" else set())
        if more or set(there) - set(here):
            fail(f"{where}: keys", sorted(more), sorted(set(there) - set(here)))
        for name in there:
            compare(f"{where}.{name}", name, here[name], there[name], skip)
        return
    if isinstance(there, list) and isinstance(here, list):
        if len(here) != len(there):
            fail(f"{where}: length", len(here), len(there))
        for i, (a, b) in enumerate(zip(here, there)):
            compare(f"{where}[{i}]", key, a, b, skip)
        return
    if type(here) is not type(there):
        fail(f"{where}: type", here, there)
    if key in TIMES or key in skip:
        return
    if key in RATES and isinstance(here, float):
        if not math.isclose(here, there, rel_tol=1e-12):
            fail(where, here, there)
        return
    if key in NEAR and isinstance(here, float):
        kind = "norm" if key == "grad_norm" else "loss"
        difference = largest_of([abs(here - there) / (there if kind == "norm" else 1)])
        if difference > largest[kind][0]:
            largest[kind] = (difference, where)
        if difference > (NORM_TOLERANCE if kind == "norm" else LOSS_TOLERANCE):
            fail(where, here, there)
        return
    if here != there:
        fail(where, here, there)


def rows(record: dict, folder: pathlib.Path) -> None:
    root = pathlib.Path(__file__).resolve().parents[2]
    lines = (root / "build/assets/movieReviewSnippets_GroundTruth.txt").read_text(encoding="utf-8").splitlines()
    count = record["train_rows"] + record["eval_rows"]
    texts = [t for t in (line.rstrip(" \r").split("\t")[2] for line in lines if line.strip()) if len(t.split()) >= 20][:count]
    for name, part in (("train", texts[: record["train_rows"]]), ("eval", texts[record["train_rows"]:])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in part))


def value(argument) -> str:
    return json.dumps(argument)  # TOML's for numbers, truth values and text


def run(program: str, recorder: str, name: str, record: dict, tokens: int, folder: pathlib.Path) -> tuple[list, pathlib.Path]:
    root = pathlib.Path(__file__).resolve().parents[2]
    output = folder / name
    asks = " ".join(" ".join(map(str, each)) for each in record["asks"])
    early = record["early_stopping"]
    stop = "" if early is None else ('[[callback]]\nuse = "early_stopping"\noptions = { ' + ", ".join(f"{k} = {v}" for k, v in early.items())
                                     + ', greater_is_better = "true" }\n')
    (folder / "run.toml").write_text(f"""
[run]
algorithm = "sft"
output_dir = "{output}"
[model]
config = "{root}/tests/e2e/tiny_llama.json"
tokenizer = "{root}/build/assets/SmolLM2-135M-Instruct.Q4_1.gguf"
[data]
train = ["{folder}/train.jsonl"]
eval = ["{folder}/eval.jsonl"]
max_tokens = {tokens}
[train]
""" + "".join(f"{key} = {value(argument)}\n" for key, argument in record["train"].items()) + f"""
[plugins]
path = ["{recorder}"]
{stop}
[[callback]]
use = "org.test.recorder"
options = {{ path = "{folder}/events", asks = "{asks}" }}
""")
    subprocess.run([program, "train", str(folder / "run.toml"), "--quiet"], check=True)
    return [json.loads(line) for line in (folder / "events").read_text().splitlines()], output


def check_events(name: str, here: list, there: list, skip: set) -> None:
    for i, (a, b) in enumerate(zip(here, there)):
        where = f"{name}, event {i} ({b[0]})"
        for at, what in ((0, "name"), (1, "global_step"), (3, "flags"), (4, "total_flos"), (5, "num_input_tokens_seen"), (6, "best_global_step")):
            if a[at] != b[at]:
                fail(f"{where}: {what}", a, b)
        if not math.isclose(a[2], b[2], rel_tol=1e-12):
            fail(f"{where}: epoch", a, b)
        if b[7] is not None:
            told = {key: each for key, each in a[7].items() if key not in MORE}
            if set(told) != set(b[7]):
                fail(f"{where}: what is told", sorted(told), sorted(b[7]))
            for key in told:
                compare(f"{where}.{key}", key, float(told[key]), float(b[7][key]), skip)
    if len(here) != len(there):
        fail(f"{name}: number of events", len(here), len(there))


def main() -> None:
    program, recorder = sys.argv[1:3]
    record = json.loads((pathlib.Path(__file__).resolve().parents[2] / "tests/parity/data/events.json").read_text())
    with tempfile.TemporaryDirectory(prefix="slipway-events-") as name:
        folder = pathlib.Path(name)
        (folder / "plugins").mkdir()
        shutil.copy(pathlib.Path(recorder) / "recorder.so", folder / "plugins")
        rows(record, folder)
        events = 0
        for run_name, each in record["runs"].items():
            skip = NOT_COMPARED.get(run_name, set())
            heard, output = run(program, str(folder / "plugins"), run_name, each, record["tokens"], folder)
            check_events(run_name, heard, each["events"], skip)
            events += len(heard)
            read = lambda path: json.loads(path.read_text().replace(str(output) + "/", ""))
            state = (output / "trainer_state.json").read_text()
            compare(f"{run_name}: trainer_state.json", "", read(output / "trainer_state.json"), each["state"], skip)
            if json.dumps(json.loads(state), indent=2, sort_keys=True) + "\n" != state and "NaN" not in state:
                sys.exit(f"{run_name}: trainer_state.json is not written as transformers writes it: sorted keys, two spaces")
            checkpoints = sorted((path.name for path in output.glob("checkpoint-*")), key=lambda n: int(n.split("-")[1]))
            if checkpoints != each["checkpoints"]:
                fail(f"{run_name}: checkpoints", checkpoints, each["checkpoints"])
            if checkpoints:
                compare(f"{run_name}: {checkpoints[-1]}/trainer_state.json", "", read(output / checkpoints[-1] / "trainer_state.json"), each["checkpoint_state"], skip)
        print(f"{len(record['runs'])} runs, {events} events equal in order, step, epoch, flags and counts; states equal key by key; largest differences: loss "
              f"{largest['loss'][0]:.3g} ({largest['loss'][1]}), gradient norm {largest['norm'][0]:.3g} relative ({largest['norm'][1]})")


if __name__ == "__main__":
    main()
