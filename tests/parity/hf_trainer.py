"""The Hugging Face Trainer at the work of tests/e2e/tiny_resume.toml, on the model and the texts of tests/parity/data/resume."""
import json
import pathlib
import tomllib

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
torch.set_num_threads(1)  # so little work is done sooner by one
DATA = ROOT / "tests/parity/data/resume"
RUN_FILE = ROOT / "tests/e2e/tiny_resume.toml"


def examples(tokenizer: transformers.PreTrainedTokenizerFast) -> list[dict]:
    texts = [json.loads(line)["text"] for line in (DATA / "texts.jsonl").read_text().splitlines()]
    return [{"input_ids": tokenizer(text).input_ids + [tokenizer.eos_token_id]} for text in texts]


def collate(rows: list[dict]) -> dict[str, torch.Tensor]:
    width = max(len(r["input_ids"]) for r in rows)
    padded = lambda fill, value: torch.tensor([value(r["input_ids"]) + [fill] * (width - len(r["input_ids"])) for r in rows])
    return {"input_ids": padded(0, list), "labels": padded(-100, list), "attention_mask": padded(0, lambda ids: [1] * len(ids))}


def arguments(folder: pathlib.Path, **more: object) -> transformers.TrainingArguments:
    given = tomllib.loads(RUN_FILE.read_text())["train"] | {"optim": "adamw_torch", "use_cpu": True, "disable_tqdm": True, "report_to": "none"} | more
    return transformers.TrainingArguments(output_dir=str(folder), **given)


def train(folder: pathlib.Path, resume: pathlib.Path | None = None, optimizer: tuple | None = None, held_out: int = 0, **more: object) -> list[dict]:
    """Trains, from `resume` if it is given, and returns the logged rows. `optimizer`: a class and its options in place of args.optim."""
    transformers.set_seed(7)
    tokenizer = transformers.AutoTokenizer.from_pretrained(DATA / "model")
    model = transformers.LlamaForCausalLM.from_pretrained(DATA / "model", attn_implementation="eager", dtype=torch.float32)
    rows = examples(tokenizer)
    trainer = transformers.Trainer(model, arguments(folder, **more), data_collator=collate, train_dataset=rows[held_out:], eval_dataset=rows[:held_out] or None,
                                   processing_class=tokenizer, optimizer_cls_and_kwargs=optimizer)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    return trainer.state.log_history


def losses(rows: list[dict]) -> dict[int, float]:
    return {r["step"]: r["loss"] for r in rows if "loss" in r}
