"""A tokenizer of any size over printable ASCII, in the files that both sides read, and texts for it.

Tokens are the 95 characters, then pairs and triples of letters, and three special ones at the end. Every
token is text of its own, so that equal texts are equal tokens, and none is half of a character.
"""

import itertools
import json
import pathlib
import random

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
CHARACTERS = [
    "\u0120",
    *map(chr, range(ord("!"), ord("~") + 1)),
]  # the first stands for a space, as byte-level tokenizers write it
SPECIAL = ("<s>", "</s>", "<pad>")
SETTINGS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "pad_token": "<pad>",
    "tokenizer_class": "PreTrainedTokenizerFast",
}


def merges(count: int) -> list[tuple[str, str]]:
    """The first so many: "a b", ..., then "ab c", ..."""
    pairs = itertools.product(LETTERS, LETTERS)
    triples = ((a + b, c) for a, b, c in itertools.product(LETTERS, LETTERS, LETTERS))
    return list(itertools.islice(itertools.chain(pairs, triples), count))


def tokenizer(size: int) -> dict:
    joined = merges(size - len(CHARACTERS) - len(SPECIAL))
    tokens = CHARACTERS + [a + b for a, b in joined]
    words = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    added = [
        {
            "id": len(tokens) + i,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for i, token in enumerate(SPECIAL)
    ]
    if len(tokens) + len(SPECIAL) != size:
        raise ValueError(f"there are not {size} tokens")
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": {token: i for i, token in enumerate(tokens)},
        "merges": [f"{a} {b}" for a, b in joined],
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": words,
        "post_processor": None,
        "decoder": words,
        "model": model,
    }


def write_tokenizer(folder: pathlib.Path, size: int) -> None:
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer(size)))
    (folder / "tokenizer_config.json").write_text(json.dumps(SETTINGS))


def text(draw: random.Random, characters: int) -> str:
    """Words of letters with spaces between, of about so many characters."""
    out = ""
    while len(out) < characters:
        out += "".join(draw.choices(LETTERS, k=draw.randint(1, 8))) + " "
    return out.strip()
