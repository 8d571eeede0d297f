"""TorchScript archives as torch.jit.save writes them: the small Llama of tests/parity/data/resume/model, traced, whose losses must be those
there; and a scripted module with dropout, a buffer that training changes, and no mask.

usage: python tests/parity/record_torchscript.py   (needs tests/parity/requirements.txt; writes tests/parity/data/torchscript)
"""
import pathlib

import torch
import transformers

DATA = pathlib.Path(__file__).parent / "data"


def traced() -> torch.jit.ScriptModule:
    model = transformers.AutoModelForCausalLM.from_pretrained(DATA / "resume/model", dtype=torch.float32, attn_implementation="eager", use_cache=False).eval()
    ids = torch.arange(14).view(2, 7)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    return torch.jit.trace(model, example_kwarg_inputs={"input_ids": ids, "attention_mask": mask}, strict=False)


class Drops(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(300, 8)
        self.dropout = torch.nn.Dropout(0.3)
        self.head = torch.nn.Linear(8, 300)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self.training:
            self.calls += 1
        return tokens.sum(), self.head(self.dropout(self.embedding(tokens)))


def main() -> None:
    (DATA / "torchscript").mkdir(exist_ok=True)
    torch.manual_seed(5)
    torch.jit.script(Drops()).save(DATA / "torchscript/drops.pt")
    module = traced()
    module.save(DATA / "torchscript/model.pt")
    # Of another length, with other padding: nothing of the example may have become a constant.
    ids = torch.arange(33).view(3, 11)
    mask = torch.ones_like(ids)
    mask[0, 4:] = 0
    model = transformers.AutoModelForCausalLM.from_pretrained(DATA / "resume/model", dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        apart = (module(input_ids=ids, attention_mask=mask)["logits"] - model(input_ids=ids, attention_mask=mask).logits)[mask.bool()].abs().max().item()
    print(f"{(DATA / 'torchscript/model.pt').stat().st_size} bytes; logits {apart:.2g} from the model's")
    assert apart < 1e-6


if __name__ == "__main__":
    main()
