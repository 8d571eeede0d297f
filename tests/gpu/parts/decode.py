"""Decoding 128 rows, 8 samples of each of 16 prompts of 32 tokens, beside Hugging Face's generate in
bfloat16 with the same weights, which are in bfloat16 on both sides. Slipway's times are those of its own trace, recording included; the peer's
are of its second call.
"""

import json
import random

import device_memory
from program import run
from shapes import REAL, decoded_bytes
from tell import at_least, facts, guarded, scratch, skip_all
from words import text
from works import Turn, in_turn, model, on_gpu, tell_sides, where, why_not

# Prompts, samples of each, new tokens, rounds; asked of the ratio to the peer and of the peer's memory.
WORKS = {"Llama-3.2-1B": (16, 8, 128, 2, 5, 0.7), "Llama-3.1-8B": (16, 8, 64, 1, None, None)}
SMALL = {"SmolLM2-135M": (2, 2, 8, 1, None, None)}
PEER, PROMPT_TOKENS = "HF generate", 32


def scopes(trace: dict, name: str) -> list[dict]:
    return [
        event for event in trace["traceEvents"] if event.get("cat") == "generate" and event["name"] == name
    ]


def ours(folder, prompts: list[str], samples: int, new: int) -> Turn:
    file = scratch("decode") / "trace.json"
    with device_memory.watched() as peak:
        said = run(
            "generate",
            "--model",
            folder,
            "--device",
            facts()["device"],
            "--samples",
            samples,
            "--max-new-tokens",
            new,
            "--weights",
            "bfloat16" if on_gpu() else "float32",
            "--json",
            "--profile",
            file,
            stdin="".join(prompt + "\n" for prompt in prompts),
        )
    answers = [json.loads(line) for line in said.splitlines()]
    if len(answers) != len(prompts) * samples:
        raise RuntimeError(f"slipway generate gave {len(answers)} answers to {len(prompts)} x {samples}")
    trace = json.loads(file.read_text())
    decode, prefill = scopes(trace, "decode"), scopes(trace, "prefill")
    drawn = sum(event["args"]["rows"] for event in decode)
    seconds = sum(event["dur"] for event in decode) / 1e6
    begin = min(event["ts"] for event in prefill)
    whole = (max(event["ts"] + event["dur"] for event in decode) - begin) / 1e6
    steps = sorted(event["dur"] / 1e6 for event in decode)
    return Turn(
        drawn / seconds,
        peak.above,
        {
            "with_prompts": (drawn + len(answers)) / whole,
            "steps": len(steps),
            "median_step_s": steps[len(steps) // 2],
        },
    )


def theirs(folder, prompts: list[str], samples: int, new: int, idle: float | None) -> Turn:
    import torch

    import hf_generate
    from hf_model import load_model, load_tokenizer

    wanted = {"prompts": prompts, "samples": samples, "max_new_tokens": new, "repeats": 2}
    dtype = torch.bfloat16 if on_gpu() else torch.float32
    with device_memory.watched(idle) as peak:
        result = hf_generate.generate(load_model(str(folder), dtype), load_tokenizer(str(folder)), wanted)
    return Turn(
        result["decode_rate"][-1], peak.above, {"with_prompts": result["tokens"][-1] / result["seconds"][-1]}
    )


def measure(shape: str, work: tuple, idle: float | None) -> None:
    import rates
    from cut_prompts import cut
    from hf_model import load_tokenizer

    count, samples, new, rounds, times, memory = work
    rows = count * samples
    title = f"decoding {shape}, {rows} rows"
    with guarded(title):
        limits = rates.measured()
        folder = model(shape)
        draw = random.Random(6)
        prompts = cut(
            load_tokenizer(str(folder)),
            [text(draw, 4 * PROMPT_TOKENS) for _ in range(20 * count)],
            PROMPT_TOKENS,
            count,
        )
        turns = in_turn(
            {
                "Slipway": lambda: ours(folder, prompts, samples, new),
                PEER: lambda: theirs(folder, prompts, samples, new, idle),
            },
            rounds,
        )
        rate, _ = tell_sides(title, PEER, turns, times, memory)
        weight_bytes = 2 if on_gpu() else 4
        read = decoded_bytes(REAL[shape], rows, PROMPT_TOKENS + new / 2, weight_bytes, 4)
        at_least(
            f"{title}: share of the copy rate{where()}",
            rate / rows * read / limits["copy"],
            None,
            f"{read / 1e9:.3g} GB a step, each byte once; keys and values are float32",
        )


def main() -> None:
    works = WORKS if on_gpu() else SMALL
    if (why := why_not()) is not None:
        skip_all(
            [
                f"decoding {shape}: {what}"
                for shape in works
                for what in (
                    "tokens/s",
                    f"times {PEER}",
                    f"share of {PEER}'s peak memory",
                    "share of the copy rate",
                )
            ],
            why,
        )
        return
    idle = device_memory.used_now()
    for shape, work in works.items():
        measure(shape, work, idle)


if __name__ == "__main__":
    main()
