"""Records torch's gradient scaler, and what the Hugging Face Trainer does with it: steps that overflow, what it logs of them, how it counts.

usage: python tests/parity/record_fp16.py   (needs tests/parity/requirements.txt; writes tests/parity/data/fp16)
On a processor accelerate leaves fp16 off without a word. ScaledTrainer turns on what it does on a GPU: torch.autocast around the forward
pass, and torch.amp.GradScaler; the rest is the Trainer's and accelerate's own code. The scale begins where gradients overflow, falls to a
64th, and grows to where it began after eight steps that went well: what overflows does so by far, however products are rounded.
"""
import json
import math
import pathlib
import shutil
import tempfile

import torch
import transformers

from hf_trainer import DATA as RESUME, arguments, collate, examples

OUT = pathlib.Path(__file__).resolve().parent / "data/fp16"
SCALER = {"init_scale": 2.0**23, "growth_factor": 64.0, "backoff_factor": 1 / 64, "growth_interval": 8}
PATTERNS = {"torch": ({}, "..x.xx." + "." * 12), "growing": ({"init_scale": 4.0, "growth_interval": 3}, "....x..x...xx......."),
            "to the end": ({"init_scale": 2.0**126, "growth_interval": 1, "growth_factor": 4.0}, "...x..")}


class ScaledTrainer(transformers.Trainer):
    def create_accelerator_and_postprocess(self) -> None:
        super().create_accelerator_and_postprocess()
        self.accelerator.native_amp = True
        self.accelerator.scaler = torch.amp.GradScaler("cpu", **SCALER)


class Scales(transformers.TrainerCallback):
    """The scale after each step, and the schedule's count."""
    def __init__(self) -> None:
        self.of = {}

    def on_step_end(self, args, state, control, lr_scheduler=None, **more) -> None:
        self.of[state.global_step] = (TRAINER.accelerator.scaler.get_scale(), lr_scheduler.last_epoch)


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def train(folder: pathlib.Path, resume: pathlib.Path | None = None) -> list[dict]:
    global TRAINER
    transformers.set_seed(7)
    tokenizer = transformers.AutoTokenizer.from_pretrained(RESUME / "model")
    model = transformers.LlamaForCausalLM.from_pretrained(RESUME / "model", attn_implementation="eager", dtype=torch.float32)
    scales = Scales()
    TRAINER = ScaledTrainer(model, arguments(folder, fp16=True), data_collator=collate, train_dataset=examples(tokenizer), processing_class=tokenizer, callbacks=[scales])
    TRAINER.train(resume_from_checkpoint=str(resume) if resume else None)
    rows = [r for r in TRAINER.state.log_history if "loss" in r and r["step"] in scales.of]
    return [{"step": r["step"], "loss": r["loss"], "grad_norm": finite(r["grad_norm"]), "learning_rate": r["learning_rate"], "epoch": r["epoch"],
             "scale": scales.of[r["step"]][0], "updates": scales.of[r["step"]][1]} for r in rows]


def sequence(settings: dict, pattern: str) -> dict:
    """The scaler's scale and its count after each step; x: one that overflows."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer, scaler, after = torch.optim.SGD([weight], lr=0.0), torch.amp.GradScaler("cpu", **settings), []
    for step in pattern:
        scaler.scale(torch.zeros(1))
        weight.grad = torch.tensor([math.inf if step == "x" else 0.0])
        scaler.step(optimizer)
        scaler.update()
        after.append([scaler.get_scale(), scaler.state_dict()["_growth_tracker"]])
    return {"settings": settings, "pattern": pattern, "after": after}


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        steps = train(folder / "run")
        shutil.copy(folder / "run/checkpoint-20/scaler.pt", OUT / "scaler.pt")
        # from the checkpoint of float32, with this scaler
        shutil.copytree(RESUME / "checkpoint-20", folder / "from/checkpoint-20")
        shutil.copy(OUT / "scaler.pt", folder / "from/checkpoint-20/scaler.pt")
        resumed = train(folder / "from", folder / "from/checkpoint-20")
    record = {"torch": torch.__version__, "transformers": transformers.__version__, "scaler": SCALER, "steps": steps, "resumed": resumed,
              "sequences": {name: sequence(*each) for name, each in PATTERNS.items()}}
    (OUT / "record.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"{len(steps)} steps, {sum(s['grad_norm'] is None for s in steps)} of them skipped; {len(resumed)} from step 20, {sum(s['grad_norm'] is None for s in resumed)} skipped")


if __name__ == "__main__":
    main()
