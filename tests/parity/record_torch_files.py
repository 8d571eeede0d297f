"""Writes small files of torch.save: an AdamW state, a schedule, generator states, and one tensor of each type.

usage: python tests/parity/record_torch_files.py   (needs tests/parity/requirements.txt; writes tests/parity/data/torch_*.pt)
"""
import collections
import pathlib
import random

import numpy
import torch

DATA = pathlib.Path(__file__).parent / "data"


def main() -> None:
    torch.manual_seed(42), numpy.random.seed(1), random.seed(1)
    matrix, row = torch.nn.Parameter(torch.zeros(2, 3)), torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.AdamW([{"params": [matrix], "weight_decay": 0.1}, {"params": [row], "weight_decay": 0.0}], lr=1e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 10)
    for _ in range(3):
        matrix.grad, row.grad = torch.arange(6.0).reshape(2, 3), torch.ones(3)
        optimizer.step()
        schedule.step()
    torch.save(optimizer.state_dict(), DATA / "torch_optimizer.pt")
    torch.save(schedule.state_dict(), DATA / "torch_scheduler.pt")
    torch.save({"python": random.getstate(), "numpy": numpy.random.get_state(), "cpu": torch.random.get_rng_state()}, DATA / "torch_rng_state.pt")
    types = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
    tensors = collections.OrderedDict((name, torch.arange(4).reshape(2, 2).to(getattr(torch, name))) for name in types)
    torch.save({"tensors": tensors, "none": None, "yes": True, "long": 2**40, "minus": -7, "text": "é", "nested": ([1.5], ())}, DATA / "torch_plain.pt")
    torch.save({"object": pathlib.PurePosixPath("x")}, DATA / "torch_object.pt")


if __name__ == "__main__":
    main()
