"""Adapters: training beside PEFT's under the Hugging Face Trainer, folders in both directions, resume, merging, sampling, refusals.

usage: lora_test.py SLIPWAY [CHECK]      (the record: tests/parity/data/lora, made by tests/parity/record_lora.py)
"""
import json
import math
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

from largest import largest_of
from read_run import read_safetensors

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/parity/data"
RECORD = json.loads((DATA / "lora/record.json").read_text())
LOSS, NORM, LOGITS = 1e-4, 1e-3, 1e-5  # absolute, relative, absolute


def slipway(*arguments: object, code: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run([sys.argv[1], *map(str, arguments)], capture_output=True, text=True, timeout=300)
    if done.returncode != code:
        sys.exit(f"slipway {' '.join(map(str, arguments))}: exit code {done.returncode}, not {code}: {done.stderr}")
    return done


def train(folder: pathlib.Path, *sets: str, more: tuple = (), code: int = 0) -> subprocess.CompletedProcess:
    keys = [f"run.output_dir={folder}", *sets]
    return slipway("train", ROOT / "tests/e2e/tiny_resume.toml", *more, *(x for key in keys for x in ("--set", key)), code=code)


def steps_of(folder: pathlib.Path) -> list[dict]:
    return [row for row in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines()) if "loss" in row]


def logits_of(model: pathlib.Path, root: pathlib.Path) -> list[float]:
    """Of the record's text, all positions end to end."""
    row = root / "row.jsonl"
    row.write_text((DATA / "resume/texts.jsonl").read_text().splitlines()[0] + "\n")
    slipway("predict", model, "--data", row, "--logits", "--predictions", root / "logits.safetensors", "--out", root / "predicted", "--quiet")
    return read_safetensors(root / "logits.safetensors")["logits"]


def largest(a: list[float], b: list[float]) -> float:
    if len(a) != len(b):
        sys.exit(f"{len(a)} values here, {len(b)} there")
    return largest_of(abs(x - y) for x, y in zip(a, b))


def compare_logits(what: str, model: pathlib.Path, theirs: list[list[float]], root: pathlib.Path) -> None:
    ours = logits_of(model, root)
    flat = [value for row in theirs for value in row]  # of the first positions
    difference = largest(ours[:len(flat)], flat)
    print(f"{what}: largest difference of logits to PEFT {difference:.3g}")
    if difference > LOGITS:
        sys.exit(f"{what}: too far from PEFT")


def trains_as_peft_does(root: pathlib.Path) -> None:
    for case in ("two", "all"):
        theirs = RECORD[case]
        compare_logits(f"{case}, as PEFT saved it", DATA / "lora" / case, theirs["logits"], root)
        run = root / case
        train(run, f"lora.adapter={DATA / 'lora' / case}", "train.max_steps=50", "train.weight_decay=0", "train.save_strategy=no")
        ours = steps_of(run)
        if len(ours) != len(theirs["steps"]):
            sys.exit(f"{case}: {len(ours)} steps here, {len(theirs['steps'])} there")
        loss = largest_of(abs(a["loss"] - b["loss"]) for a, b in zip(ours, theirs["steps"]))
        norm = largest_of(abs(a["grad_norm"] - b["grad_norm"]) / b["grad_norm"] for a, b in zip(ours, theirs["steps"]))
        print(f"{case}: {len(ours)} steps, loss {ours[0]['loss']:.4f} -> {ours[-1]['loss']:.4f}; largest differences to PEFT under the Hugging Face Trainer: "
              f"loss {loss:.3g}, gradient norm {norm:.3g} (relative)")
        if loss > LOSS or norm > NORM or not ours[-1]["loss"] < ours[0]["loss"] - 0.1:
            sys.exit(f"{case}: too far from PEFT, or nothing was learned")
        compare_logits(f"{case}, after training", run, theirs["trained_logits"], root)


def a_run_holds_adapters_alone_and_resumes_to_the_bit(root: pathlib.Path) -> None:
    keys = ("lora.r=4", "lora.dropout=0.1", "train.max_steps=20", "train.save_steps=10")
    train(root / "whole", *keys)
    train(root / "cut", *keys)
    for name in ("checkpoint-20", "adapter_model.safetensors"):
        path = root / "cut" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    train(root / "cut", *keys, more=("--resume",))
    for name in ("adapter_model.safetensors", "checkpoint-20/optimizer.pt", "checkpoint-20/adapter_model.safetensors"):
        if (root / "whole" / name).read_bytes() != (root / "cut" / name).read_bytes():
            sys.exit(f"{name} differs after a resume")
    files = {path.name for path in (root / "whole/checkpoint-20").iterdir()}
    if "adapter_config.json" not in files or {"model.safetensors", "config.json"} & files:
        sys.exit(f"the checkpoint of adapters holds {sorted(files)}")
    weights, full = (root / "whole/checkpoint-20/adapter_model.safetensors").stat().st_size, (DATA / "resume/model/model.safetensors").stat().st_size
    print(f"a checkpoint's weights: {weights} bytes, the model's {full}")


