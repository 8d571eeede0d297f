"""The Hugging Face Trainer goes on from step 20 of a run of Slipway with train.fp16: with its scaler.pt, scheduler.pt and skipped steps.

usage: python tests/parity/check_fp16.py [SLIPWAY]   (needs tests/parity/requirements.txt; SLIPWAY: build/release/slipway)
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from hf_trainer import ROOT, RUN_FILE
from largest import largest_of
from record_fp16 import SCALER, train

SLIPWAY = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/slipway")
TOLERANCE = 5e-4  # relative: products round results there, too


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-fp16-") as name:
        root = pathlib.Path(name)
        table = "{ " + ", ".join(f"{k} = {v}" for k, v in SCALER.items()) + " }"
        subprocess.run([SLIPWAY, "train", str(RUN_FILE), "--quiet", "--set", f"run.output_dir={root / 'ours'}", "--set", "train.fp16=true",
                        "--set", f"train.grad_scaler_kwargs={table}"], check=True)
        ours = [row for row in map(json.loads, (root / "ours/metrics.jsonl").read_text().splitlines()) if "loss" in row][20:]
        theirs = train(root / "theirs", root / "ours/checkpoint-20")
    same = [(a["loss_scale"], a["grad_norm"] is None) == (b["scale"], b["grad_norm"] is None) for a, b in zip(ours, theirs)]
    loss, rate = (largest_of(abs(a[key] - b[key]) / b[key] for a, b in zip(ours, theirs) if b[key] != 0) for key in ("loss", "learning_rate"))
    print(f"{len(theirs)} steps from ours, {sum(row['grad_norm'] is None for row in theirs)} skipped there: losses {loss:.2g} apart, learning rates {rate:.2g}")
    if len(theirs) != 20 or len(ours) != 20 or not all(same) or loss > TOLERANCE or rate > 1e-9:
        sys.exit("the Trainer does not go on as Slipway does")


if __name__ == "__main__":
    main()
