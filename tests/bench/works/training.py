"""Run files for supervised fine-tuning, and the sides of a measurement: each in float32 and, where the processor has it, in bfloat16."""
from typing import Callable

from measure import Finished

from . import precision
from .setting import Setting
from .work import Side, Turn


def run_file(model: str, data: str, **train: object) -> str:
    """`model` and `data` are TOML; `train` are keys of [train] with values as TOML writes them."""
    keys = "".join(f"{key} = {value}\n" for key, value in train.items())
    return f"""
[run]
algorithm = "sft"
output_dir = "OUTPUT"
[model]
use = "llama"
{model}
[data]
{data}
[train]
learning_rate = 1e-5
save_strategy = "no"
{keys}"""


def step_times(rows: list[dict]) -> list[float]:
    return [row["time"] for row in rows if "loss" in row]


def in_bf16(toml: str) -> str:
    """The same run with products in bfloat16."""
    return toml.replace("[train]\n", "[train]\nbf16 = true\n")


def slipway_sides(setting: Setting, toml: str, turn: Callable[[list[float], Finished], Turn], threads: int | None = None) -> list[Side]:
    """`turn`: from when each step ended, and the program, to the turn's figures."""
    def side(name: str) -> Side:
        def measure() -> Turn:
            rows, finished = setting.train(toml if name == "float32" else in_bf16(toml), threads)
            return turn(step_times(rows), finished)

        return Side("Slipway", name, measure, precision.arithmetic(setting, name), threads=threads)

    return [side(name) for name in precision.training(setting)]


def hugging_face_sides(setting: Setting, facts: dict, turn: Callable[[list[float], Finished], Turn]) -> list[Side]:
    def side(name: str) -> Side:
        def measure() -> Turn:
            result, finished = setting.peer("hf_trainer", facts | {"precision": name})
            return turn(result["step_times"], finished)

        return Side("HF Trainer", name, measure, precision.arithmetic(setting, name))

    return [side(name) for name in precision.training(setting)]


def equal_steps(tokens: int) -> Callable[[list[float], Finished], Turn]:
    """Every step has so many tokens."""
    return lambda times, finished: Turn(step_rates(times, tokens), finished.memory, times[0] - finished.begin)


def step_rates(times: list[float], tokens: int) -> list[float]:
    """Of every step but the first two, which warm caches and allocators."""
    rates = [tokens / (b - a) for a, b in zip(times, times[1:])]
    return rates[1:] if len(rates) > 1 else rates
