"""Makes a very small model, tokenizer and texts, lets the Hugging Face Trainer train on them for forty steps, and keeps its checkpoint of
step 20, the losses of all steps, the order of parameters, and the hashes of the model's shards.

usage: python tests/parity/record_resume.py   (needs tests/parity/requirements.txt; writes tests/parity/data/resume)
"""
import hashlib
import json
import pathlib
import random
import shutil
import tempfile

import tokenizers
import torch
import transformers
from tokenizers import decoders, models, pre_tokenizers, trainers

from hf_trainer import DATA, losses, train

SHARD = "30KB"
CONFIG = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=64,
              rms_norm_eps=1e-5, tie_word_embeddings=False, initializer_range=0.1)


def texts(count: int) -> list[str]:
    draw = random.Random(3)
    subjects, verbs, things = ["a cat", "the old man", "my sister", "nobody", "the train"], ["sees", "carries", "forgets", "sells", "waits for"], ["a stone", "the sea", "two coins", "the night", "bread"]
    ends = ["", " again", " in the rain", " and is glad of it", " before the bell rings twice"]
    return [f"{draw.choice(subjects)} {draw.choice(verbs)} {draw.choice(things)}{draw.choice(ends)}." for _ in range(count)]


def make_tokenizer(lines: list[str]) -> transformers.PreTrainedTokenizerFast:
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=300, show_progress=False, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>", pad_token="<|endoftext|>")


def hashes(folder: pathlib.Path) -> dict[str, str]:
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folder.glob("model*"))}


def main() -> None:
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    lines = texts(50)
    (DATA / "texts.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    tokenizer = make_tokenizer(lines)
    tokenizer.save_pretrained(DATA / "model")
    end = tokenizer.eos_token_id
    torch.manual_seed(11)
    config = transformers.LlamaConfig(vocab_size=len(tokenizer), bos_token_id=end, eos_token_id=end, pad_token_id=end, **CONFIG)
    model = transformers.LlamaForCausalLM(config).float()
    model.save_pretrained(DATA / "model")
    with tempfile.TemporaryDirectory() as folder:
        shards = pathlib.Path(folder) / "shards"
        model.save_pretrained(shards, max_shard_size=SHARD)
        rows = train(pathlib.Path(folder) / "run")
        shutil.copytree(pathlib.Path(folder) / "run/checkpoint-20", DATA / "checkpoint-20")
        for part in ("tokenizer.json", "tokenizer_config.json"):  # those of the model
            (DATA / "checkpoint-20" / part).unlink()
        decaying = transformers.Trainer.get_decay_parameter_names(None, model)
        record = {"torch": torch.__version__, "transformers": transformers.__version__, "max_shard_size": SHARD, "shards": hashes(shards),
                  "parameters": {name: name in decaying for name, _ in model.named_parameters()},
                  "steps": [{k: r[k] for k in ("step", "loss", "grad_norm", "learning_rate", "epoch")} for r in rows if "loss" in r]}
    (DATA / "record.json").write_text(json.dumps(record, indent=1) + "\n")
    loss = losses(rows)
    print(f"{len(loss)} steps, loss {loss[1]:.4f} -> {loss[40]:.4f}; {sum(f.stat().st_size for f in DATA.rglob('*') if f.is_file())} bytes kept")


if __name__ == "__main__":
    main()
