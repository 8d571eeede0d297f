"""Counts the tokens of texts, each with its end-of-text token.

usage: count_tokens.py FACTS.json      (weights, texts, max_tokens; prints {"tokens": N})
"""
import json

from hf_model import facts, load_tokenizer

wanted = facts()
tokenizer = load_tokenizer(wanted["weights"])
print(json.dumps({"tokens": sum(min(len(ids) + 1, wanted["max_tokens"]) for ids in tokenizer(wanted["texts"]).input_ids)}))