def whoever_computes_them_they_are_the_same(root: pathlib.Path) -> None:
    """Recomputed blocks, two ranks, and two that cut all they keep: dropout included where the places of rows are the same."""
    keys = ("lora.r=4", "lora.modules_to_save=['lm_head']", "train.max_steps=12", "train.save_steps=12", "train.gradient_accumulation_steps=1", "train.per_device_train_batch_size=4")
    train(root / "one", *keys, "lora.dropout=0.2")
    train(root / "again", *keys, "lora.dropout=0.2", "train.activation_checkpointing=true")
    same(root / "one", root / "again")
    train(root / "whole", *keys)
    for stage, more in ((0, ()), (3, ()), (3, ("train.save_sharded=true",))):
        out = root / f"ranks-{stage}-{len(more)}"
        sets = [f"run.output_dir={out}", *keys, *more, "train.per_device_train_batch_size=2", f"train.zero_stage={stage}"]
        slipway("launch", "--nproc", 2, "train", ROOT / "tests/e2e/tiny_resume.toml", *(x for key in sets for x in ("--set", key)))
        a, b = read_safetensors(root / "whole/adapter_model.safetensors"), read_safetensors(out / "adapter_model.safetensors")
        apart = max(largest(a[name], b[name]) for name in a)
        print(f"two ranks, stage {stage}: adapters {apart:.3g} apart from one rank's")
        if a.keys() != b.keys() or apart > 1e-5:
            sys.exit(f"two ranks at stage {stage} train other adapters")
    train(root / "ranks-3-1", *keys, "train.max_steps=14", more=("--resume",))


def a_base_in_fewer_bits_is_the_base(root: pathlib.Path) -> None:
    """In its file's own bits the same losses; rounded ones a little apart, and the same beginning of adapters."""
    files = {"folder": DATA / "resume/model", **{name: root / f"{name}.gguf" for name in ("bf16", "q8_0")}}
    for name in ("bf16", "q8_0"):
        slipway("export", files["folder"], files[name], "--gguf", name)
    keys = ("lora.r=4", "lora.modules_to_save=['lm_head']", "train.max_steps=12", "train.save_strategy=no")

    def trained(file: str, dtype: str) -> list[float]:
        out = root / f"{file}-{dtype}"
        train(out, f"model.weights={files[file]}", f"lora.base_dtype={dtype}", *keys)
        return [row["loss"] for row in steps_of(out)]

    for file, dtype, most in (("bf16", "stored", 1e-6), ("q8_0", "stored", 1e-6), ("folder", "stored", 0), ("bf16", "bfloat16", 1e-6), ("q8_0", "int8", 1e-3), ("folder", "int8", 3e-3)):
        apart = largest(trained(file, dtype), trained(file, "float32"))
        print(f"{file}, held as {dtype}: losses {apart:.3g} apart from float32's")
        if apart > most:
            sys.exit(f"{file} held as {dtype} is another model")
    two = []
    for dtype in ("float32", "stored"):
        out = root / f"ranks-{dtype}"
        sets = [f"run.output_dir={out}", f"model.weights={files['q8_0']}", f"lora.base_dtype={dtype}", *keys, "train.per_device_train_batch_size=2", "train.zero_stage=2"]
        slipway("launch", "--nproc", 2, "train", ROOT / "tests/e2e/tiny_resume.toml", *(x for key in sets for x in ("--set", key)))
        two.append([row["loss"] for row in steps_of(out)])
    if two[0] != two[1]:
        sys.exit(f"two ranks, stage 2: losses {largest(*two):.3g} apart from float32's")


def same(a: pathlib.Path, b: pathlib.Path) -> None:
    if (a / "adapter_model.safetensors").read_bytes() != (b / "adapter_model.safetensors").read_bytes():
        sys.exit(f"{a.name} and {b.name} end with other adapters")


def a_run_is_repeated_by_its_resolved_configuration(root: pathlib.Path) -> None:
    for name, keys in (("none", ()), ("some", ("lora.r=4", "lora.rank_pattern={down_proj = 2}")), ("from", (f"lora.adapter={DATA / 'lora/two'}",))):
        train(root / name, *keys, "train.max_steps=2")
        slipway("train", root / name / "config.resolved.toml", "--set", f"run.output_dir={root / name}-again")
        weights = "model.safetensors" if name == "none" else "adapter_model.safetensors"
        if (root / name / weights).read_bytes() != (root / f"{name}-again" / weights).read_bytes():
            sys.exit(f"{name}: the resolved configuration gives another run")


