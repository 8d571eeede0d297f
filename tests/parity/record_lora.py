"""Lets PEFT and the Hugging Face Trainer train adapters of the small model of tests/parity/data/resume for fifty steps, from adapters that are not
zero, and keeps these, the losses and gradient norms of all steps, and the logits of a text before and after.

usage: python tests/parity/record_lora.py   (needs tests/parity/requirements.txt; writes tests/parity/data/lora)
"""
import json
import pathlib
import shutil
import tempfile

import peft
import torch
import transformers

from hf_trainer import DATA, arguments, collate, examples

OUT = DATA.parent / "lora"
STEPS, POSITIONS = 50, 4
CASES = {
    "two": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]),
    "all": dict(r=4, lora_alpha=6, target_modules="all-linear", use_rslora=True, rank_pattern={"down_proj": 2}, alpha_pattern={"layers.1.mlp.up_proj": 3},
                modules_to_save=["lm_head"], exclude_modules=["k_proj"]),
}


def adapted(case: str) -> peft.PeftModel:
    """The model with adapters that are not zero, as the folder CASE of the record has them."""
    torch.manual_seed(5)
    model = transformers.LlamaForCausalLM.from_pretrained(DATA / "model", attn_implementation="eager", dtype=torch.float32)
    out = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **CASES[case]))
    with torch.no_grad():
        for name, parameter in out.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0.0, 0.1)
    return out


def logits(model: torch.nn.Module, ids: list[int]) -> list[list[float]]:
    """Of the first positions."""
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0, :POSITIONS].tolist()


def save(model: peft.PeftModel, folder: pathlib.Path) -> None:
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "../../resume/model"
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def main() -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(DATA / "model")
    rows = examples(tokenizer)
    shutil.rmtree(OUT, ignore_errors=True)
    record = {"peft": peft.__version__, "transformers": transformers.__version__, "torch": torch.__version__}
    for case in CASES:
        model = adapted(case)
        save(model, OUT / case)
        model.eval()
        before = logits(model, rows[0]["input_ids"])
        model.train()
        with tempfile.TemporaryDirectory() as folder:
            given = arguments(pathlib.Path(folder), max_steps=STEPS, save_strategy="no", weight_decay=0.0)
            trainer = transformers.Trainer(model, given, data_collator=collate, train_dataset=rows, processing_class=tokenizer)
            trainer.train()
        model.eval()
        trained = [name.replace(".default", "").replace(".modules_to_save", "") for name, p in model.named_parameters() if p.requires_grad]
        record[case] = {"logits": before, "trained_logits": logits(model, rows[0]["input_ids"]), "parameters": trained,
                        "steps": [{k: row[k] for k in ("loss", "grad_norm", "learning_rate")} for row in trainer.state.log_history if "loss" in row]}
        print(f"{case}: {len(record[case]['steps'])} steps, loss {record[case]['steps'][0]['loss']:.4f} -> {record[case]['steps'][-1]['loss']:.4f}, {len(trained)} tensors trained")
    (OUT / "record.json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
