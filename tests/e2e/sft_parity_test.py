"""A from-scratch SFT beside the same run in PyTorch: every step's loss, gradient norm and learning rate.

usage: sft_parity_test.py SLIPWAY      (the record: tests/parity/data/sft_scratch.json, made by tests/parity/record_sft.py)
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from largest import largest_of

LOSS_TOLERANCE, NORM_TOLERANCE, RATE_TOLERANCE = 1e-3, 1e-3, 1e-9  # absolute, relative, relative


def main() -> None:
    root = pathlib.Path(__file__).resolve().parents[2]
    record = json.loads((root / "tests/parity/data/sft_scratch.json").read_text())
    with tempfile.TemporaryDirectory(prefix="slipway-sft-") as folder:
        subprocess.run([sys.argv[1], "train", str(root / "tests/e2e/tiny_sft.toml"), "--quiet", "--set", f"run.output_dir={folder}/run", "--set", "train.save_strategy=no"], check=True)
        rows = [json.loads(line) for line in (pathlib.Path(folder) / "run/metrics.jsonl").read_text().splitlines()]
    steps = [r for r in rows if "loss" in r]
    evaluations = [r["eval_loss"] for r in rows if "eval_loss" in r]
    if len(steps) != len(record["steps"]) or len(evaluations) != len(record["eval_loss"]):
        sys.exit(f"{len(steps)} steps and {len(evaluations)} evaluations here, {len(record['steps'])} and {len(record['eval_loss'])} in PyTorch")
    loss = largest_of(abs(a["loss"] - b["loss"]) for a, b in zip(steps, record["steps"]))
    norm = largest_of(abs(a["grad_norm"] - b["grad_norm"]) / b["grad_norm"] for a, b in zip(steps, record["steps"]))
    rate = largest_of(abs(a["learning_rate"] - b["learning_rate"]) / max(b["learning_rate"], 1e-12) for a, b in zip(steps, record["steps"]))
    held_out = largest_of(abs(a - b) for a, b in zip(evaluations, record["eval_loss"]))
    print(f"{len(steps)} steps, loss {steps[0]['loss']:.4f} -> {steps[-1]['loss']:.4f}; largest differences to PyTorch: "
          f"loss {loss:.3g}, gradient norm {norm:.3g} (relative), learning rate {rate:.3g} (relative), held-out loss {held_out:.3g}")
    if loss > LOSS_TOLERANCE or held_out > LOSS_TOLERANCE or norm > NORM_TOLERANCE or rate > RATE_TOLERANCE:
        sys.exit("too far from PyTorch")
    if not steps[-1]["loss"] < steps[0]["loss"] - 1:
        sys.exit("the loss did not fall")


if __name__ == "__main__":
    main()
