"""Hugging Face generate(): all rows in one batch.

usage: hf_generate.py FACTS.json      (precision, weights, prompts, samples, max_new_tokens, repeats)
"""
import json
import time

from hf_model import asked_for, device, dtype, facts, load_model, load_tokenizer, sampling, torch, transformers, wait


def generate(model: transformers.PreTrainedModel, tokenizer: transformers.PreTrainedTokenizerBase, wanted: dict) -> dict:
    """Tokens and seconds of each repeat, and the rate without the prompts."""
    prompts = tokenizer(wanted["prompts"], return_tensors="pt", padding=True, return_token_type_ids=False).to(device())
    rows = len(wanted["prompts"]) * wanted["samples"]

    def timed(seed: int, new: int) -> tuple[int, float]:
        torch.manual_seed(seed)
        begin = time.perf_counter()
        with torch.inference_mode():
            out = model.generate(**prompts, **sampling(tokenizer, new, wanted["samples"]))
        wait()
        seconds = time.perf_counter() - begin
        return asked_for(out[:, prompts.input_ids.shape[1]:], tokenizer.eos_token_id), seconds

    result = {"tokens": [], "seconds": [], "decode_rate": []}
    for seed in range(wanted["repeats"]):
        tokens, seconds = timed(seed, wanted["max_new_tokens"])
        _, start = timed(seed, 1)
        result["tokens"].append(tokens)
        result["seconds"].append(seconds)
        result["decode_rate"].append((tokens - rows) / (seconds - start))
    return result


def main() -> None:
    wanted = facts()
    print(json.dumps(generate(load_model(wanted["weights"], dtype()), load_tokenizer(wanted["weights"]), wanted)))


if __name__ == "__main__":
    main()
