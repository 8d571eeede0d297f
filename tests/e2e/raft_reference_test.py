"""RAFT runs of a tiny model beside the same runs in plain Python: every number of both.

usage: raft_reference_test.py SLIPWAY FIXTURES      (FIXTURES: the folder of tests/unit/plugin/fixtures/letter_sum.cc, built)
Prompts drawn, tokens drawn, log-probabilities, rewards, rankings, what is kept, the order of the rows trained on, losses, gradient norms
and rates, moments and weights at every checkpoint, held-out answers, why the run ended; and a run resumed from each checkpoint.
The reference is tests/parity/raft_reference.py. Standard library only.
"""

import copy
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from largest import largest_of
from letter_model import CONFIG, fresh_weights, write_model
from read_run import TorchFile, read_rows, read_safetensors

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from plain_llama import Llama  # noqa: E402
from raft_reference import Reference, letter_sum, near_length  # noqa: E402

# Absolute for numbers about 1, relative for larger ones. float32 here, float64 there.
TOLERANCE, WEIGHT_TOLERANCE, RATE_TOLERANCE = 5e-5, 1e-5, 1e-12
MARGIN = 1e-5  # draws and rankings of the configurations are further than this from turning out otherwise
# Figures of the machine, which no reference knows.
MACHINE = {
    "time",
    "seconds",
    "generate_seconds",
    "train_seconds",
    "tokens_per_second",
    "mfu",
    "eval_runtime",
}
TRAIN = ["ab", "cat", "the ", "dog2", "far", "much too long", "me"]  # one is dropped: six are left
HELD_OUT = ["sun", "on 3", "we"]

BASE = {
    "run": {"algorithm": "raft"},
    "data": {"completion_only_loss": True, "max_prompt_tokens": 6},
    "generation": {"max_new_tokens": 5, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "max_rows": 128},
    "raft": {
        "iterations": 3,
        "prompts_per_iteration": 4,
        "samples_per_prompt": 3,
        "selection": "local",
        "keep": 0.125,
        "optimizer_policy": "reset",
        "scheduler_span": "iteration",
        "discard": ["empty"],
        "kl_beta": 0.0,
        "min_distinct_2": 0.0,
        "stop_reward": math.inf,
        "eval_every": 1,
    },
    "train": {
        "seed": 5,
        "data_seed": -1,
        "learning_rate": 0.01,
        "num_train_epochs": 2.0,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 1,
        "max_grad_norm": 1.0,
        "weight_decay": 0.1,
        "adam_epsilon": 1e-3,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0,
        "logging_steps": 1,
        "save_steps": 3,
        "dataloader_drop_last": False,
    },
}
REWARDS = [
    ("letter_sum", 0.5, letter_sum, ""),
    ("length", 1.5, near_length(4), 'options = { mode = "near", target = 4 }'),
]

# What differs from BASE. Iteration 2 begins in the first pass over the prompts and ends in the second.
CONFIGURATIONS = {
    "local": {},
    "kl": {
        "raft": {"kl_beta": 0.3, "optimizer_policy": "persist"},
        "generation": {"max_rows": 5},
        "train": {"seed": 16, "data_seed": 5, "max_grad_norm": 0.25, "gradient_accumulation_steps": 2},
    },
    "top": {
        "raft": {
            "selection": "top",
            "keep": 0.5,
            "discard": ["contains:e", "shorter:2"],
            "scheduler_span": "run",
            "optimizer_policy": "persist",
            "eval_every": 2,
        },
        "generation": {"temperature": 0.8, "top_k": 20, "top_p": 0.9},
        "data": {"completion_only_loss": False},
        "train": {
            "seed": 4,
            "lr_scheduler_type": "cosine",
            "warmup_steps": 2,
            "per_device_train_batch_size": 2,
            "num_train_epochs": 1.5,
            "logging_steps": 2,
        },
    },
    "unfinished": {
        "raft": {"discard": ["unfinished"], "prompts_per_iteration": 2, "scheduler_span": "run"},
        "train": {"seed": 8, "per_device_train_batch_size": 2, "dataloader_drop_last": True},
    },
    "rollback": {
        "raft": {"min_distinct_2": 1.0, "optimizer_policy": "persist"},
        "train": {"seed": 10, "learning_rate": 0.03, "lr_scheduler_type": "constant"},
    },
    "stop": {"raft": {"stop_reward": 1.8}, "train": {"seed": 13}},
    "plateau": {
        "train": {
            "seed": 14,
            "lr_scheduler_type": "reduce_lr_on_plateau",
            "lr_scheduler_kwargs": {"factor": 0.5, "patience": 0},
            "logging_steps": 5,
        }
    },
}
RESUMED = {
    "top": [3, 6, 10],
    "kl": [3, 6],
    "plateau": [9, 15],
    "rollback": [12],
}  # from which of their checkpoints


def fail(where: str, here, there) -> None:
    sys.exit(f"{where}: {here!r} here, {there!r} in the reference")


