"""Slipway with two ranks beside the Hugging Face Trainer under torchrun with two processes: every row that is logged, for every case of
distributed_grid.py, and for every kind of order which lines each rank is given in which micro-batch.

usage: distributed_parity_test.py SLIPWAY FIXTURES     (FIXTURES: the folder of tests/unit/plugin/fixtures/row_writer.cc, built; the
record: tests/parity/data/distributed.json, made by tests/parity/record_distributed.py)

What differs by design:
- eval_loss. The Trainer's depends on the number of processes: a round of batches, one a process, is filled with the set's first lines,
  the mean is taken over the label tokens of the whole round, and then every process's part of it counts by its lines. Slipway's is
  the Trainer's of one process, whoever computed it. Recorded are the loss and the labels of every line: both are computed here.
- Who computes the last lines of a stream: the Trainer cuts a short round into equal parts. Compared is what all had in a round.
- With dataloader_drop_last the Trainer evaluates whole rounds alone: no case evaluates with it. See docs/distributed.md.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from largest import largest_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/parity"))
import distributed_grid  # noqa: E402
import trainer_grid as grid  # noqa: E402
from trainer_parity_test import toml  # noqa: E402

# Losses and norms relative; rates and epochs absolute.
TOLERANCE = {"loss": 1e-4, "grad_norm": 1e-4, "learning_rate": 1e-12, "epoch": 1e-12, "num_input_tokens_seen": 0, "eval_loss": 1e-4}
RELATIVE = {"loss", "grad_norm", "eval_loss"}
# Here a plugin that writes the lines down takes the place of the host's own loss, which is the same.
ORDERS = ["random, not accumulated", "random, a round of one line", "random, fewer lines than a round", "random, incomplete rounds left out", "group_by_length",
          "batch_rebalance", "streamed"]
ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")} | {"OMP_NUM_THREADS": "1"}


def run_file(folder: pathlib.Path, case: dict) -> str:
    arguments = dict(case)
    loss, held_out, streaming = arguments.pop("loss", None), arguments.pop("held_out"), arguments.pop("streaming")
    del arguments["rows"]
    lines = ["[run]", 'algorithm = "sft"', f'output_dir = "{folder}/run"', "[plugins]", f'path = ["{folder}/plugins"]', "[model]", f'config = "{folder}/config.json"',
             f'tokenizer = "{folder}"', "[data]", f'train = ["{folder}/train.jsonl"]', f"streaming = {toml(streaming)}"]
    if held_out > 0:
        lines.append(f'eval = ["{folder}/eval.jsonl"]')
    lines += ["[train]", 'save_strategy = "no"', *[f"{name} = {toml(value)}" for name, value in arguments.items()]]
    if loss is not None:
        lines += ["[loss]", *[f"{name} = {toml(value)}" for name, value in loss.items()]]
    return "\n".join(lines) + "\n"


def train(program: str, folder: pathlib.Path, case: dict, fixtures: pathlib.Path | None) -> list[dict]:
    """What two ranks log. With `fixtures` their lines are written down."""
    (folder / "plugins").mkdir(parents=True)
    if fixtures is not None:
        shutil.copy(fixtures / "row_writer.so", folder / "plugins")
        case = case | {"loss": {"use": "org.test.row-writer", "options": {"path": f"{folder}/rows"}}}
    grid.write_tokenizer(folder)
    (folder / "config.json").write_text(json.dumps(grid.CONFIG))
    for file, lines in zip(("train.jsonl", "eval.jsonl"), distributed_grid.texts(case)):
        (folder / file).write_text("".join(json.dumps({"text": line, "row": i}) + "\n" for i, line in enumerate(lines)))
    (folder / "run.toml").write_text(run_file(folder, case))
    subprocess.run([program, "launch", "--nproc", str(distributed_grid.RANKS), "train", str(folder / "run.toml"), "--quiet"], env=ENVIRONMENT, check=True)
    return [json.loads(line) for line in (folder / "run/metrics.jsonl").read_text().splitlines()]


def mean_loss(lines: list) -> float:
    return sum(loss for loss, _ in lines) / sum(labels for _, labels in lines)


def of_one_process(lines: list, size: int) -> float:
    batches = [lines[i: i + size] for i in range(0, len(lines), size)]
    return sum(mean_loss(batch) * len(batch) for batch in batches) / len(lines)


def of_several(lines: list, size: int, ranks: int) -> float:
    total = 0.0
    for begin in range(0, len(lines), size * ranks):
        filled = (lines[begin: begin + size * ranks] + lines * ranks * size)[: size * ranks]
        labels = sum(labels for _, labels in filled)
        for rank in range(ranks):
            counted = min(size, max(0, len(lines) - begin - rank * size))
            total += counted * ranks * sum(loss for loss, _ in filled[rank * size: (rank + 1) * size]) / labels
    return total / len(lines)


def wanted_rows(case: dict, record: dict, far: dict[str, float]) -> list[dict]:
    """The Trainer's, its eval_loss by the rule of one process."""
    rows, evaluations = [dict(row) for row in record["rows"]], iter(record["held_out"])
    for row in (row for row in rows if "eval_loss" in row):
        lines, size = next(evaluations), case["per_device_eval_batch_size"]
        explained = abs(of_several(lines, size, distributed_grid.RANKS) - row["eval_loss"])
        far["the rule of several from the Trainer"] = largest_of([far["the rule of several from the Trainer"], explained])
        one = of_one_process(lines, size)
        far["the rules of eval_loss from each other"] = largest_of([far["the rules of eval_loss from each other"], abs(one - row["eval_loss"])])
        row["eval_loss"] = one
    return rows


