"""What transformers computes of texts: logits of every label, their mean loss, its gradients; in float64,
float32 or under bfloat16's autocast.
"""

import contextlib
import dataclasses
import json
import pathlib

import torch
import transformers

import exact_model

IGNORED = -100


@dataclasses.dataclass
class Batch:
    """Texts, padded on the right; labels as transformers has them, not shifted."""

    ids: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor


@dataclasses.dataclass
class Numbers:
    logits: torch.Tensor  # [labels, vocabulary]: what is said before each label, rows in order
    logprobs: torch.Tensor  # [labels]
    loss: float
    gradients: dict[str, torch.Tensor]


def batch_of(file: pathlib.Path, tokenizer: transformers.PreTrainedTokenizerBase, longest: int) -> Batch:
    """The rows of a JSON Lines file, as Slipway takes them by default: the end token after each, no loss on
    prompts.
    """
    rows = []
    for row in map(json.loads, file.read_text().splitlines()):
        prompt, text = row.get("prompt", ""), row.get("text", row.get("completion"))
        begin = tokenizer(prompt).input_ids if prompt else []
        ids = (begin + tokenizer(text).input_ids + [tokenizer.eos_token_id])[:longest]
        rows.append((ids, [IGNORED] * len(begin) + ids[len(begin) :]))
    width = max(len(ids) for ids, _ in rows)
    padded = lambda values, fill: torch.tensor([value + [fill] * (width - len(value)) for value in values])
    return Batch(
        padded([ids for ids, _ in rows], 0),
        padded([[1] * len(ids) for ids, _ in rows], 0),
        padded([labels for _, labels in rows], IGNORED),
    )


def compute(folder: pathlib.Path, batch: Batch, kind: str, device: str) -> Numbers:
    """`kind`: float64, float32 or bfloat16 (float32 weights under autocast, as the Trainer's bf16)."""
    if kind == "float64":
        model = exact_model.load(str(folder), device)
    else:
        model = (
            transformers.AutoModelForCausalLM.from_pretrained(
                folder, dtype=torch.float32, attn_implementation="sdpa"
            )
            .to(device)
            .eval()
        )
    rounding = (
        torch.autocast(device, dtype=torch.bfloat16) if kind == "bfloat16" else contextlib.nullcontext()
    )
    ids, mask = batch.ids.to(device), batch.mask.to(device)
    with rounding:
        everything = model(input_ids=ids, attention_mask=mask).logits
    wanted = batch.labels[:, 1:].to(device)
    chosen = wanted != IGNORED
    logits = everything[:, :-1][chosen]
    logits = logits if kind == "float64" else logits.float()
    logprobs = torch.log_softmax(logits, dim=-1).gather(1, wanted[chosen][:, None]).squeeze(1)
    loss = -logprobs.mean()
    loss.backward()
    gradients = {name: parameter.grad.double().cpu() for name, parameter in model.named_parameters()}
    return Numbers(logits.detach().double().cpu(), logprobs.detach().double().cpu(), loss.item(), gradients)


def greedy(folder: pathlib.Path, prompts: list[str], new: int, device: str) -> tuple[list[str], list[float]]:
    """Texts, and by how much the most likely token led in the closest choice of each."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = (
        transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa")
        .to(device)
        .eval()
    )
    given = tokenizer(prompts, return_tensors="pt", padding=True, return_token_type_ids=False).to(device)
    with torch.inference_mode():
        out = model.generate(
            **given, max_new_tokens=new, do_sample=False, output_logits=True, return_dict_in_generate=True
        )
    written = out.sequences[:, given.input_ids.shape[1] :]
    first, second = torch.stack(out.logits, dim=1).float().topk(2, dim=-1).values.unbind(-1)
    # What comes after a text's end is padding.
    chosen = (written == tokenizer.eos_token_id).cumsum(1) - (written == tokenizer.eos_token_id).int() == 0
    leads = (first - second).masked_fill(~chosen, float("inf")).min(dim=1).values
    return tokenizer.batch_decode(written, skip_special_tokens=True), leads.tolist()


def optimizer_order(folder: pathlib.Path) -> list[str]:
    """The numbers of parameters in optimizer.pt: those that decay, then norms and biases."""
    with torch.device("meta"):
        config = transformers.AutoConfig.from_pretrained(folder)
        model = transformers.AutoModelForCausalLM.from_config(config)
        names = [name for name, _ in model.named_parameters()]
    kept = lambda name: "norm" in name or name.endswith("bias")
    return [name for name in names if not kept(name)] + [name for name in names if kept(name)]
