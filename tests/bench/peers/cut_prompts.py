"""Cuts texts to prompts of exactly as many tokens as wanted, which encode again to the same tokens.

usage: cut_prompts.py FACTS.json      (texts, tokens, count; prints {"prompts": [...]})
"""
import json

from hf_model import facts, load_tokenizer


def main() -> None:
    wanted = facts()
    tokenizer = load_tokenizer(wanted["weights"])
    prompts = []
    for text in wanted["texts"]:
        ids = tokenizer(text).input_ids[:wanted["tokens"]]
        prompt = tokenizer.decode(ids)
        if len(ids) == wanted["tokens"] and prompt == prompt.strip() and tokenizer(prompt).input_ids == ids:
            prompts.append(prompt)
        if len(prompts) == wanted["count"]:
            break
    print(json.dumps({"prompts": prompts}))


main()