def differences(ours: list[dict], theirs: list[dict]) -> dict[str, float]:
    ours = [row for row in ours if "loss" in row or "eval_loss" in row]
    if [row["global_step"] for row in ours] != [row["step"] for row in theirs]:
        sys.exit(f"rows of steps {[row['global_step'] for row in ours]} here, {[row['step'] for row in theirs]} in the Trainer")
    out = dict.fromkeys(TOLERANCE, 0.0)
    for a, b in zip(ours, theirs):
        for key in TOLERANCE:
            if key in b:
                out[key] = largest_of([out[key], abs(a[key] - b[key]) / (abs(b[key]) if key in RELATIVE else 1)])
    return out


def orders_of(folder: pathlib.Path) -> list[list[list[int]]]:
    texts = [(folder / f"rows.{rank}.txt").read_text() for rank in range(distributed_grid.RANKS)]
    return [[sorted(map(int, line.split(":")[1].split())) for line in text.splitlines()] for text in texts]


def check_order(folder: pathlib.Path, case: dict, record: dict) -> int:
    """Which lines each rank was given; how many micro-batches were compared."""
    ours, theirs = orders_of(folder), [[sorted(batch) for batch in batches] for batches in record["micro_batches"]]
    if case["streaming"]:  # round by round, whoever had them
        ours, theirs = [[[sorted(sum(batches, [])) for batches in zip(*each, strict=True)]] for each in (ours, theirs)]
    if ours != theirs:
        sys.exit(f"{folder.name}: the order of data differs:\n  here        {ours}\n  the Trainer {theirs}")
    return sum(map(len, ours))


def main() -> None:
    program, fixtures = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
    record = json.loads((ROOT / "tests/parity/data/distributed.json").read_text())
    cases, worst, failures, batches = distributed_grid.cases(), dict.fromkeys(TOLERANCE, 0.0), [], 0
    far = dict.fromkeys(("the rule of several from the Trainer", "the rules of eval_loss from each other"), 0.0)
    if {name: each["arguments"] for name, each in record["cases"].items()} != cases:
        sys.exit("tests/parity/data/distributed.json was recorded for other cases: run tests/parity/record_distributed.py")
    with tempfile.TemporaryDirectory(prefix="slipway-distributed-parity-") as made:
        for name, case in cases.items():
            folder, each = pathlib.Path(made) / name, record["cases"][name]
            here = differences(train(program, folder, case, fixtures if name in ORDERS else None), wanted_rows(case, each, far))
            batches += check_order(folder, case, each) if name in ORDERS else 0
            print(f"{name}: " + ", ".join(f"{key} {value:.2g}" for key, value in here.items()), flush=True)
            worst = {key: max(worst[key], value) for key, value in here.items()}
            failures += [f"{name}: {key} differs by {value:.3g}, {TOLERANCE[key]:g} is allowed" for key, value in here.items() if not value <= TOLERANCE[key]]
    print(f"{len(cases)} runs of {distributed_grid.RANKS} ranks; largest differences to transformers {record['transformers']}: "
          + ", ".join(f"{key} {value:.3g}" for key, value in worst.items()) + f"; {batches} micro-batches have the same lines")
    print("eval_loss: " + ", ".join(f"{what} {value:.3g}" for what, value in far.items()))
    if far["the rule of several from the Trainer"] > 1e-5:
        failures.append("the Trainer's eval_loss is not what this test says that it is")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
