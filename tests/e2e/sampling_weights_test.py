"""RAFT with weights stored as int8 while sampling. usage: sampling_weights_test.py SLIPWAY

Answers come from the rounded policy; the held-out evaluation and kl_beta's log p go by the float32 one. Before the first update the policy
is the starting model, so that the ranking equals the reward, whatever answers were sampled with.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from largest import largest_of


def run(program: str, folder: pathlib.Path, weights: str) -> tuple[dict, list]:
    settings = [f"run.output_dir={folder}", f"raft.sampling_weights={weights}", "raft.kl_beta=0.1", "raft.iterations=1", "train.save_strategy=no"]
    subprocess.run([program, "train", "tests/e2e/tiny_raft.toml", "--quiet", *[part for s in settings for part in ("--set", s)]], check=True, stderr=subprocess.DEVNULL)
    first = json.loads((folder / "metrics.jsonl").read_text().splitlines()[0])
    return first, [json.loads(line) for line in (folder / "samples/iteration-0001.jsonl").read_text().splitlines()]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-weights-") as name:
        (before, exact), (same, rounded) = [run(sys.argv[1], pathlib.Path(name) / weights, weights) for weights in ("float32", "int8")]
    assert before["event"] == same["event"] == "evaluate"
    for key in ("eval_reward", "eval_distinct_1", "eval_mean_length"):
        assert before[key] == same[key], key
    alike = [(a, b) for a, b in zip(exact, rounded) if a["completion"] == b["completion"]]
    apart = [abs(a["logprob"] - b["logprob"]) for a, b in alike]
    assert alike and 0 < largest_of(apart) < 0.5, apart
    off = largest_of(abs(row["ranking"] - row["reward"]) for row in rounded)
    assert off < 1e-4, off
    print(f"{len(alike)} of {len(exact)} answers alike, log-probabilities up to {max(apart):.3g} apart; rankings {off:.2g} off")


if __name__ == "__main__":
    main()
