"""What Slipway writes, read by those it is written for: transformers loads the run folder, tensorboard the event files.

usage: python tests/parity/check_run.py      (needs tests/parity/requirements.txt and a built Slipway)
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/parity"))
import record_sft  # noqa: E402  the same rows and the same loss
from largest import largest_of  # noqa: E402

SLIPWAY = str(ROOT / "slipway")


def check_folder(folder: pathlib.Path, rows: list, logged: float) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    theirs = record_sft.held_out_loss(model, rows)
    print(f"{folder.name}: held-out loss logged {logged:.7f}, transformers from the saved folder {theirs:.7f}, difference {abs(logged - theirs):.3g}")
    assert abs(logged - theirs) < 1e-5
    prompt = "The movie was a"
    ids = tokenizer(prompt, return_tensors="pt").input_ids
    expected = tokenizer.decode(model.generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1]:], skip_special_tokens=True)
    ours = json.loads(subprocess.run([SLIPWAY, "generate", "--model", folder, "--prompt", prompt, "--max-new-tokens", "12", "--temperature", "0", "--json"],
                                     check=True, capture_output=True, text=True).stdout)["completion"]
    print(f"{folder.name}: greedy text {ours!r}")
    assert ours == expected, (ours, expected)


def check_sft(root: pathlib.Path) -> None:
    subprocess.run([SLIPWAY, "train", "tests/e2e/tiny_sft.toml", "--quiet", "--set", f"run.output_dir={root}/sft"], cwd=ROOT, check=True)
    rows = [json.loads(line) for line in (root / "sft/metrics.jsonl").read_text().splitlines()]
    logged = [r["eval_loss"] for r in rows if "eval_loss" in r][-1]
    held_out = record_sft.rows()[1]
    check_folder(root / "sft", held_out, logged)
    newest = max((root / "sft").glob("checkpoint-*"), key=lambda c: int(c.name.split("-")[1]))
    state = transformers.TrainerState.load_from_json(str(newest / "trainer_state.json"))
    assert state.global_step == int(newest.name.split("-")[1]) and len(state.log_history) > 0
    fields = set(json.loads(state_json(state)))
    assert fields == set(json.loads((newest / "trainer_state.json").read_text())), "trainer_state.json has other keys than transformers'"
    print(f"{newest.name}: trainer_state.json has transformers' {len(fields)} keys")


def state_json(state: transformers.TrainerState) -> str:
    with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
        state.save_to_json(file.name)
        return file.read()


def check_tensorboard(root: pathlib.Path) -> None:
    subprocess.run([SLIPWAY, "train", "tests/e2e/tiny_raft.toml", "--quiet", "--set", f"run.output_dir={root}/raft"], cwd=ROOT, check=True)
    rows = [json.loads(line) for line in (root / "raft/metrics.jsonl").read_text().splitlines()]
    events = EventAccumulator(str(root / "raft/tensorboard"), size_guidance={"tensors": 0, "scalars": 0})
    events.Reload()
    tags = events.Tags()["tensors"]
    difference, count = 0.0, 0
    for name in ("loss", "reward_mean", "learning_rate", "eval_reward", "eval_distinct_2"):
        tag = "eval/" + name[5:] if name.startswith("eval_") else "train/" + name
        read = [(e.step, scalar_of(e)) for e in events.Tensors(tag)]
        expected = [(r["global_step"], r[name]) for r in rows if name in r]
        assert [s for s, _ in read] == [s for s, _ in expected], (tag, read, expected)
        difference = largest_of([difference] + [abs(a - b) for (_, a), (_, b) in zip(read, expected)])
        count += len(read)
    texts = events.Tensors("samples")
    assert len(texts) == 4 and b"**" in texts[0].tensor_proto.string_val[0]
    print(f"tensorboard: {count} scalars under {len(tags)} tags read back, largest difference {difference:.3g} (float32); {len(texts)} sample texts")
    assert difference < 1e-5


def scalar_of(event) -> float:
    from tensorboard.util import tensor_util
    return tensor_util.make_ndarray(event.tensor_proto).item()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-parity-") as folder:
        check_sft(pathlib.Path(folder))
        check_tensorboard(pathlib.Path(folder))


if __name__ == "__main__":
    main()