def settings(name: str) -> dict:
    out = copy.deepcopy(BASE)
    for section, keys in CONFIGURATIONS[name].items():
        out[section].update(keys)
    return out


def toml(value) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    return "inf" if value == math.inf else json.dumps(value)


def write_run_file(path: pathlib.Path, run: dict) -> None:
    lines = []
    for section, keys in run.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {toml(value)}" for key, value in keys.items()]
    lines += ["[plugins]", f"path = [{json.dumps(str(path.parent / 'plugins'))}]"]
    for use, weight, _, options in REWARDS:
        lines += ["[[reward]]", f'use = "{use}"', f"weight = {weight}", options]
    path.write_text("\n".join(lines) + "\n")


def difference(where: str, here: list[float], there: list[float], tolerance: float) -> float:
    if len(here) != len(there):
        fail(where + ", size", len(here), len(there))
    worst = max((largest_of([abs(a - b)]), i) for i, (a, b) in enumerate(zip(here, there)))
    if not worst[0] <= tolerance:
        fail(f"{where}[{worst[1]}]", here[worst[1]], there[worst[1]])
    return worst[0]


def spread(row: dict) -> dict:
    """{"rewards": {"a": 1}} as {"rewards/a": 1}."""
    out = {}
    for key, value in row.items():
        out.update({f"{key}/{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value})
    return out


def same_rows(where: str, here: list[dict], there: list[dict]) -> float:
    worst = 0.0
    for i, (a, b) in enumerate(zip(map(spread, here), map(spread, there))):
        known = {k: v for k, v in a.items() if k not in MACHINE and not k.startswith("share_")}
        if b.get("event") == "end":
            known = {k: known[k] for k in ("event", "outcome")}
        if known.keys() != b.keys():
            fail(f"{where}, row {i}, keys", sorted(known), sorted(b))
        for key, value in b.items():
            if isinstance(value, float):
                worst = largest_of([worst, abs(known[key] - value) / max(1, abs(value))])
                if not math.isclose(
                    known[key],
                    value,
                    rel_tol=RATE_TOLERANCE if key in ("learning_rate", "epoch") else TOLERANCE,
                    abs_tol=0 if key in ("learning_rate", "epoch") else TOLERANCE,
                ):
                    fail(f"{where}, row {i}, {key}", known[key], value)
            elif known[key] != value:
                fail(f"{where}, row {i}, {key}", known[key], value)
    if len(here) != len(there):
        fail(f"{where}, rows", len(here), len(there))
    return worst


def flat(rows: list[list[float]]) -> list[float]:
    return [v for row in rows for v in row]


def same_weights(where: str, folder: pathlib.Path, weights: dict) -> float:
    here = read_safetensors(folder / "model.safetensors")
    if here.keys() != weights.keys():
        fail(where + ", tensors", sorted(here), sorted(weights))
    return max(
        difference(f"{where}, {name}", here[name], flat(rows), WEIGHT_TOLERANCE)
        for name, rows in weights.items()
    )


def same_moments(where: str, folder: pathlib.Path, moments: tuple) -> None:
    steps, first, second = moments
    own = json.loads((folder / "run_state.json").read_text())
    if own["optimizer_steps"] != steps:
        fail(where + ", optimizer's steps", own["optimizer_steps"], steps)
    state = TorchFile(folder / "optimizer.pt").load()["state"]
    if bool(state) != (steps > 0):
        fail(where + ", moments", bool(state), steps > 0)
    names = [n for n in first if "norm" not in n] + [n for n in first if "norm" in n] if state else []
    # Norms last, and otherwise in the order of the modules.
    for i, name in enumerate(names):
        if state[i]["step"] != [float(steps)]:
            fail(f"{where}, {name}, step", state[i]["step"], steps)
        difference(f"{where}, {name}, exp_avg", state[i]["exp_avg"], flat(first[name]), TOLERANCE)
        difference(f"{where}, {name}, exp_avg_sq", state[i]["exp_avg_sq"], flat(second[name]), TOLERANCE)


def same_checkpoint(where: str, folder: pathlib.Path, reference) -> float:
    at = json.loads((folder / "raft_state.json").read_text())
    for key, value in (
        ("iteration", reference.iteration),
        ("phase", "train" if reference.training else "generate"),
        ("stage_step", reference.stage_step),
    ):
        if at[key] != value:
            fail(f"{where}, {key}", at[key], value)
    if [(e["ids"], e["loss_begin"]) for e in at["selected"]] != [tuple(e) for e in reference.selected]:
        fail(where + ", selected", at["selected"], reference.selected)
    same_moments(where, folder, reference.moments)
    return same_weights(where, folder, reference.weights)


def kept(name: str, reference: Reference) -> list[int]:
    """Which of the checkpoints stay: those of save_steps and the last step, the last iteration's start, and where the run may go back the starts of kept ones."""
    every = BASE["train"]["save_steps"]
    starts = [step for step, at in reference.checkpoints.items() if not at.training]
    out = {step for step, at in reference.checkpoints.items() if at.training or (step > 0 and step % every == 0)}
    if settings(name)["raft"]["min_distinct_2"] > 0:
        out |= {max(start for start in starts if start <= step) for step in out if reference.checkpoints[step].training}
    return sorted(out | {max(starts)})


def same_run(name: str, folder: pathlib.Path, reference: Reference) -> tuple[float, float]:
    numbers = same_rows(f"{name}, metrics.jsonl", read_rows(folder / "metrics.jsonl"), reference.rows)
    for i, answers in enumerate(reference.answers):
        numbers = max(
            numbers,
            same_rows(
                f"{name}, answers of iteration {i + 1}",
                read_rows(folder / f"samples/iteration-{i + 1:04}.jsonl"),
                answers,
            ),
        )
    for done, answers in reference.held_out.items():
        numbers = max(
            numbers,
            same_rows(
                f"{name}, held-out answers after {done}",
                read_rows(folder / f"samples/eval-{done:04}.jsonl"),
                answers,
            ),
        )
    if len(list((folder / "samples").iterdir())) != len(reference.answers) + len(reference.held_out):
        fail(f"{name}, samples", sorted(p.name for p in (folder / "samples").iterdir()), "others")
    weights = same_weights(f"{name}, final weights", folder, reference.model.weights)
    there = sorted(int(p.name.split("-")[1]) for p in folder.glob("checkpoint-*"))
    if there != kept(name.partition(",")[0], reference):
        fail(f"{name}, checkpoints", there, kept(name.partition(",")[0], reference))
    for step in there:
        weights = max(
            weights,
            same_checkpoint(
                f"{name}, checkpoint-{step}", folder / f"checkpoint-{step}", reference.checkpoints[step]
            ),
        )
    return numbers, weights


def train(program: str, root: pathlib.Path, name: str, output: pathlib.Path, *more: str) -> None:
    done = subprocess.run(
        [
            program,
            "train",
            str(root / f"{name}.toml"),
            "--quiet",
            "--set",
            f"run.output_dir={output}",
            *more,
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        sys.exit(f"{name}: ended with {done.returncode}: {done.stderr}")


def resume(program: str, root: pathlib.Path, name: str, step: int, reference: Reference) -> None:
    """A copy of the run as it was when checkpoint-<step> was its last."""
    folder = root / f"{name}-from-{step}"
    shutil.copytree(root / name, folder)
    for path in folder.glob("checkpoint-*"):
        if int(path.name.split("-")[1]) > step:
            shutil.rmtree(path)
    train(program, root, name, folder, "--resume")
    same_run(f"{name}, resumed from checkpoint-{step}", folder, reference)


def reference_of(name: str) -> Reference:
    rewards = [(name, weight, score) for name, weight, score, _ in REWARDS]
    out = Reference(
        settings(name),
        Llama(CONFIG, fresh_weights()),
        [p for p in TRAIN if len(p) <= BASE["data"]["max_prompt_tokens"]],
        HELD_OUT,
        rewards,
    ).go()
    if min(out.chooser.margin, out.closest_ranking) < MARGIN:
        sys.exit(
            f"{name}: a draw is {out.chooser.margin:.1g} and a ranking {out.closest_ranking:.1g} from turning out otherwise; choose another seed"
        )
    return out


def one(program: str, root: pathlib.Path, name: str) -> str:
    run = settings(name)
    run["model"] = {"weights": str(root / "model")}
    run["data"].update({"train": [str(root / "train.jsonl")], "eval": [str(root / "eval.jsonl")]})
    write_run_file(root / f"{name}.toml", run)
    train(program, root, name, root / name)
    reference = reference_of(name)
    numbers, weights = same_run(name, root / name, reference)
    for step in RESUMED.get(name, []):
        resume(program, root, name, step, reference)
    return (
        f"{name}: {len(reference.rows)} rows and {sum(map(len, reference.answers))} answers, {reference.rows[-1]['outcome']}; largest differences {numbers:.2g}, weights {weights:.2g}; "
        f"draws {reference.chooser.margin:.1g}, rankings {reference.closest_ranking:.1g} from others; {len(RESUMED.get(name, []))} resumed"
    )


def main() -> None:
    program, fixtures = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    chosen = sys.argv[3:] or list(CONFIGURATIONS)
    with tempfile.TemporaryDirectory(prefix="slipway-raft-") as folder:
        root = pathlib.Path(folder)
        write_model(root / "model", fresh_weights())
        (root / "plugins").mkdir()
        shutil.copy(next(fixtures.glob("letter_sum*.so")), root / "plugins")
        for file, prompts in (("train", TRAIN), ("eval", HELD_OUT)):
            (root / f"{file}.jsonl").write_text("".join(json.dumps({"prompt": p}) + "\n" for p in prompts))
        with ThreadPoolExecutor(2) as workers:  # most of a run is waiting for the disk
            for line in workers.map(lambda name: one(str(program), root, name), chosen):
                print(line)


if __name__ == "__main__":
    main()
