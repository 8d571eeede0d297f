"""A run ends with the weights of its best evaluation, which rotation has kept. usage: best_model_test.py SLIPWAY

The loss falls, so the best by greater_is_better = true is the first evaluation's model, long before the last checkpoints.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

SETTINGS = ["train.max_steps=20", "train.eval_strategy=steps", "train.eval_steps=4", "train.save_steps=4", "train.save_total_limit=2",
            "train.load_best_model_at_end=true", "train.greater_is_better=true", "train.eval_on_start=true", "train.logging_steps=0.25"]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-best-") as name:
        folder = pathlib.Path(name) / "run"
        sets = [part for setting in [f"run.output_dir={folder}", *SETTINGS] for part in ("--set", setting)]
        subprocess.run([sys.argv[1], "train", "tests/e2e/tiny_sft.toml", "--quiet", *sets], check=True)
        state = json.loads((folder / "trainer_state.json").read_text())
        evaluations = {row["step"]: row["eval_loss"] for row in state["log_history"] if "eval_loss" in row}
        assert list(evaluations) == [0, 4, 8, 12, 16, 20], evaluations
        assert [row["step"] for row in state["log_history"] if "loss" in row] == [5, 10, 15, 20]
        del evaluations[0]  # nothing is saved before the first step
        best = max(evaluations, key=evaluations.get)
        assert best == 4 and state["best_global_step"] == 4 and state["best_metric"] == evaluations[4], (best, state["best_global_step"])
        assert sorted(c.name for c in folder.glob("checkpoint-*")) == ["checkpoint-20", "checkpoint-4"]
        assert state["best_model_checkpoint"] == str(folder / "checkpoint-4")
        weights = {at: (folder / at / "model.safetensors").read_bytes() for at in (".", "checkpoint-4", "checkpoint-20")}
        assert weights["."] == weights["checkpoint-4"] != weights["checkpoint-20"]
        last = state["log_history"][-1]
        assert list(last) == ["epoch", "step", "total_flos", "train_loss", "train_runtime", "train_samples_per_second", "train_steps_per_second"], last
        print(f"evaluations {evaluations}: ends with checkpoint-{best}")


if __name__ == "__main__":
    main()
