"""The Hugging Face Trainer: fine-tunes SmolLM2 on texts, or a fresh small model on ready-made tokens; tells when each step ended.

In float32, or with bf16=True: mixed precision, as the Trainer's own key has it.

usage: hf_trainer.py FACTS.json      (precision, batch, max_steps, epochs, logging_steps, output_dir; weights, texts, max_tokens or config, ids)
"""
import json
import time

from hf_model import bf16, device, facts, load_model, load_tokenizer, torch, transformers, wait


class Clock(transformers.TrainerCallback):
    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_end(self, args, state, control, **kwargs) -> None:
        wait()
        self.times.append(time.time())


def collator(pad: int):
    """Pads to the longest of the batch; padding carries no loss."""
    def collate(batch: list[dict]) -> dict:
        longest = max(len(row["ids"]) for row in batch)
        ids = torch.tensor([row["ids"] + [pad] * (longest - len(row["ids"])) for row in batch])
        mask = torch.tensor([[1] * len(row["ids"]) + [0] * (longest - len(row["ids"])) for row in batch])
        return {"input_ids": ids, "attention_mask": mask, "labels": ids.masked_fill(mask == 0, -100)}

    return collate


def subject(wanted: dict) -> tuple[transformers.PreTrainedModel, list[dict], int]:
    """The model, the rows, the token that pads."""
    if "config" in wanted:
        with open(wanted["config"], encoding="utf-8") as file:
            model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**json.load(file)))
        return model, [{"ids": ids} for ids in wanted["ids"]], 0
    model, tokenizer = load_model(wanted["weights"]), load_tokenizer(wanted["weights"])
    ended = [tokenizer(text).input_ids + [tokenizer.eos_token_id] for text in wanted["texts"]]
    return model, [{"ids": ids[:wanted["max_tokens"]]} for ids in ended], tokenizer.eos_token_id


def train(model: transformers.PreTrainedModel, rows: list[dict], pad: int, wanted: dict, **more: object) -> list[float]:
    """When each step ended. `more`: further training arguments."""
    clock = Clock()
    args = transformers.TrainingArguments(
        output_dir=wanted["output_dir"], max_steps=wanted["max_steps"], num_train_epochs=wanted["epochs"],
        per_device_train_batch_size=wanted["batch"], learning_rate=1e-5, logging_steps=wanted["logging_steps"], save_strategy="no",
        report_to=[], use_cpu=device() == "cpu", disable_tqdm=True, remove_unused_columns=False, **{"bf16": bf16(), **more})
    transformers.Trainer(model, args, train_dataset=rows, data_collator=collator(pad), callbacks=[clock]).train()
    return clock.times


def main() -> None:
    wanted = facts()
    print(json.dumps({"step_times": train(*subject(wanted), wanted)}))


if __name__ == "__main__":
    main()
