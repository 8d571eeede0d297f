"""Run files for supervised fine-tuning, and the two sides of a measurement that has an equal number of tokens in every step."""
from .setting import Setting
from .work import Turn


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


def slipway_steps(setting: Setting, toml: str, tokens: int) -> Turn:
    rows, finished = setting.train(toml)
    times = step_times(rows)
    return Turn(step_rates(times, tokens), finished.memory, times[0] - finished.begin)


def hugging_face_steps(setting: Setting, facts: dict, tokens: int) -> Turn:
    result, finished = setting.peer("hf_trainer", facts)
    times = result["step_times"]
    return Turn(step_rates(times, tokens), finished.memory, times[0] - finished.begin)


def step_rates(times: list[float], tokens: int) -> list[float]:
    """Of every step but the first two, which warm caches and allocators."""
    rates = [tokens / (b - a) for a, b in zip(times, times[1:])]
    return rates[1:] if len(rates) > 1 else rates
