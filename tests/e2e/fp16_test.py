"""train.fp16 in whole runs: beside the Hugging Face Trainer with a gradient scaler, resumed to the same bits, by two ranks, and for evaluate.

usage: fp16_test.py SLIPWAY      (the record: tests/parity/data/fp16, made by tests/parity/record_fp16.py)
Products here round operands alone; torch.autocast rounds results, too, and computes attention in float16. The bounds are of that.
"""
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile

from largest import largest_of
from rank_runs import launched, training
from read_run import read_rows

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA, RESUME = ROOT / "tests/parity/data/fp16", ROOT / "tests/parity/data/resume"
RECORD = json.loads((DATA / "record.json").read_text())
LOSS_TOLERANCE, NORM_TOLERANCE, RATE_TOLERANCE = 5e-4, 5e-3, 1e-9  # relative
SCALER = "{ " + ", ".join(f"{k} = {v}" for k, v in RECORD["scaler"].items()) + " }"
FP16 = {"train.fp16": "true", "train.grad_scaler_kwargs": SCALER}


def train(folder: pathlib.Path, settings: dict, *more: str, code: int = 0) -> str:
    sets = [part for key, value in ({"run.output_dir": folder} | settings).items() for part in ("--set", f"{key}={value}")]
    done = subprocess.run([sys.argv[1], "train", str(ROOT / "tests/e2e/tiny_resume.toml"), *sets, *more], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, f"exit code {done.returncode}: {done.stderr}"
    return done.stderr


def steps_of(folder: pathlib.Path) -> list[dict]:
    return [row for row in read_rows(folder / "metrics.jsonl") if "loss" in row]


def skipped(rows: list[dict]) -> str:
    return "".join("x" if row["grad_norm"] is None else "." for row in rows)


def apart(ours: list[dict], theirs: list[dict], key: str) -> float:
    return largest_of(abs(a[key] - b[key]) / max(abs(b[key]), 1e-12) for a, b in zip(ours, theirs) if b[key] is not None)


def compare(what: str, ours: list[dict], theirs: list[dict]) -> None:
    assert [r["global_step"] for r in ours] == [r["step"] for r in theirs], what
    assert skipped(ours) == skipped(theirs), (what, skipped(ours), skipped(theirs))
    assert [r["loss_scale"] for r in ours] == [r["scale"] for r in theirs], what
    loss, norm, rate, epoch = (apart(ours, theirs, key) for key in ("loss", "grad_norm", "learning_rate", "epoch"))
    print(f"{what}: {len(ours)} steps, {skipped(ours).count('x')} skipped as there; largest differences to the Hugging Face Trainer: loss {loss:.3g}, gradient norm {norm:.3g}, "
          f"learning rate {rate:.3g}, epoch {epoch:.3g} (relative)")
    assert loss <= LOSS_TOLERANCE and norm <= NORM_TOLERANCE and rate <= RATE_TOLERANCE and epoch < 1e-12, what


def beside_the_trainer(root: pathlib.Path) -> None:
    said = train(root / "whole", FP16)
    compare("from the start", steps_of(root / "whole"), RECORD["steps"])
    assert "operands are rounded to float16 and multiplied in float32" in said, said
    state = json.loads((root / "whole/checkpoint-40/trainer_state.json").read_text())
    assert state["global_step"] == 40 and [r["grad_norm"] for r in state["log_history"][:1]] == [None], state["log_history"][:1]
    # the Trainer's checkpoint with its scaler
    shutil.copytree(RESUME / "checkpoint-20", root / "theirs/checkpoint-20")
    shutil.copy(DATA / "scaler.pt", root / "theirs/checkpoint-20/scaler.pt")
    train(root / "theirs", FP16, "--resume")
    compare("from its checkpoint", steps_of(root / "theirs"), RECORD["resumed"])


def the_same_bits_after_a_resume(root: pathlib.Path) -> None:
    shutil.copytree(root / "whole/checkpoint-20", root / "again/checkpoint-20")
    train(root / "again", FP16, "--resume")
    for name in ("model.safetensors", "checkpoint-40/optimizer.pt", "checkpoint-40/scheduler.pt", "checkpoint-40/scaler.pt"):
        assert (root / "again" / name).read_bytes() == (root / "whole" / name).read_bytes(), name
    # without fp16 the file is left alone, and with it a run of before is
    shutil.copytree(root / "whole/checkpoint-20", root / "off/checkpoint-20")
    assert "scaler.pt is not read: train.fp16 is off" in train(root / "off", {"train.max_steps": 21}, "--resume")


def every_rank_skips_the_same_steps(root: pathlib.Path) -> None:
    """Equal steps, whoever computes them: the loss scale of a step that one rank's gradients overflow is that of all."""
    settings = FP16 | {"train.max_steps": 12, "train.gradient_accumulation_steps": 1, "train.save_steps": 6, "train.rank_timeout": 30}
    rows = {}
    for name, more in {"stage-0": {}, "stage-3": {"train.zero_stage": 3}, "bfloat16": {"train.zero_stage": 3, "train.param_dtype": "bfloat16"}}.items():
        launched(2, *training("tiny_resume.toml", root / name, settings | more))
        rows[name] = steps_of(root / name)
    assert skipped(rows["stage-0"]) == "x........x..", skipped(rows["stage-0"])
    assert (root / "stage-0/model.safetensors").read_bytes() == (root / "stage-3/model.safetensors").read_bytes()
    assert [skipped(r) for r in rows.values()] == [skipped(rows["stage-0"])] * 3
    off = largest_of(abs(a["loss"] - b["loss"]) / b["loss"] for a, b in zip(rows["bfloat16"], rows["stage-3"]))
    print(f"two ranks: stage 3 has the bits of stage 0; with param_dtype = \"bfloat16\" losses are {off:.3g} apart")
    assert 0 < off < 5e-3, off


def evaluation_in_float16(root: pathlib.Path) -> None:
    """A run's own way, which is float16; float32; and float16 for a run of float32."""
    losses = []
    for sets in ((), ("train.fp16=false",), ("train.fp16=false", "train.fp16_full_eval=true")):
        more = [part for each in sets for part in ("--set", each)]
        command = [sys.argv[1], "evaluate", str(root / "whole"), "--data", str(RESUME / "texts.jsonl"), "--json", "--quiet", "--out", str(root / "eval"), *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        losses.append(json.loads(done.stdout)["eval_loss"])
    print(f"evaluate in float16 {losses[0]:.7f}, in float32 {losses[1]:.7f}")
    assert losses[0] == losses[2] and 0 < abs(losses[0] - losses[1]) < 1e-3 * losses[1], losses


def a_scale_that_stays(root: pathlib.Path) -> None:
    """DeepSpeed's fp16.loss_scale: with 1, float32's losses to float16's rounding; with one that is too large, nothing but skipped steps."""
    rows = {}
    for name, scale in (("exact", None), ("one", 1), ("large", 2.0**30)):
        words = {} if scale is None else {"train.deepspeed": json.dumps({"fp16": {"enabled": True, "loss_scale": scale, "hysteresis": 3}})}
        train(root / name, {"train.max_steps": 8, "train.save_steps": 8} | words)
        rows[name] = steps_of(root / name)
    loss, norm = (apart(rows["one"], rows["exact"], key) for key in ("loss", "grad_norm"))
    print(f"a scale that stays at 1: losses are {loss:.3g} from float32's, gradient norms {norm:.3g} (relative)")
    assert 0 < loss <= LOSS_TOLERANCE and norm <= NORM_TOLERANCE
    assert [r["loss_scale"] for r in rows["one"]] == [1] * 8 and skipped(rows["one"]) == "." * 8, rows["one"]
    assert [r["loss_scale"] for r in rows["large"]] == [2.0**30] * 8 and skipped(rows["large"]) == "x" * 8, rows["large"]


def what_cannot_be_had(root: pathlib.Path) -> None:
    said = train(root / "both", {"train.fp16": "true", "train.bf16": "true"}, code=2)
    assert "train.fp16: products round to one type; remove it, or train.bf16 in --set" in said, said
    said = train(root / "kwargs", {"train.grad_scaler_kwargs": "{ init_scal = 8 }"}, code=2)
    assert "did you mean \"init_scale\"?" in said, said
    said = train(root / "gather", {"train.param_dtype": "bfloat16"}, code=2)
    assert "train.param_dtype: weights travel where ranks cut them" in said, said
    said = train(root / "least", {"train.fp16": "true", "train.grad_scaler_kwargs": f"{{ init_scale = {2.0**23}, min_loss_scale = {2.0**23} }}"}, code=1)
    assert "gradients overflow with a loss scale of 8388608, and it gets no lower" in said, said


def main() -> None:
    assert not math.isnan(RECORD["steps"][-1]["loss"])
    with tempfile.TemporaryDirectory(prefix="slipway-fp16-") as name:
        root = pathlib.Path(name)
        for part in (beside_the_trainer, the_same_bits_after_a_resume, evaluation_in_float16, every_rank_skips_the_same_steps, a_scale_that_stays, what_cannot_be_had):
            part(root)


if __name__ == "__main__":
    main()
