"""Records the learning rates of transformers' get_scheduler for every schedule, option by option.

usage: python tests/parity/record_schedules.py   (needs tests/parity/requirements.txt; writes tests/parity/data/schedules.json)
Each entry: what the schedule was given, and the rate of every update from the first to five after the last. The adaptive ones are told
a metric after each update, which is recorded beside the rates.
"""
import json
import math
import pathlib
import random

import torch
import transformers

OUT = pathlib.Path(__file__).resolve().parent / "data/schedules.json"
PEAK = 3e-4
ADAPTIVE = ("reduce_lr_on_plateau", "greedy")

CASES = [
    ("linear", {}), ("cosine", {}), ("cosine", {"num_cycles": 1.5}), ("cosine_with_restarts", {}), ("cosine_with_restarts", {"num_cycles": 3}),
    ("polynomial", {}), ("polynomial", {"power": 2.5, "lr_end": 1e-5}), ("constant", {}), ("constant_with_warmup", {}),
    ("inverse_sqrt", {}), ("inverse_sqrt", {"timescale": 100}), ("cosine_with_min_lr", {"min_lr": 2e-5}),
    ("cosine_with_min_lr", {"min_lr_rate": 0.1, "num_cycles": 0.75}), ("cosine_warmup_with_min_lr", {"min_lr_rate": 0.2}),
    ("cosine_warmup_with_min_lr", {"min_lr": 1e-5, "warmup_lr_rate": 0.3, "num_cycles": 1.0}),
    ("warmup_stable_decay", {"num_decay_steps": 13}),
    ("warmup_stable_decay", {"num_decay_steps": 9, "num_stable_steps": 11, "warmup_type": "cosine", "decay_type": "linear", "min_lr_ratio": 0.05}),
    ("warmup_stable_decay", {"num_decay_steps": 20, "warmup_type": "1-sqrt", "decay_type": "1-sqrt", "min_lr_ratio": 0.1}),
    ("reduce_lr_on_plateau", {}), ("reduce_lr_on_plateau", {"patience": 1, "factor": 0.5, "cooldown": 2, "min_lr": 2e-5}),
    ("reduce_lr_on_plateau", {"patience": 0, "mode": "max", "threshold": 0.05, "threshold_mode": "abs"}),
    ("greedy", {}), ("greedy", {"patience": 1, "min_lr": 1e-5, "max_lr": 4e-4}),
    ("greedy", {"patience": 0, "min_lr": 1e-4, "factor": 0.7, "cooldown": 1, "warmup": 2, "reset_start": 2, "threshold_mode": "rel", "threshold": 0.01}),
    ("greedy", {"patience": 0, "smooth": True, "window_size": 4, "min_lr": 1e-5, "mode": "max", "reset_start": 3}),
]


def metrics(count: int) -> list[float]:
    """A loss that falls, stays and jumps."""
    draw = random.Random(7)
    return [3.0 * math.exp(-i / 15) + (0.4 if i % 17 > 11 else 0.0) + 0.05 * draw.random() for i in range(count)]


def record(name: str, options: dict, warmup: int, steps: int) -> dict:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    schedule = transformers.get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=steps, scheduler_specific_kwargs=options)
    told = metrics(steps + 5) if name in ADAPTIVE else []
    rates = []
    for i in range(steps + 5):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step(told[i]) if told else schedule.step()
    return {"name": name, "options": options, "warmup": warmup, "steps": steps, "metrics": told, "rates": rates}


cases = [record(name, options, warmup, steps) for name, options in CASES for warmup, steps in [(0, 40), (7, 40), (1, 57)]]
OUT.write_text(json.dumps({"transformers": transformers.__version__, "torch": torch.__version__, "peak": PEAK, "cases": cases}, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")
print(f"{len(cases)} schedules of transformers {transformers.__version__}: {OUT.name}")
