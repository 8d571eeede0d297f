"""Records what torch's, transformers' and lion-pytorch's optimizers make of the same weights and gradients.

usage: python tests/parity/record_optimizers.py   (needs tests/parity/requirements.txt; writes tests/parity/data/optimizers.json)
Three parameters, the last without weight decay; weights and gradients follow from formulas that the test repeats. Each entry: the
optimizer as the Hugging Face Trainer would build it, and the weights after some of its steps.
"""
import json
import math
import pathlib

import lion_pytorch
import torch
import transformers
from transformers.optimization import Adafactor

OUT = pathlib.Path(__file__).resolve().parent / "data/optimizers.json"
SHAPES = [(7, 5), (3, 4, 2), (6,)]
RECORDED = (1, 2, 7, 20)
RATE = 0.01
ADAM = {"betas": (0.9, 0.95), "eps": 1e-7}

# Name here, optim_args, the peer's class and what the Trainer gives it.
CASES = [
    ("adamw_torch", "", torch.optim.AdamW, ADAM),
    ("sgd", "", torch.optim.SGD, {}),
    ("sgd", "momentum=0.9", torch.optim.SGD, {"momentum": 0.9}),
    ("sgd", "momentum=0.8, dampening=0.3", torch.optim.SGD, {"momentum": 0.8, "dampening": 0.3}),
    ("sgd", "momentum=0.9, nesterov=true", torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    ("adagrad", "", torch.optim.Adagrad, {}),
    ("adagrad", "lr_decay=0.1, eps=1e-3", torch.optim.Adagrad, {"lr_decay": 0.1, "eps": 1e-3}),
    ("rmsprop", "", torch.optim.RMSprop, {}),
    ("rmsprop", "momentum=0.7, alpha=0.9, eps=1e-6, centered=true", torch.optim.RMSprop, {"momentum": 0.7, "alpha": 0.9, "eps": 1e-6, "centered": True}),
    ("adafactor", "", Adafactor, {"scale_parameter": False, "relative_step": False}),
    ("lion_32bit", "", lion_pytorch.Lion, {"betas": ADAM["betas"]}),
]


def gradient(shape: tuple, parameter: int, step: int) -> torch.Tensor:
    size = math.prod(shape)
    return torch.tensor([math.sin(step * 7 + j + 3 * parameter) * 10.0 ** (parameter - 1) for j in range(size)]).reshape(shape)


def record(name: str, arguments: str, peer: type, options: dict, weight_decay: float) -> dict:
    weights = [torch.nn.Parameter(torch.tensor([math.cos(j) for j in range(math.prod(shape))]).reshape(shape)) for shape in SHAPES]
    groups = [{"params": weights[:2], "weight_decay": weight_decay}, {"params": weights[2:], "weight_decay": 0.0}]
    optimizer = peer(groups, lr=RATE, **options)
    after = {}
    for step in range(1, RECORDED[-1] + 1):
        for p, weight in enumerate(weights):
            weight.grad = gradient(SHAPES[p], p, step)
        optimizer.step()
        if step in RECORDED:
            after[str(step)] = [weight.detach().reshape(-1).tolist() for weight in weights]
    return {"optim": name, "optim_args": arguments, "weight_decay": weight_decay, "weights": after}


cases = [record(*case, weight_decay) for case in CASES for weight_decay in (0.0, 0.1)]
OUT.write_text(json.dumps({"transformers": transformers.__version__, "torch": torch.__version__, "learning_rate": RATE, "adam_beta1": ADAM["betas"][0],
                           "adam_beta2": ADAM["betas"][1], "adam_epsilon": ADAM["eps"], "shapes": SHAPES, "cases": cases}, separators=(",", ":")).replace('{"optim"', '\n{"optim"') + "\n")
print(f"{len(cases)} optimizers: {OUT.name}")
