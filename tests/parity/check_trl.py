"""Rows of messages as `slipway data show` prints them beside what TRL's SFTTrainer trains on: ids, and which of them carry loss. With
assistant_only_loss on templates that have {% generation %}; prompts and completions on templates that have none; and TRL's training variant
of each of its templates beside the plain one, of which Slipway finds the turns by their beginnings.

usage: python tests/parity/check_trl.py [SLIPWAY]      (needs tests/parity/requirements.txt and a built Slipway)
"""
import gzip
import json
import logging
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

import datasets
import transformers
import trl

import record_conversations as talks

ROOT = pathlib.Path(__file__).resolve().parents[2]
SLIPWAY = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/slipway")
TEMPLATES = pathlib.Path(trl.__file__).parent / "chat_templates"
RECORD = ROOT / "tests/parity/data/conversations"
# A tokenizer, templates with marks, and TRL's template for its family.
CASES = {"qwen": ([talks.MARKED_CHATML], "qwen2_5"), "llama3": ([talks.MARKED_LLAMA3], "llama3"), "gemma": ([talks.MARKED_GEMMA], "gemma"),
         "phi3": ([talks.MARKED_PHI3], "phi3"), "mistral": ([talks.MARKED_MISTRAL], None)}
CHATS = [chat for chat in talks.ORDINARY if [m["role"] for m in chat if m["role"] != "system"][:2] == ["user", "assistant"] and chat[-1]["role"] == "assistant"]


def folder_of(name: str, root: pathlib.Path) -> pathlib.Path:
    """The tokenizer with a model of some hundred weights, which neither side looks at."""
    out = root / name
    out.mkdir()
    (out / "tokenizer.json").write_bytes(gzip.decompress((RECORD / name / "tokenizer.json.gz").read_bytes()))
    settings = json.loads((RECORD / name / "tokenizer_config.json").read_text())
    (out / "tokenizer_config.json").write_text(json.dumps(settings | {"pad_token": settings["eos_token"]}))
    tokenizer = transformers.AutoTokenizer.from_pretrained(out)
    config = transformers.LlamaConfig(vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
                                      eos_token_id=tokenizer.eos_token_id, bos_token_id=tokenizer.bos_token_id)
    transformers.LlamaForCausalLM(config).save_pretrained(out)
    return out


def theirs(folder: pathlib.Path, template: str, rows: list[dict], root: pathlib.Path) -> list[list[tuple[int, bool]]]:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template
    given = trl.SFTConfig(output_dir=str(root / "trl"), assistant_only_loss="messages" in rows[0], max_length=None, use_cpu=True, bf16=False, report_to="none",
                          disable_tqdm=True)
    trainer = trl.SFTTrainer(str(folder), args=given, train_dataset=datasets.Dataset.from_list(rows), processing_class=tokenizer)
    shutil.rmtree(root / "trl", ignore_errors=True)
    return [[(id, label != -100) for id, label in zip(row["input_ids"], row["labels"])] for row in trainer.train_dataset]


def ours(folder: pathlib.Path, template: str, rows: list[dict], root: pathlib.Path, may_refuse: bool = False) -> list[list[tuple[int, bool]] | None]:
    """None: a row whose turns cannot be told from the template's text, which Slipway says instead of guessing."""
    (root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (root / "template.jinja").write_text(template)
    done = subprocess.run([SLIPWAY, "data", "show", root / "rows.jsonl", "--model", folder, "--tokens", "--rows", str(len(rows)),
                           "--set", f"data.chat_template={json.dumps(str(root / 'template.jinja'))}"], capture_output=True, text=True, check=True)
    out = []
    for block in done.stdout.strip().split("\n\n"):
        if "not trained on" in block:
            if not (may_refuse and "so nobody can say which tokens are the answer" in block):
                sys.exit(block)
            out.append(None)
            continue
        tokens = [line.split() for line in block.splitlines()[1:]]
        out.append([(int(t[1]), len(t) > 2 and t[2] == "*") for t in tokens])
    return out


def compare(name: str, what: str, a: list, b: list) -> tuple[int, int]:
    """Rows with other ids, tokens with another loss. The first token of a row predicts nothing to it, so its loss is nobody's."""
    refused = a.count(None)
    a, b = zip(*[(x, y) for x, y in zip(a, b, strict=True) if x is not None]) if refused < len(a) else ((), ())
    ids = sum([t for t, _ in x] != [t for t, _ in y] for x, y in zip(a, b, strict=True))
    loss = sum(p != q for x, y in zip(a, b) for (_, p), (_, q) in list(zip(x, y))[1:])
    count = sum(map(len, b))
    print(f"{name}, {what}: {len(b)} rows, {count} tokens: {ids} rows with other ids, {loss} tokens with another loss"
          + (f"; {refused} rows refused by name" if refused else ""))
    return ids, loss


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    datasets.disable_progress_bars()
    transformers.utils.logging.set_verbosity_error()
    faults = 0
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        for name, (marked, family) in CASES.items():
            folder = folder_of(name, root)
            chats = [chat for chat in CHATS if name != "mistral" or chat[0]["role"] != "system"]
            rows = [{"messages": chat} for chat in chats]
            for template in marked:
                faults += sum(compare(name, "with marks", ours(folder, template, rows, root), theirs(folder, template, rows, root)))
            if family is None:
                continue
            plain, training = ((TEMPLATES / f"{family}{end}.jinja").read_text() for end in ("", "_training"))
            if family == "gemma":  # it has no system
                chats = [chat for chat in chats if chat[0]["role"] != "system"]
            rows = [{"messages": chat} for chat in chats]
            faults += sum(compare(name, "TRL's marked template", ours(folder, training, rows, root), theirs(folder, training, rows, root)))
            compare(name, "by beginnings, beside TRL's marks", ours(folder, plain, rows, root, may_refuse=True), theirs(folder, training, rows, root))
            pairs = [{"prompt": chat[:-1], "completion": chat[-1:]} for chat in chats]
            faults += sum(compare(name, "prompt and completion", ours(folder, plain, pairs, root), theirs(folder, plain, pairs, root)))
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
