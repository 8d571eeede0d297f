"""Cuts texts to prompts of exactly as many tokens as wanted, which encode again to the same tokens.

usage: cut_prompts.py FACTS.json      (texts, tokens, count; prints {"prompts": [...]})
"""
import json

from hf_model import facts, load_tokenizer


def cut(tokenizer, texts: list[str], tokens: int, count: int) -> list[str]:
    prompts = []
    for text in texts:
        ids = tokenizer(text).input_ids[:tokens]
        prompt = tokenizer.decode(ids)
        if len(ids) == tokens and prompt == prompt.strip() and tokenizer(prompt).input_ids == ids:
            prompts.append(prompt)
        if len(prompts) == count:
            break
    return prompts


def main() -> None:
    wanted = facts()
    print(json.dumps({"prompts": cut(load_tokenizer(wanted["weights"]), wanted["texts"], wanted["tokens"], wanted["count"])}))


if __name__ == "__main__":
    main()
