"""Sampling as RAFT does it: 8 samples of each prompt of 32 tokens, temperature 1, the whole vocabulary.

The time counts prompts and new tokens, the tokens are those that were asked for: a row that ends early counts to its end, on
every side. The decode rate leaves the prompts out: the time of a run that asks for one token alone is taken off, with its
tokens (llama.cpp's two halves are timed apart). Slipway's rate is that of the sampling half of RAFT iterations at learning rate
0, its peak memory that of `slipway generate` at the same work, which keeps no gradients, as the peers keep none.

Slipway's sides differ in how the weights are stored that they sample with (`raft.sampling_weights`), llama.cpp's in the types of its
tensors; Hugging Face's model is loaded in float32 and, where the processor has it, in bfloat16.
"""
import functools

from measure import Failed, Finished, run, warm

from . import precision, smollm2
from .raft import SAMPLES, run_file
from .setting import WEIGHTS, Setting
from .texts import PROMPT_TOKENS, prompts
from .work import Side, Turn, Work


def slipway_memory(setting: Setting, chosen: list[str], new: int, weights: str) -> float:
    finished: Finished = run([setting.slipway, "generate", "--model", WEIGHTS, "--samples", SAMPLES, "--max-new-tokens", new, "--json",
                              "--weights", weights, "--device", setting.device], setting.log, stdin="".join(prompt + "\n" for prompt in chosen))
    if finished.status != 0:
        raise Failed(f"slipway generate failed; see {setting.log}")
    return finished.memory


def slipway_turn(setting: Setting, data: str, chosen: list[str], new: int, weights: str) -> Turn:
    def iterations(new_tokens: int) -> list[dict]:
        rows, _ = setting.train(run_file(data, len(chosen), new_tokens, setting.size(4, 2), learning_rate=0.0, weights=weights))
        return warm([row for row in rows if row.get("event") == "iteration"])

    whole, one = iterations(new), iterations(1)
    rows = len(chosen) * SAMPLES
    start = sorted(row["generate_seconds"] for row in one)[len(one) // 2]
    tokens = [row["tokens_per_second"] * row["generate_seconds"] for row in whole]
    more = {"decode_rate": [(n - rows) / (row["generate_seconds"] - start) for n, row in zip(tokens, whole)], "tokens": tokens}
    return Turn([row["tokens_per_second"] for row in whole], slipway_memory(setting, chosen, new, weights), more=more)


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
    facts = {"weights": str(WEIGHTS), "prompts": chosen, "samples": SAMPLES, "max_new_tokens": new, "repeats": setting.size(2, 1)}
    rate = functools.partial(peer_turn, setting)

    def slipway(weights: str, size: float) -> Side:
        return Side("Slipway", weights, lambda: slipway_turn(setting, str(data), chosen, new, weights),
                    precision.arithmetic(setting, weights), size)

    def hugging_face(program: str, script: str, name: str) -> Side:
        return Side(program, name, lambda: rate(script, facts | {"precision": name}), precision.arithmetic(setting, name),
                    4 if name == "float32" else 2)

    def llama_cpp(kind: str, size: float, arithmetic: str) -> Side:
        file = setting.folder / f"SmolLM2-135M-Instruct.{kind}.gguf"
        return Side("llama.cpp", kind, lambda: rate("llama_cpp_decode", facts | {"gguf": str(file), "type": kind}),
                    arithmetic if precision.has(setting, arithmetic) else "float32", size)

    # What has no bfloat16 widens such weights in every product: no peer's best form.
    kinds = [kind for kind in precision.GGUF_TYPES if kind != "BF16" or precision.has(setting, "bfloat16")]
    sides = [*(slipway(weights, size) for weights, size in precision.STORAGES.items()),
             *(hugging_face("HF generate", "hf_generate", name) for name in precision.training(setting)),
             hugging_face("HF generate_batch", "hf_generate_batch", precision.training(setting)[-1]),
             *(llama_cpp(kind, *precision.GGUF_TYPES[kind]) for kind in kinds)]

    def flop_rate(side: dict) -> float:
        tokens = side["tokens"]
        return smollm2.sampling_flop(prompt_count, PROMPT_TOKENS, rows, tokens) * side["value"] / tokens

    def byte_rate(side: Side, figures: dict) -> float | None:
        # Every step reads all weights once, and draws a token for each row.
        return side.bytes_per_weight * smollm2.WEIGHTS * figures["decode_rate"] / rows if "decode_rate" in figures else None

    return Work(name, f"sampling, {prompt_count} x {SAMPLES} rows, {new} new tokens", "tokens/s", sides, flop_rate=flop_rate,
                decode_flop=smollm2.decoding_flop(PROMPT_TOKENS + new / 2), byte_rate=byte_rate)
