"""What rewards say and plugins report: in metrics.jsonl, samples, report and terminal; answers without a reward; slipway evaluate on a RAFT run.

usage: rewards_test.py SLIPWAY FIXTURES      (FIXTURES: the built folder of tests/unit/plugin/fixtures)
"""
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile

DATA = pathlib.Path(__file__).resolve().parents[2] / "tests/parity/data"
RECORD = json.loads((DATA / "evaluate.json").read_text())
WORDS = "sun rain wind snow star moon tree leaf bird fish road hill lake rock sand".split()
PROMPTS, SAMPLES, HELD_OUT = 6, 4, 5


def data_file(folder: pathlib.Path, answers) -> pathlib.Path:
    """answers(i): the column of row i, or None."""
    rows = [{"prompt": f"The {a} and the {b}", "completion": f" by the {b}.", "answer": answers(i), "least": 2}
            for i, (a, b) in enumerate((a, b) for a in WORDS for b in WORDS[:2])]
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run_file(folder: pathlib.Path, data: pathlib.Path, algorithm: str, blocks: str) -> pathlib.Path:
    (folder / "model.json").write_text(json.dumps(RECORD["model"]))
    path = folder / "run.toml"
    path.write_text(f"""[run]
algorithm = "{algorithm}"
output_dir = "{folder}/run"
[plugins]
path = ["{sys.argv[2]}"]
[model]
config = "{folder}/model.json"
tokenizer = "{DATA / RECORD['tokenizer']}"
[data]
train = ["{data}"]
append_eos = false
eval_rows = {HELD_OUT}
[generation]
max_new_tokens = 6
[raft]
iterations = 2
prompts_per_iteration = {PROMPTS}
samples_per_prompt = {SAMPLES}
[train]
num_train_epochs = 1
per_device_train_batch_size = 2
logging_steps = 2
{blocks}
[[callback]]
use = "reporter"
[[logger]]
use = "console"
options.bar = "off"
""")
    return path


