"""Records the learning rates of DeepSpeed's WarmupLR, WarmupDecayLR and WarmupCosineLR, option by option.

usage: python tests/parity/record_deepspeed_schedules.py   (needs tests/parity/requirements.txt; writes tests/parity/data/deepspeed_schedules.json)
DeepSpeed is not installed: of its source, which pip fetches, the one file with the schedules is run, with a logger in the place of its own.
Each entry: what the schedule was given, and the rate of every update from the first to five after the last. As DeepSpeed's engine does, the
schedule is stepped after each update.
"""
import hashlib
import json
import logging
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import types

import torch

OUT = pathlib.Path(__file__).resolve().parent / "data/deepspeed_schedules.json"
VERSION, SHA256 = "0.17.5", "277c9e267b9e917c98ed84aa94e695c6a0e506c859ae583d0cc6a3d2e2fd9feb"
PEAK = 3e-4

CASES = [
    ("WarmupLR", {}), ("WarmupLR", {"warmup_type": "linear"}), ("WarmupLR", {"warmup_min_lr": 2e-5}),
    ("WarmupDecayLR", {}), ("WarmupDecayLR", {"warmup_type": "linear", "warmup_min_lr": 1e-5}), ("WarmupDecayLR", {"total_num_steps": 31}),
    ("WarmupCosineLR", {}), ("WarmupCosineLR", {"warmup_type": "linear", "warmup_min_ratio": 0.1, "cos_min_ratio": 0.05}),
    ("WarmupCosineLR", {"total_num_steps": 31}),
]


def schedules() -> types.ModuleType:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", f"deepspeed=={VERSION}", "-d", folder], check=True)
        archive = pathlib.Path(folder) / f"deepspeed-{VERSION}.tar.gz"
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            sys.exit(f"{archive.name} is another file than the one that was recorded from")
        with tarfile.open(archive) as tar:
            source = tar.extractfile(f"deepspeed-{VERSION}/deepspeed/runtime/lr_schedules.py").read()
    utils = types.ModuleType("deepspeed.utils")
    utils.logger = logging.getLogger("deepspeed")
    utils.logger.setLevel(logging.ERROR)  # it warns where a schedule is read before its first step
    sys.modules |= {"deepspeed": types.ModuleType("deepspeed"), "deepspeed.utils": utils}
    module = types.ModuleType("lr_schedules")
    exec(compile(source, "lr_schedules.py", "exec"), module.__dict__)
    return module


def record(module: types.ModuleType, name: str, options: dict, warmup: int, steps: int) -> dict:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    arguments = {"warmup_num_steps": warmup} | options
    if name != "WarmupCosineLR":
        arguments["warmup_max_lr"] = PEAK
    if name != "WarmupLR":
        arguments.setdefault("total_num_steps", steps)
    schedule = getattr(module, name)(optimizer, **arguments)
    rates = []
    for _ in range(steps + 5):
        rates.append(optimizer.param_groups[0]["lr"])
        schedule.step()
    return {"name": name, "options": options, "warmup": warmup, "steps": steps, "rates": rates}


module = schedules()
cases = [record(module, name, options, warmup, steps) for name, options in CASES for warmup, steps in [(0, 40), (7, 40), (1, 57)]]
OUT.write_text(json.dumps({"deepspeed": VERSION, "peak": PEAK, "cases": cases}, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")
print(f"{len(cases)} schedules of DeepSpeed {VERSION}: {OUT.name}")
