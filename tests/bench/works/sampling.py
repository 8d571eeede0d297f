"""Sampling as RAFT does it: 8 samples of each prompt of 32 tokens, temperature 1, the whole vocabulary.

The time counts prompts and new tokens, the tokens are those that were asked for: a row that ends early counts to its end, on
every side. The decode rate leaves the prompts out: the time of a run that asks for one token alone is taken off, with its
tokens (llama.cpp's two halves are timed apart). Slipway's rate is that of the sampling half of RAFT iterations at learning rate
0, its peak memory that of `slipway generate` at the same work, which keeps no gradients, as the peers keep none.
"""
from measure import Failed, Finished, run, warm

from . import smollm2
from .raft import SAMPLES, run_file
from .setting import WEIGHTS, Setting
from .texts import PROMPT_TOKENS, prompts
from .work import Turn, Work


def slipway_memory(setting: Setting, chosen: list[str], new: int) -> float:
    finished: Finished = run([setting.slipway, "generate", "--model", WEIGHTS, "--samples", SAMPLES, "--max-new-tokens", new, "--json",
                              "--device", setting.device], setting.log, stdin="".join(prompt + "\n" for prompt in chosen))
    if finished.status != 0:
        raise Failed(f"slipway generate failed; see {setting.log}")
    return finished.memory


def slipway_turn(setting: Setting, data: str, chosen: list[str], new: int) -> Turn:
    def iterations(new_tokens: int) -> list[dict]:
        rows, _ = setting.train(run_file(data, len(chosen), new_tokens, setting.size(4, 2), learning_rate=0.0))
        return warm([row for row in rows if row.get("event") == "iteration"])

    whole, one = iterations(new), iterations(1)
    rows = len(chosen) * SAMPLES
    start = sorted(row["generate_seconds"] for row in one)[len(one) // 2]
    tokens = [row["tokens_per_second"] * row["generate_seconds"] for row in whole]
    more = {"decode_rate": [(n - rows) / (row["generate_seconds"] - start) for n, row in zip(tokens, whole)], "tokens": tokens}
    return Turn([row["tokens_per_second"] for row in whole], slipway_memory(setting, chosen, new), more=more)


def peer_turn(setting: Setting, script: str, facts: dict) -> Turn:
    result, finished = setting.peer(script, facts)
    if "error" in result:
        return Turn(error=result["error"])
    values = [n / s for n, s in zip(result["tokens"], result["seconds"])]
    more = {"tokens": warm(result["tokens"])}
    if "decode_rate" in result:
        more["decode_rate"] = warm(result["decode_rate"])
    return Turn(warm(values), finished.memory, more=more)


def build(setting: Setting, name: str, prompt_count: int, new: int) -> Work:
    chosen = prompts(setting, prompt_count)
    rows = prompt_count * SAMPLES
    data = setting.write_rows(f"{name}.jsonl", "prompt", chosen)
    facts = {"weights": str(WEIGHTS), "prompts": chosen, "samples": SAMPLES, "max_new_tokens": new, "repeats": setting.size(2, 1),
             "f32": str(setting.folder / "SmolLM2-135M-Instruct.F32.gguf")}
    sides = {"Slipway": lambda: slipway_turn(setting, str(data), chosen, new),
             "HF generate": lambda: peer_turn(setting, "hf_generate", facts),
             "HF generate_batch": lambda: peer_turn(setting, "hf_generate_batch", facts),
             "llama.cpp F32": lambda: peer_turn(setting, "llama_cpp_decode", facts)}

    def flop_rate(side: dict) -> float:
        tokens = side["tokens"]
        return smollm2.sampling_flop(prompt_count, PROMPT_TOKENS, rows, tokens) * side["value"] / tokens

    def byte_rate(side: dict) -> float:
        # Every step reads all weights once, and draws a token for each row.
        return smollm2.WEIGHTS_BYTES * side["value"] / rows

    return Work(name, f"sampling, {prompt_count} x {SAMPLES} rows, {new} new tokens", "tokens/s", sides, flop_rate=flop_rate,
                limit_rows=32 if rows < 80 else 128, byte_rate=byte_rate)
