"""Learning rates as transformers and torch describe them: what a rate is multiplied by."""

import math


def rate_factor(name: str, step: int, warmup: int, total: int) -> float:
    """As the Hugging Face Trainer's schedules have it."""
    if name == "constant":
        return 1.0
    if step < warmup:
        return step / warmup
    done = (step - warmup) / max(1, total - warmup)
    return max(0.0, 1 - done) if name == "linear" else max(0.0, 0.5 * (1 + math.cos(math.pi * done)))


class Plateau:
    """torch's ReduceLROnPlateau with mode "max": the factor on the rate after evaluations that were not better for longer than `patience`."""

    def __init__(self, factor: float, patience: int):
        self.reduce, self.patience, self.best, self.waited, self.factor = (
            factor,
            patience,
            -math.inf,
            0,
            1.0,
        )

    def evaluated(self, reward: float) -> None:
        better = reward > self.best * (1 + 1e-4 if self.best > 0 else 1 - 1e-4)
        self.best, self.waited = (reward, 0) if better else (self.best, self.waited + 1)
        if self.waited > self.patience:
            self.factor, self.waited = self.factor * self.reduce, 0
