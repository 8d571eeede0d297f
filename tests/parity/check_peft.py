"""Adapters as `slipway train` writes them, read by PEFT: logits of the model with adapters, and the merged weights of `slipway merge` beside
those of merge_and_unload().

usage: python tests/parity/check_peft.py [SLIPWAY]      (needs tests/parity/requirements.txt and a built Slipway)
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import peft
import torch
import transformers
from safetensors.torch import load_file

from largest import largest_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/parity/data/resume"
RUN_FILE = ROOT / "tests/e2e/tiny_resume.toml"
SLIPWAY = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/slipway")
LIMIT, TEXTS = 1e-5, 16
# What [lora] says, beside the rank.
CASES = {
    "plain": [],
    "two modules": ["target_modules=['q_proj', 'v_proj']", "alpha=16"],
    "rslora": ["rslora=true", "alpha=6"],
    "bias": ["bias='lora_only'"],
    "ranks": ["rank_pattern={down_proj = 2, 'layers.1.self_attn.q_proj' = 7}", "alpha_pattern={up_proj = 3}"],
    "modules_to_save": ["modules_to_save=['lm_head']", "target_modules=['q_proj', 'o_proj', 'up_proj']"],
    "embedding": ["modules_to_save=['embed_tokens', 'lm_head']"],
    "pattern": ["target_pattern='.*layers\\.0\\..*(q|gate)_proj'"],
    "all": ["rslora=true", "bias='all'", "rank_pattern={down_proj = 2}", "modules_to_save=['lm_head']", "exclude_modules=['k_proj']", "dropout=0.1"],
}


def slipway(*arguments: object) -> None:
    done = subprocess.run([SLIPWAY, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(f"slipway {' '.join(map(str, arguments))}: {done.stderr}")


def rows(root: pathlib.Path) -> pathlib.Path:
    out = root / "rows.jsonl"
    out.write_text("\n".join((DATA / "texts.jsonl").read_text().splitlines()[:TEXTS]) + "\n")
    return out


def logits_of(model: pathlib.Path, root: pathlib.Path) -> torch.Tensor:
    """What Slipway computes: [row, position, token], rows filled up to the longest."""
    slipway("predict", model, "--data", rows(root), "--logits", "--predictions", root / "logits.safetensors", "--out", root / "predicted", "--quiet")
    return load_file(root / "logits.safetensors")["logits"].float()


def logits_by(model: torch.nn.Module, root: pathlib.Path) -> list[torch.Tensor]:
    """What torch computes, row by row, of each position but the last, which predicts nothing."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(DATA / "model")
    out = []
    with torch.no_grad():
        for line in rows(root).read_text().splitlines():
            ids = tokenizer(json.loads(line)["text"]).input_ids + [tokenizer.eos_token_id]
            out.append(model(input_ids=torch.tensor([ids])).logits[0, :-1])
    return out


def loaded(folder: pathlib.Path) -> torch.nn.Module:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()


def with_biases(folder: pathlib.Path) -> pathlib.Path:
    """The small model of tests/parity/data/resume, its projections with biases."""
    torch.manual_seed(11)
    plain = loaded(DATA / "model")
    config = transformers.AutoConfig.from_pretrained(DATA / "model", attention_bias=True, mlp_bias=True)
    made = transformers.LlamaForCausalLM(config)
    made.load_state_dict(plain.state_dict(), strict=False)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith(".bias"):
                parameter.normal_(0.0, 0.1)
    made.save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(DATA / "model" / file, folder)
    return folder


def apart(a: list[torch.Tensor] | torch.Tensor, b: list[torch.Tensor]) -> float:
    """The largest difference, over the places that `b` has."""
    if len(a) != len(b):
        sys.exit(f"{len(a)} rows here, {len(b)} there")
    return largest_of((x[:len(y)] - y).abs().max().item() for x, y in zip(a, b))


def check(name: str, keys: list[str], model: pathlib.Path, root: pathlib.Path) -> float:
    run, merged = root / "run", root / "merged"
    sets = [f"run.output_dir={run}", f"model.weights={model}", "train.max_steps=6", "train.save_strategy=no", "train.learning_rate=0.02", "lora.r=4", *(f"lora.{key}" for key in keys)]
    slipway("train", RUN_FILE, "--quiet", *(x for each in sets for x in ("--set", each)))
    theirs = peft.PeftModel.from_pretrained(loaded(model), run).eval()
    unused = [n for n in load_file(run / "adapter_model.safetensors") if n not in peft.get_peft_model_state_dict(theirs)]
    if unused:
        sys.exit(f"{name}: PEFT has no place for {unused}")
    adapted = logits_by(theirs, root)
    read = apart(logits_of(run, root), adapted)
    moved = apart(logits_by(loaded(model), root), adapted)
    slipway("merge", run, merged)
    ours = loaded(merged)
    whole = apart(logits_by(ours, root), adapted)
    state, peers = ours.state_dict(), theirs.merge_and_unload().state_dict()
    if state.keys() != peers.keys():
        sys.exit(f"{name}: merged, the tensors differ: {sorted(state.keys() ^ peers.keys())}")
    weights = largest_of((state[each] - peers[each]).abs().max().item() for each in state)
    print(f"{name}: largest differences to PEFT: logits {read:.3g}, logits of the merged model {whole:.3g}, merged weights {weights:.3g} "
          f"(training moved logits by {moved:.3g})")
    if moved < 0.1:
        sys.exit(f"{name}: nothing was trained")
    return max(read, whole, weights)


def main() -> None:
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    worst = 0.0
    for name, keys in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            worst = max(worst, check(name, keys, with_biases(root / "model") if "bias" in "".join(keys) else DATA / "model", root))
    print(f"{len(CASES)} folders of adapters; largest difference {worst:.3g}, limit {LIMIT:g}")
    sys.exit(worst > LIMIT)


if __name__ == "__main__":
    main()
