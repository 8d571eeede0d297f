"""Hugging Face's continuous batching, model.generate_batch(). Where it does not run, the result is what it says.

Its cache may take a fifth of the memory, far more than these works fill, instead of three fifths, and is kept from one repeat
to the next: claiming it anew would take longer than the sampling.

usage: hf_generate_batch.py FACTS.json      (precision, weights, prompts, samples, max_new_tokens, repeats)
"""
import json
import time

from hf_model import device, dtype, facts, load_model, load_tokenizer, sampling, torch, transformers, wait


def main() -> None:
    wanted = facts()
    model, tokenizer = load_model(wanted["weights"], dtype()), load_tokenizer(wanted["weights"])
    prompts = tokenizer(wanted["prompts"]).input_ids
    settings = transformers.GenerationConfig(**sampling(tokenizer, wanted["max_new_tokens"], wanted["samples"]),
                                             eos_token_id=tokenizer.eos_token_id)
    cache = transformers.ContinuousBatchingConfig(max_memory_percent=0.2)
    result = {"tokens": [], "seconds": []}
    for seed in range(wanted["repeats"]):
        torch.manual_seed(seed)
        begin = time.perf_counter()
        outputs = model.generate_batch(prompts, generation_config=settings, continuous_batching_config=cache, persistent_manager=True)
        wait()
        result["seconds"].append(time.perf_counter() - begin)
        errors = [output.error for output in outputs.values() if output.error]
        expected = len(prompts) * wanted["samples"]
        if errors or len(outputs) != expected:
            raise RuntimeError(errors[0] if errors else f"{len(outputs)} of {expected} rows came back")
        result["tokens"].append(sum(len(output.generated_tokens) for output in outputs.values()))
    model.destroy_cached_continuous_batching_manager()
    print(json.dumps(result))


try:
    main()
except Exception as error:  # whatever it is, it is the finding
    print(json.dumps({"error": f"does not run on {device()}: {type(error).__name__}: {error}"}))
