"""Slipway beside the Hugging Face Trainer: loss, gradient norm and learning rate of every step, for every case of trainer_grid.py.

usage: trainer_parity_test.py SLIPWAY      (the record: tests/parity/data/trainer.json, made by tests/parity/record_trainer.py)
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from largest import largest_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/parity"))
import trainer_grid as grid  # noqa: E402

# Loss and norm relative, the rate absolute: rates are below 1.
TOLERANCE = {"loss": 1e-4, "grad_norm": 1e-3, "learning_rate": 1e-12, "eval_loss": 1e-4}


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(each)}" for name, each in value.items()) + " }"
    return json.dumps(value)


def run_file(folder: pathlib.Path, case: dict) -> str:
    arguments = dict(case)
    loss = arguments.pop("loss", None)
    lines = ["[run]", 'algorithm = "sft"', f'output_dir = "{folder}/run"', "[model]", f'config = "{folder}/config.json"', f'tokenizer = "{folder}"',
             "[data]", f'train = ["{folder}/train.jsonl"]', f'eval = ["{folder}/eval.jsonl"]', "[train]", 'save_strategy = "no"',
             *[f"{name} = {toml(value)}" for name, value in arguments.items()]]
    if loss is not None:
        lines += ["[loss]", *[f"{name} = {toml(value)}" for name, value in loss.items()]]
    return "\n".join(lines) + "\n"


def difference(key: str, ours: list[float], theirs: list[float]) -> float:
    if len(ours) != len(theirs):
        sys.exit(f"{len(ours)} values of {key} here, {len(theirs)} in the Trainer")
    absolute = key == "learning_rate"
    return largest_of((abs(a - b) / (1 if absolute else abs(b)) for a, b in zip(ours, theirs)), default=0.0)


def compare(program: str, folder: pathlib.Path, case: dict, record: dict) -> dict[str, float]:
    (folder / "run.toml").write_text(run_file(folder, case))
    subprocess.run([program, "train", str(folder / "run.toml"), "--quiet"], check=True)
    rows = [json.loads(line) for line in (folder / "run/metrics.jsonl").read_text().splitlines()]
    return {key: difference(key, [row[key] for row in rows if key in row], record[key]) for key in TOLERANCE}


def main() -> None:
    record = json.loads((ROOT / "tests/parity/data/trainer.json").read_text())
    cases, worst, failures = grid.cases(), dict.fromkeys(TOLERANCE, 0.0), []
    if {name: each["arguments"] for name, each in record["cases"].items()} != cases:
        sys.exit("tests/parity/data/trainer.json was recorded for other cases: run tests/parity/record_trainer.py")
    for name, case in cases.items():
        with tempfile.TemporaryDirectory(prefix="slipway-trainer-") as made:
            folder = pathlib.Path(made)
            grid.write_tokenizer(folder)
            (folder / "config.json").write_text(json.dumps(grid.CONFIG))
            for file, lines in zip(("train.jsonl", "eval.jsonl"), grid.texts()):
                (folder / file).write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
            differences = compare(sys.argv[1], folder, case, record["cases"][name])
        print(f"{name}: " + ", ".join(f"{key} {value:.2g}" for key, value in differences.items()))
        worst = {key: max(worst[key], value) for key, value in differences.items()}
        failures += [f"{name}: {key} differs by {value:.3g}, {TOLERANCE[key]:g} is allowed" for key, value in differences.items() if not value <= TOLERANCE[key]]
    print(f"{len(cases)} runs; largest differences to transformers {record['transformers']}: " + ", ".join(f"{key} {value:.3g}" for key, value in worst.items()))
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
