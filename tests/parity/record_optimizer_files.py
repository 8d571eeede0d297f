"""Writes the optimizer.pt of every class that Slipway writes itself, after three steps of two parameters, and the scheduler.pt of the schedules
that go by evaluations, after nine.

usage: python tests/parity/record_optimizer_files.py   (needs tests/parity/requirements.txt; writes tests/parity/data/torch_{optimizer,scheduler}_*.pt)
"""
import pathlib

import torch
import transformers
from lion_pytorch import Lion

DATA = pathlib.Path(__file__).parent / "data"
CLASSES = {
    "adamw_fused": (torch.optim.AdamW, dict(betas=(0.9, 0.999), eps=1e-8, fused=True)),
    "sgd": (torch.optim.SGD, dict(momentum=0.9, nesterov=True)),
    "sgd_plain": (torch.optim.SGD, {}),
    "adagrad": (torch.optim.Adagrad, dict(lr_decay=0.01)),
    "rmsprop": (torch.optim.RMSprop, dict(momentum=0.9, alpha=0.98, centered=True)),
    "adafactor": (transformers.Adafactor, dict(scale_parameter=False, relative_step=False)),
    "lion": (Lion, dict(betas=(0.9, 0.99))),
}
SCHEDULES = {
    "plateau": ("reduce_lr_on_plateau", dict(patience=1, cooldown=2, factor=0.5)),
    "greedy": ("greedy", dict(patience=1, cooldown=1, warmup=1, factor=0.5, min_lr=1e-5, smooth=True, window_size=3)),
}
METRICS = [3.0, 2.5, 2.5, 2.6, 2.7, 2.4, 2.3, 2.2, 2.9]


def parameters() -> list[dict]:
    matrix, row = torch.nn.Parameter(torch.ones(2, 3)), torch.nn.Parameter(torch.ones(3))
    return [{"params": [matrix], "weight_decay": 0.1}, {"params": [row], "weight_decay": 0.0}]


def main() -> None:
    for name, (cls, options) in CLASSES.items():
        groups = parameters()
        optimizer = cls(groups, lr=1e-3, **options)
        schedule = transformers.get_scheduler("linear", optimizer, num_warmup_steps=0, num_training_steps=10)
        for step in range(3):
            groups[0]["params"][0].grad, groups[1]["params"][0].grad = torch.arange(6.0).reshape(2, 3) - step, torch.ones(3) * (step + 1)
            optimizer.step()
            schedule.step()
        torch.save(optimizer.state_dict(), DATA / f"torch_optimizer_{name}.pt")
    for name, (kind, options) in SCHEDULES.items():
        schedule = transformers.get_scheduler(kind, torch.optim.SGD(parameters(), lr=1e-3), scheduler_specific_kwargs=options)
        for metric in METRICS:
            schedule.step(metric)
        torch.save(schedule.state_dict(), DATA / f"torch_scheduler_{name}.pt")
        print(name, schedule.state_dict())


if __name__ == "__main__":
    main()
