"""TorchScript and AOTInductor with the real PyTorch: it reads what a run leaves, and what it compiles is evaluated to the loss of the plain weights.

usage: python tests/parity/check_torchscript.py [SLIPWAY]   (needs tests/parity/requirements.txt; SLIPWAY: build/release/slipway)
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/parity/data"
SLIPWAY = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/slipway")


class Logits(torch.nn.Module):
    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def batch() -> dict:
    ids = torch.arange(33).view(3, 11)
    mask = torch.ones_like(ids)
    mask[0, 4:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def evaluation(what: pathlib.Path, out: pathlib.Path) -> float:
    command = [SLIPWAY, "evaluate", str(what), "--json", "--quiet", "--data", str(DATA / "resume/texts.jsonl"), "--set", f"model.tokenizer={DATA / 'resume/model'}", "--out", str(out), "--trust"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)["eval_loss"]


def main() -> None:
    transformers.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory(prefix="slipway-torchscript-") as name:
        root = pathlib.Path(name)
        keys = ["model.use=torchscript", f"model.weights={DATA / 'torchscript/model.pt'}", f"model.tokenizer={DATA / 'resume/model'}", f"run.output_dir={root / 'run'}", "train.max_steps=10"]
        subprocess.run([SLIPWAY, "train", str(ROOT / "tests/e2e/tiny_resume.toml"), "--quiet", *(w for k in keys for w in ("--set", k))], check=True)

        config = transformers.AutoConfig.from_pretrained(DATA / "resume/model", attn_implementation="eager", use_cache=False)
        (root / "run/config.json").write_text(json.dumps(config.to_dict()))
        model = transformers.AutoModelForCausalLM.from_pretrained(root / "run", dtype=torch.float32, attn_implementation="eager", use_cache=False).eval()
        with torch.no_grad():
            apart = (torch.jit.load(root / "run/model.pt")(**batch())["logits"] - model(**batch()).logits)[batch()["attention_mask"].bool()].abs().max().item()
        print(f"torch.jit.load of the run's model.pt beside from_pretrained of its model.safetensors: logits {apart:.2g} apart")
        assert apart < 1e-5

        sizes = {0: torch.export.Dim("batch", min=2), 1: torch.export.Dim("length", min=2)}
        exported = torch.export.export(Logits(model), (), batch(), dynamic_shapes={"input_ids": sizes, "attention_mask": sizes})
        (root / "package").mkdir()
        torch._inductor.aoti_compile_and_package(exported, package_path=str(root / "package/model.pt2"))
        package, plain = evaluation(root / "package", root / "out"), evaluation(root / "run", root / "out")
        print(f"evaluated as an AOTInductor package: {package:.7f}, as the run's folder: {plain:.7f}; apart {abs(package - plain):.2g}")
        assert abs(package - plain) < 1e-6
        refused = subprocess.run([SLIPWAY, "train", str(ROOT / "tests/e2e/tiny_resume.toml"), *(w for k in [*keys[:1], f"model.weights={root / 'package'}", *keys[2:3], f"run.output_dir={root / 'x'}"] for w in ("--set", k))],
                                 capture_output=True, text=True)
        assert refused.returncode == 2 and "has no parameter to train; slipway evaluate and predict take it" in refused.stderr, refused.stderr
        print("training it is refused")


if __name__ == "__main__":
    main()