def merged_is_the_same_model(root: pathlib.Path) -> None:
    adapters = DATA / "lora/all"
    slipway("merge", adapters, root / "merged")
    a, b = logits_of(adapters, root), logits_of(root / "merged", root)
    if a != b:
        sys.exit(f"the merged model is {largest(a, b):.3g} away from the adapters on their model")
    names = set(read_safetensors(root / "merged/model.safetensors"))
    if any("lora" in name for name in names) or "lm_head.weight" not in names:
        sys.exit(f"the merged model has {sorted(names)}")
    text = [slipway("generate", "--model", model, "--prompt", "a cat", "--temperature", "0", "--max-new-tokens", "12").stdout for model in (adapters, root / "merged")]
    if text[0] != text[1]:
        sys.exit(f"adapters write {text[0]!r}, the merged model {text[1]!r}")


def raft_samples_with_adapters(root: pathlib.Path) -> None:
    run = root / "raft"
    (root / "raft.toml").write_text(f"""
[run]
algorithm = "raft"
output_dir = "{run}"
[model]
weights = "{DATA / 'resume/model'}"
[data]
train = ["{DATA / 'resume/texts.jsonl'}"]
prompt_words = 2
limit = 16
[lora]
r = 4
[raft]
iterations = 2
prompts_per_iteration = 8
samples_per_prompt = 4
kl_beta = 0.1
[generation]
max_new_tokens = 12
[train]
learning_rate = 3e-2
per_device_train_batch_size = 2
[[reward]]
use = "length"
""")
    slipway("train", root / "raft.toml", "--quiet")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    kls = [row["kl"] for row in rows if "kl" in row]
    if len(kls) < 2 or not (abs(kls[0]) <= 1e-4 and 1e-3 <= abs(kls[-1]) < math.inf):
        sys.exit(f"the distance from the base must begin at zero and grow: {kls}")
    if not (run / "adapter_model.safetensors").exists():
        sys.exit("RAFT left no adapters")


def refused(root: pathlib.Path) -> None:
    def refuse(what: str, *texts: str, keys: tuple, more: tuple = (), code: int = 1) -> None:
        said = train(root / "refused", *keys, more=more, code=code).stderr
        if not all(text in said for text in texts):
            sys.exit(f"{what}: {texts} expected, said: {said}")

    refuse("a word that no module goes by", "lora.target_modules", "q_porj", 'did you mean "q_proj"?', keys=("lora.r=4", "lora.target_modules=['q_porj']"))
    refuse("bits of a base without adapters", "lora.base_dtype", "no effect", keys=("lora.base_dtype='int8'",))
    refuse("a base in fewer bits that is cut", "lora.base_dtype", "zero_stage = 2", keys=("lora.r=4", "lora.base_dtype=bfloat16", "train.zero_stage=3"), code=2)
    refuse("keys without a rank", "lora.alpha", "lora.r", keys=("lora.alpha=16",))
    refuse("an embedding", "embed_tokens", "modules_to_save", keys=("lora.r=4", "lora.target_modules=['embed_tokens']"))
    for key, value in (("use_dora", True), ("peft_type", "LOHA"), ("init_lora_weights", "pissa")):
        folder = root / f"adapter-{key}"
        shutil.copytree(DATA / "lora/two", folder)
        config = json.loads((folder / "adapter_config.json").read_text()) | {key: value, "base_model_name_or_path": str(DATA / "resume/model")}
        (folder / "adapter_config.json").write_text(json.dumps(config))
        said = slipway("generate", "--model", folder, "--prompt", "a", code=1).stderr
        if key not in said:
            sys.exit(f"{key}: not named in: {said}")
    train(root / "lora", "lora.r=4", "train.max_steps=2")
    train(root / "full", "train.max_steps=2")
    refuse("adapters in a run of all weights", "holds adapters", "lora.adapter", keys=("train.max_steps=4",), more=(f"--resume={root / 'lora/checkpoint-2'}",))
    refuse("a model in a run of adapters", "holds no adapters", keys=("lora.r=4", "train.max_steps=4"), more=(f"--resume={root / 'full/checkpoint-2'}",))
    folder = root / "adapter-half"
    shutil.copytree(DATA / "lora/two", folder)
    blob = (folder / "adapter_model.safetensors").read_bytes()
    size = struct.unpack_from("<Q", blob)[0]
    header = blob[8:8 + size].replace(b"lora_B", b"lora_C", 1)
    (folder / "adapter_model.safetensors").write_bytes(blob[:8] + header + blob[8 + size:])
    said = slipway("generate", "--model", folder, "--prompt", "a", code=1).stderr
    if "lora_C" not in said:
        sys.exit(f"a tensor of no adapter: {said}")


CHECKS = (trains_as_peft_does, a_run_holds_adapters_alone_and_resumes_to_the_bit, whoever_computes_them_they_are_the_same, a_run_is_repeated_by_its_resolved_configuration, merged_is_the_same_model, a_base_in_fewer_bits_is_the_base, raft_samples_with_adapters, refused)


def main() -> None:
    for check in CHECKS:
        if len(sys.argv) > 2 and check.__name__ != sys.argv[2]:
            continue
        with tempfile.TemporaryDirectory(prefix="slipway-lora-") as folder:
            check(pathlib.Path(folder))


if __name__ == "__main__":
    main()
