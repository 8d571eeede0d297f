"""Records what transformers' logits processors leave of random logits: its repetition penalty, min_new_tokens, temperature, top-k,
top-p and min-p, in the order in which generate() applies them.

usage: python tests/parity/record_sampling.py   (needs tests/parity/requirements.txt; writes tests/parity/data/sampling.json)
"""
import json
import pathlib
import random

import torch
from transformers import AutoModelForCausalLM, GenerationConfig, LlamaConfig

OUT = pathlib.Path(__file__).resolve().parent / "data/sampling.json"
VOCABULARY, EOS = 23, [3, 5]


def main():
    rng = random.Random(7)
    model = AutoModelForCausalLM.from_config(LlamaConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
                                                         vocab_size=VOCABULARY, eos_token_id=EOS, bos_token_id=1))
    cases = []
    for _ in range(300):
        settings = {}
        if rng.random() < 0.5:
            settings["repetition_penalty"] = rng.choice([0.8, 1.1, 1.3, 2.0])
        if rng.random() < 0.4:
            settings["min_new_tokens"] = rng.randrange(1, 5)
        if rng.random() < 0.6:
            settings["temperature"] = rng.choice([0.3, 0.7, 1.5])
        settings["top_k"] = rng.choice([0, 0, 1, 4, 12])
        if rng.random() < 0.4:
            settings["top_p"] = rng.choice([0.2, 0.6, 0.95])
        if rng.random() < 0.5:
            settings["min_p"] = rng.choice([0.02, 0.1, 0.5, 1.0])
        prompt = [rng.randrange(VOCABULARY) for _ in range(rng.randrange(1, 6))]
        answer = [rng.randrange(VOCABULARY) for _ in range(rng.randrange(0, 5))]
        logits = [round(rng.gauss(0, 2), 3) for _ in range(VOCABULARY)]
        config = GenerationConfig(do_sample=True, eos_token_id=EOS, **settings)
        model._prepare_special_tokens(config, device="cpu")
        processors = model._get_logits_processor(generation_config=config, input_ids_seq_length=len(prompt), encoder_input_ids=None,
                                                 prefix_allowed_tokens_fn=None, logits_processor=[], device="cpu")
        scores = processors(torch.tensor([prompt + answer]), torch.tensor([logits]))
        share = torch.softmax(scores.double(), -1)[0].tolist()
        cases.append({"settings": settings, "prompt": prompt, "answer": answer, "logits": logits, "share": [round(p, 9) for p in share]})
    OUT.write_text(json.dumps({"end_tokens": EOS, "cases": cases}) + "\n")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
