"""One RAFT iteration: 8 prompts x 8 samples x 48 new tokens, VADER's score, the best of each 8, one epoch in one batch of 8.

What counts is the wall time of a whole iteration: sample, score, select, train. No side evaluates or saves. Slipway's loss lies
on the completions, which is its default; LMFlow's on prompts too; TRL's on all 64 completions, the work of its own algorithm.
Each side in float32 and, where the processor has it, in bfloat16: sampling and training.
"""
import functools
from typing import Callable

from measure import warm

from . import precision
from .setting import ASSETS, WEIGHTS, Setting
from .texts import prompts
from .training import in_bf16
from .work import Side, Turn, Work

SAMPLES = 8


def run_file(data: str, prompt_count: int, new: int, iterations: int, learning_rate: float = 1e-5, weights: str = "float32") -> str:
    """A RAFT run that samples from all prompts of `data` in every iteration."""
    return f"""
[run]
algorithm = "raft"
output_dir = "OUTPUT"
[model]
use = "llama"
weights = "{WEIGHTS}"
[data]
train = ["{data}"]
[generation]
max_new_tokens = {new}
temperature = 1.0
[raft]
iterations = {iterations}
prompts_per_iteration = {prompt_count}
samples_per_prompt = {SAMPLES}
sampling_weights = "{weights}"
[[reward]]
use = "sentiment"
options.lexicon = "{ASSETS}/vader_lexicon.txt"
options.emoji_lexicon = "{ASSETS}/emoji_utf8_lexicon.txt"
[train]
learning_rate = {learning_rate}
num_train_epochs = 1
per_device_train_batch_size = {prompt_count}
save_strategy = "no"
"""


def work(setting: Setting) -> Work:
    count, new = setting.size(8, 2), setting.size(48, 8)
    chosen = prompts(setting, count)
    data = setting.write_rows("raft.jsonl", "prompt", chosen)
    facts = {"weights": str(WEIGHTS), "prompts": chosen, "samples": SAMPLES, "max_new_tokens": new, "batch": count,
             "iterations": setting.size(2, 1), "learning_rate": 1e-5, "output_dir": str(setting.folder / "peer")}

    def slipway(name: str) -> Turn:
        whole = run_file(str(data), count, new, setting.size(4, 2), weights="float32" if name == "float32" else "bfloat16")
        rows, finished = setting.train(whole if name == "float32" else in_bf16(whole))
        iterations = [row for row in rows if row.get("event") == "iteration"]
        # A row is written when its iteration is over: from one to the next is a whole iteration.
        times = [row["time"] for row in iterations]
        more = {key: [row[key] for row in iterations[1:]] for key in ("generate_seconds", "train_seconds")}
        return Turn([b - a for a, b in zip(times, times[1:])], finished.memory, times[0] - finished.begin, more)

    def peer(script: str, name: str) -> Turn:
        result, finished = setting.peer(script, facts | {"precision": name})
        more = {key: warm(result[key]) for key in ("generate_seconds", "train_seconds") if key in result}
        return Turn(warm(result["seconds"]), finished.memory, result["first_done"] - finished.begin, more)

    def sides(program: str, measure: Callable[[str], Turn]) -> list[Side]:
        return [Side(program, name, functools.partial(measure, name), precision.arithmetic(setting, name))
                for name in precision.training(setting)]

    every = [*sides("Slipway", slipway), *sides("LMFlow's loop", functools.partial(peer, "lmflow_loop")),
             *sides("TRL GRPO", functools.partial(peer, "trl_grpo"))]
    return Work("raft", f"RAFT iteration, {count} prompts x {SAMPLES} samples x {new} tokens", "s", every, lower_is_better=True)
