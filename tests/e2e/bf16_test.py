"""train.bf16 in a whole run. usage: bf16_test.py SLIPWAY

Where the processor has instructions for bfloat16, the weights differ from float32's a little, however fast they are; elsewhere a warning
says why not, and every bit is that of a run without the key.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from largest import largest_of


def run(program: str, folder: pathlib.Path, bf16: str) -> tuple[bytes, list[float], str]:
    settings = [f"run.output_dir={folder}", "train.max_steps=3", "train.save_strategy=no", "train.eval_strategy=no", f"train.bf16={bf16}"]
    finished = subprocess.run([program, "train", "tests/e2e/tiny_sft.toml", *[part for s in settings for part in ("--set", s)]], check=True, capture_output=True, text=True)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return (folder / "model.safetensors").read_bytes(), [row["loss"] for row in rows if "loss" in row], finished.stdout + finished.stderr


def main() -> None:
    program = sys.argv[1]
    doctor = json.loads(subprocess.run([program, "doctor", "--json", "--quick"], check=True, capture_output=True, text=True).stdout)
    with tempfile.TemporaryDirectory(prefix="slipway-bf16-") as name:
        (plain, losses, quiet), (mixed, rounded, said) = [run(program, pathlib.Path(name) / bf16, bf16) for bf16 in ("false", "true")]
    assert len(losses) == len(rounded) == 3, (losses, rounded)
    assert "bfloat16" not in quiet, quiet
    if doctor["bf16"]["kernels"] != "portable":
        off = largest_of(abs(a - b) / a for a, b in zip(losses, rounded))
        assert plain != mixed and off < 0.005, off
        assert "the run is float32" not in said, said
        # Each process measures for itself: a warning, where there is one, tells both rates.
        assert "are not faster here" not in said or "GFLOP/s, those in float32 at" in said, said
        print(f"bf16 by {doctor['bf16']['kernels']}: losses up to {off:.2g} apart")
    else:
        assert f"not fast here ({doctor['bf16']['slow']}); the run is float32" in said, said
        assert plain == mixed and losses == rounded
        print(f"not fast here ({doctor['bf16']['slow']}): the same bits as without the key")


if __name__ == "__main__":
    main()