def slipway(*args, code: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run([sys.argv[1], *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def lines(path: pathlib.Path) -> list:
    return [json.loads(line) for line in path.read_text().splitlines()]


def mean_of(rows: list, name: str):
    """Mean and deviation of a reward over the answers that it has an opinion on."""
    scores = [row["rewards"][name] for row in rows if row["rewards"][name] is not None]
    return (statistics.fmean(scores), statistics.pstdev(scores)) if scores else (None, None)


def near(a, b) -> bool:
    return a == b or (a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9))


JUDGE = {"judge/odd_name": 1, "judge/shape": 10, "judge/shape-2": 0}
WEIGHTS = {"length": 0.5, "length-2": -0.25, **JUDGE, "equals": 1}


def each_reward_is_seen(folder: pathlib.Path) -> None:
    file = run_file(folder, data_file(folder, lambda i: "a" if i % 2 else None), "raft", """
[[reward]]
use = "org.slipway.reward.length"
weight = 0.5
options = { mode = "longer", target = 40 }
[[reward]]
use = "org.slipway.reward.length"
weight = -0.25
options = { mode = "longer", target = 4 }
[[reward]]
use = "judge"
[[reward]]
use = "equals"
""")
    said = slipway("train", file).stderr
    run = folder / "run"
    rows = lines(run / "metrics.jsonl")
    iterations, evaluations = ([row for row in rows if row.get("event") == kind] for kind in ("iteration", "evaluate"))
    assert len(iterations) == 2 and len(evaluations) == 3
    for i, row in enumerate(iterations, 1):
        samples = lines(run / f"samples/iteration-{i:04}.jsonl")
        assert len(samples) == PROMPTS * SAMPLES
        for sample in samples:
            assert list(sample["rewards"]) == list(WEIGHTS), sample
            assert sample["columns"] == {"judge/letters": len(sample["completion"].encode()), "judge/text": sample["completion"]}, sample
            total = sum(WEIGHTS[name] * score for name, score in sample["rewards"].items() if score is not None)
            assert near(sample["reward"], total), (sample, total)
        for name in WEIGHTS:
            mean, deviation = mean_of(samples, name)
            assert near(row[f"rewards/{name}/mean"], mean) and near(row[f"rewards/{name}/std"], deviation), (name, row, mean)
        assert row["judge/rows"] == PROMPTS * SAMPLES and row["judge/largest_batch"] == 16, row  # two calls, and nothing of evaluations
        assert row["unscored_share"] == 0
    for i, row in enumerate(evaluations):
        samples = lines(run / f"samples/eval-{i:04}.jsonl")
        for name in WEIGHTS:
            mean, deviation = mean_of(samples, name)
            assert near(row[f"eval_rewards/{name}/mean"], mean) and near(row[f"eval_rewards/{name}/std"], deviation), (name, row, mean)
        assert all(sample["columns"]["judge/text"] == sample["completion"] for sample in samples)
        assert row["eval_judge/rows"] == HELD_OUT and not any(key.startswith(("judge/", "reporter/")) for key in row), row
    steps = [row for row in rows if "reporter/steps" in row]
    assert sum(row["reporter/steps"] for row in steps) == rows[-1]["global_step"] and all("event" not in row for row in steps[:1])
    assert steps[0]["reporter/steps"] == 2 and steps[0]["reporter/first"] == 1 and steps[0]["reporter/last"] == 2, steps[0]
    assert sum(row.get("reporter/evaluations", 0) for row in rows) == 3 and rows[-1]["reporter/evaluations"] == 1
    assert said.count('gives a column "stray" while it scores nothing') == 1
    held_out = next(line for line in said.splitlines() if line.startswith("held out"))
    sampled = next(line for line in said.splitlines() if line.startswith("sampled"))
    assert all(f" {name} " in held_out and f" {name} " in sampled for name in WEIGHTS), (held_out, sampled)
    report = (run / "report.html").read_text()
    assert all(f"<h3>Reward {name}</h3>" in report for name in WEIGHTS)

    def measured(*more) -> dict:
        return json.loads(slipway("evaluate", *more, "--trust", "--json", "--quiet").stdout)

    ran = json.loads((run / "eval_results.json").read_text())
    assert ran["eval_reward"] == evaluations[-1]["eval_reward"]
    for target in ([run], [file, "--model", run], [max(run.glob("checkpoint-*"), key=lambda p: int(p.name[11:])), "--model", run]):
        again = measured(*target, "--out", folder / "again")
        gone = {key for key in ran if key not in again} - {"epoch"}
        assert not gone, gone
        off = [key for key in again if key not in ("eval_runtime", "epoch") and not near(again[key], ran.get(key))]
        assert not off, [(key, again[key], ran.get(key)) for key in off]
    kept = (run / "eval_results.json").read_bytes()
    loss = measured(run, "--loss", "--metric", "accuracy")
    assert 0 < loss["eval_loss"] < 20 and 0 <= loss["eval_accuracy"] <= 1 and "eval_reward" not in loss, loss
    assert (run / "eval_results.json").read_bytes() == kept
    assert json.loads((run / "eval_loss_results.json").read_text())["eval_loss"] == loss["eval_loss"]
    assert {"eval_loss", "eval_reward"} <= set(json.loads((run / "all_results.json").read_text()))
    refused = slipway("evaluate", run, "--trust", "--metric", "accuracy", code=1).stderr
    assert "--loss measures the loss and the metrics" in refused, refused
    print(f"each reward: {len(WEIGHTS)} of 4 plugins in rows, samples, terminal and report; slipway evaluate gives the run's reward, {ran['eval_reward']:.4f}")


def answers_without_a_reward(folder: pathlib.Path) -> None:
    """Half of the prompts have no answer: the only reward has no opinion there. Nothing is learnt, so the held-out answers are equal each time."""
    file = run_file(folder, data_file(folder, lambda i: "a" if i % 2 else None), "raft", '[[reward]]\nuse = "equals"\n')
    said = slipway("train", file, "--set", "train.learning_rate=0").stderr
    run = folder / "run"
    shares = []
    for i, row in enumerate([row for row in lines(run / "metrics.jsonl") if row.get("event") == "iteration"], 1):
        samples = lines(run / f"samples/iteration-{i:04}.jsonl")
        silent = [sample for sample in samples if sample["reward"] is None]
        assert all(sample["ranking"] is None and sample["rewards"] == {"equals": None} and not sample["kept"] for sample in silent)
        prompts = {sample["prompt"] for sample in samples if sample["reward"] is not None}
        assert {sample["prompt"] for sample in samples if sample["kept"]} == prompts and row["selected"] == len(prompts)
        scores = [sample["reward"] for sample in samples if sample["reward"] is not None]
        assert row["unscored_share"] == len(silent) / len(samples) and near(row["reward_mean"], statistics.fmean(scores)), row
        first = [sample["reward"] for sample in samples if sample["sample"] == 0 and sample["reward"] is not None]
        assert near(row["policy_reward"], statistics.fmean(first)), row
        shares.append(row["unscored_share"])
    assert 0 < sum(shares) < len(shares), shares
    assert said.count("have no reward, for no reward has an opinion on them (NaN)") == 1, said
    evaluations = [lines(run / f"samples/eval-{i:04}.jsonl") for i in range(3)]
    assert evaluations[0] == evaluations[1] == evaluations[2] and any(row["reward"] is None for row in evaluations[0])
    print(f"answers without a reward: {shares} of an iteration's are no candidates")


def a_reward_without_a_word(folder: pathlib.Path) -> None:
    blocks = '[[reward]]\nuse = "org.slipway.reward.length"\n[[reward]]\nuse = "equals"\n'
    said = slipway("train", run_file(folder, data_file(folder, lambda i: None), "raft", blocks), code=1).stderr
    assert f"the held-out evaluation: reward equals of plugin org.test.equals has no opinion (NaN) on any of {HELD_OUT} answers" in said, said
    assert "plugin org.test.equals: reward equals has had no opinion (NaN) on any answer so far" in said, said
    assert not (folder / "run/model.safetensors").exists()
    # Heard in the evaluation before: it is only warned about, and there is nothing to train on.
    held_out = folder / "held_out"
    held_out.mkdir()
    answered = data_file(held_out, lambda i: "a")
    blocks = '[[reward]]\nuse = "equals"\n'
    said = slipway("train", run_file(folder, data_file(folder, lambda i: None), "raft", blocks), "--set", "data.eval_rows=0", "--set", f'data.eval=["{answered}"]',
                   "--set", f"run.output_dir={folder}/heard", "--set", "raft.iterations=1").stderr
    assert "iteration 1: reward equals of plugin org.test.equals has no opinion (NaN) on any of 24 answers" in said, said
    assert "iteration 1: no answer has a reward and was not discarded, nothing to train on" in said, said
    row = next(row for row in lines(folder / "heard/metrics.jsonl") if row.get("event") == "iteration")
    assert row["selected"] == 0 and row["unscored_share"] == 1 and row["reward_mean"] is None and row["selected_reward"] is None, row
    assert (folder / "heard/model.safetensors").read_bytes() == (folder / "heard/checkpoint-0/model.safetensors").read_bytes()
    print("a reward without a word: refused, or warned about where it was heard before")


def reports_of_losses_and_callbacks(folder: pathlib.Path) -> None:
    loss = '[loss]\nuse = "token-loss"\noptions.what = "report"\n'
    file = run_file(folder, data_file(folder, lambda i: "a"), "sft", loss)
    sets = [part for each in ("train.max_steps=5", "train.eval_strategy=steps", "train.eval_steps=2") for part in ("--set", each)]
    slipway("train", file, "--quiet", *sets)
    rows = lines(folder / "run/metrics.jsonl")
    trained, evaluated = [row for row in rows if "loss" in row], [row for row in rows if "eval_loss" in row]
    steps = [row for row in rows if "reporter/steps" in row]  # the fifth step has no row of its own: what it reported is in the row of the whole
    assert [row["reporter/steps"] for row in steps] == [2, 2, 1] and [row["reporter/first"] for row in steps] == [1, 3, 5], steps
    assert "train_runtime" in steps[-1] and steps[:2] == trained
    assert all(row["eval_reporter/parts"] == 1 and row["eval_token-loss/target"] > 0 for row in evaluated) and len(evaluated) == 3
    assert all("token-loss/target" in row and "eval_token-loss/target" not in row for row in trained)
    assert len({row["eval_token-loss/target"] for row in evaluated}) == 1  # the set's labels alone, training's are in other rows
    again = json.loads(slipway("evaluate", folder / "run", "--trust", "--json", "--quiet", "--out", folder / "again").stdout)
    assert again["eval_token-loss/target"] == evaluated[0]["eval_token-loss/target"]
    print("reports: losses and callbacks, training and evaluations apart")


def main() -> None:
    for check in (each_reward_is_seen, answers_without_a_reward, a_reward_without_a_word, reports_of_losses_and_callbacks):
        with tempfile.TemporaryDirectory(prefix="slipway-rewards-") as name:
            check(pathlib.Path(name))


if __name__ == "__main__":
    main()
