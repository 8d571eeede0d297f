"""Records the learning rates of DeepSpeed's WarmupLR, WarmupDecayLR, WarmupCosineLR, OneCycle and LRRangeTest, option by option.

usage: python tests/parity/record_deepspeed_schedules.py   (needs tests/parity/requirements.txt; writes tests/parity/data/deepspeed_schedules.json)
Of DeepSpeed's source the one file with the schedules is run (deepspeed_source.py).
Each entry: what the schedule was given, and the rate of every update from the first to five after the last. As DeepSpeed's engine does, the
schedule is stepped after each update.
"""
import json
import pathlib
import types

import torch

import deepspeed_source

OUT = pathlib.Path(__file__).resolve().parent / "data/deepspeed_schedules.json"
PEAK = 3e-4

CASES = [
    ("WarmupLR", {}), ("WarmupLR", {"warmup_type": "linear"}), ("WarmupLR", {"warmup_min_lr": 2e-5}),
    ("WarmupDecayLR", {}), ("WarmupDecayLR", {"warmup_type": "linear", "warmup_min_lr": 1e-5}), ("WarmupDecayLR", {"total_num_steps": 31}),
    ("WarmupCosineLR", {}), ("WarmupCosineLR", {"warmup_type": "linear", "warmup_min_ratio": 0.1, "cos_min_ratio": 0.05}),
    ("WarmupCosineLR", {"total_num_steps": 31}),
]
# without warm-up; the highest rate, or the first of a range test, is PEAK
CYCLES = [
    ("OneCycle", {"cycle_min_lr": 2e-5, "cycle_first_step_size": 12}),
    ("OneCycle", {"cycle_min_lr": 0.0, "cycle_first_step_size": 7, "cycle_second_step_size": 23}),
    ("OneCycle", {"cycle_min_lr": 2e-5, "cycle_first_step_size": 9, "cycle_second_step_size": 0, "decay_step_size": 4, "decay_lr_rate": 0.25}),
    ("OneCycle", {"cycle_min_lr": 1e-4, "cycle_first_step_size": 1, "cycle_second_step_size": 11, "decay_step_size": 3, "decay_lr_rate": -0.01}),
    ("OneCycle", {"cycle_min_lr": 1e-4}),
    ("LRRangeTest", {}), ("LRRangeTest", {"lr_range_test_step_size": 10, "lr_range_test_step_rate": 3.5}),
    ("LRRangeTest", {"lr_range_test_step_size": 7, "lr_range_test_step_rate": 0.5, "lr_range_test_staircase": True}),
]


def record(module: types.ModuleType, name: str, options: dict, warmup: int, steps: int) -> dict:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    if name.startswith("Warmup"):
        arguments = {"warmup_num_steps": warmup} | options
        if name != "WarmupCosineLR":
            arguments["warmup_max_lr"] = PEAK
        if name != "WarmupLR":
            arguments.setdefault("total_num_steps", steps)
    else:
        arguments = options | ({"cycle_max_lr": PEAK, "cycle_momentum": False} if name == "OneCycle" else {"lr_range_test_min_lr": PEAK})
    schedule = getattr(module, name)(optimizer, **arguments)
    rates = []
    for _ in range(steps + 5):
        rates.append(optimizer.param_groups[0]["lr"])
        schedule.step()
    return {"name": name, "options": options, "warmup": warmup, "steps": steps, "rates": rates}


module = deepspeed_source.module("runtime/lr_schedules.py")
cases = [record(module, name, options, warmup, steps) for name, options in CASES for warmup, steps in [(0, 40), (7, 40), (1, 57)]]
cases += [record(module, name, options, 0, 40) for name, options in CYCLES]
OUT.write_text(json.dumps({"deepspeed": deepspeed_source.VERSION, "peak": PEAK, "cases": cases}, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")
print(f"{len(cases)} schedules of DeepSpeed {deepspeed_source.VERSION}: {OUT.name}")
