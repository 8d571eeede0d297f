"""Evaluates and predicts with transformers' Trainer, its metrics by scikit-learn: three data sets of uneven lengths, a tiny Llama.

usage: python tests/parity/record_evaluate.py   (needs tests/parity/requirements.txt; writes tests/parity/data/evaluate*.json*)
The weights are those of Slipway's seeded start. Untrained, the model finds most likely what it has just read: texts that say words
again and again give it something to be right about.
"""
import json
import pathlib
import random
import tempfile

import numpy
import torch
import transformers
from sklearn.metrics import accuracy_score, f1_score

from seeded_llama import fresh_model

DATA = pathlib.Path(__file__).parent / "data"
TOKENIZER = "tokenizer_gpt2.json"
SEED, BATCH = 11, 4
SIZES = {"news": 21, "reviews": 8, "notes": 13}
MODEL = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 600, "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
         "tie_word_embeddings": True, "hidden_act": "silu", "initializer_range": 0.02, "bos_token_id": 0, "eos_token_id": 0}
CHOSEN, TOP_K = 6, 5  # classes of the F1 over chosen labels; width of the wider accuracy


def text(words: list, count: int, again: float, draw: random.Random) -> str:
    out = [draw.choice(words)]
    while len(out) < count:
        out.append(out[-1] if draw.random() < again else draw.choice(words))
    return "".join(out)


def write_data(tokenizer) -> None:
    """JSON Lines of prompts and completions, and in one set whole texts; a third of the completions are one word, which the prompt ends with."""
    draw = random.Random(SEED)
    words = sorted(t.replace("Ġ", " ") for t in tokenizer.get_vocab() if t.startswith("Ġ") and t[1:].isalpha() and len(t) > 3)[:40]
    for name, size in SIZES.items():
        rows = []
        for i in range(size):
            if name == "notes" and i % 4 == 0:
                rows.append({"text": text(words, draw.randint(2, 70), 0.5, draw)})
            elif i % 3 == 0:
                word = draw.choice(words)
                rows.append({"prompt": text(words, draw.randint(1, 30), 0.2, draw) + word, "completion": word * draw.randint(1, 9)})
            else:
                rows.append({"prompt": text(words, draw.randint(1, 12), 0.2, draw), "completion": text(words, draw.randint(1, 50), 0.6, draw)})
        (DATA / f"evaluate_{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))


def examples(name: str, tokenizer) -> list:
    out = []
    for line in (DATA / f"evaluate_{name}.jsonl").read_text().splitlines():
        row = json.loads(line)
        prompt = tokenizer(row["prompt"]).input_ids if "prompt" in row else []
        completion = tokenizer(row.get("completion", row.get("text"))).input_ids
        out.append({"input_ids": prompt + completion, "labels": [-100] * len(prompt) + completion})
    return out


def collate(batch: list) -> dict:
    width = max(len(r["input_ids"]) for r in batch)
    fill = {"input_ids": 0, "labels": -100, "attention_mask": 0}
    rows = [{**r, "attention_mask": [1] * len(r["input_ids"])} for r in batch]
    return {key: torch.tensor([r[key] + [value] * (width - len(r[key])) for r in rows]) for key, value in fill.items()}


def chosen_labels(sets: dict) -> list:
    """Ids that the labels of all sets have most often."""
    counts = numpy.bincount([i for rows in sets.values() for r in rows for i in r["labels"] if i >= 0])
    return [int(i) for i in numpy.argsort(-counts, kind="stable")[:CHOSEN]]


def metrics_of(chosen: list):
    def compute(given: transformers.EvalPrediction) -> dict:
        logits, labels = given.predictions[:, :-1], given.label_ids[:, 1:]
        places = labels != -100
        rows, right = logits[places].astype(numpy.float64), labels[places]
        guess = rows.argmax(-1)
        top = rows.max(-1, keepdims=True)
        logprobs = (rows - top)[numpy.arange(len(right)), right] - numpy.log(numpy.exp(rows - top).sum(-1))
        ranks = (rows > rows[numpy.arange(len(right)), right][:, None]).sum(-1)
        matches = [bool((logits[e].argmax(-1) == labels[e])[places[e]].all()) for e in range(len(labels)) if places[e].any()]
        out = {"accuracy": accuracy_score(right, guess), "top_accuracy": (ranks < TOP_K).mean(), "perplexity": numpy.exp(-logprobs.mean()), "exact_match": numpy.mean(matches)}
        for average in ("macro", "micro", "weighted"):
            out[f"{average}_f1"] = f1_score(right, guess, average=average, zero_division=0)
            out[f"chosen_{average}_f1"] = f1_score(right, guess, labels=chosen, average=average, zero_division=0)
        out["binary_f1"] = f1_score(right == chosen[0], guess == chosen[0], zero_division=0)
        return {name: float(value) for name, value in out.items()}
    return compute


def main() -> None:
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(DATA / TOKENIZER))
    write_data(tokenizer)
    sets = {name: examples(name, tokenizer) for name in SIZES}
    model = fresh_model(transformers.LlamaConfig(**MODEL, attn_implementation="eager"), SEED)
    chosen = chosen_labels(sets)
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(output_dir=folder, per_device_eval_batch_size=BATCH, report_to="none", use_cpu=True, disable_tqdm=True)
        trainer = transformers.Trainer(model=model, args=arguments, data_collator=collate, compute_metrics=metrics_of(chosen))
        measured = trainer.evaluate(sets)
        predictor = transformers.Trainer(model=model, args=arguments, data_collator=collate, preprocess_logits_for_metrics=lambda logits, labels: logits.argmax(-1))
        predicted = predictor.predict(sets["notes"])
    left_out = ("_runtime", "_per_second", "_preparation_time", "epoch")
    record = {"transformers": transformers.__version__, "torch": torch.__version__, "seed": SEED, "batch": BATCH, "tokenizer": TOKENIZER, "model": MODEL, "chosen": chosen,
              "top_k": TOP_K, "metrics": {k: v for k, v in measured.items() if not k.endswith(left_out)},
              "predict": {"metrics": {k: v for k, v in predicted.metrics.items() if not k.endswith(left_out)}, "predictions": predicted.predictions.tolist(),
                          "label_ids": predicted.label_ids.tolist()}}
    (DATA / "evaluate.json").write_text(json.dumps(record) + "\n")
    print("\n".join(f"{k} {v:.6f}" for k, v in record["metrics"].items()))


if __name__ == "__main__":
    main()
