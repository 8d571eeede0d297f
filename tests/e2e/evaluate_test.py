"""slipway evaluate and slipway predict beside transformers' Trainer and scikit-learn, and what they and a training run leave behind.

usage: evaluate_test.py SLIPWAY      (the record: tests/parity/data/evaluate.json, made by tests/parity/record_evaluate.py)
"""
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

from largest import largest_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/parity/data"
RECORD = json.loads((DATA / "evaluate.json").read_text())
TOLERANCE = 1e-6  # absolute below 1, relative above: a perplexity of 400 is the exponential of a loss

METRICS = """
[[metric]]
use = "accuracy"
[[metric]]
use = "accuracy"
prefix = "top_"
options.top_k = {top_k}
[[metric]]
use = "perplexity"
[[metric]]
use = "exact_match"
[[metric]]
use = "f1"
prefix = "binary_"
options = {{ average = "binary", pos_label = {positive} }}
"""
F1 = """
[[metric]]
use = "f1"
prefix = "{prefix}{average}_"
options = {{ average = "{average}", labels = {labels} }}
"""


def run_file(folder: pathlib.Path, eval_data: str) -> pathlib.Path:
    (folder / "model.json").write_text(json.dumps(RECORD["model"]))
    text = f"""[run]
algorithm = "sft"
output_dir = "{folder}/run"
[model]
config = "{folder}/model.json"
tokenizer = "{DATA / RECORD['tokenizer']}"
[data]
train = ["{DATA}/evaluate_news.jsonl"]
append_eos = false
eval = {eval_data}
[train]
seed = {RECORD['seed']}
per_device_eval_batch_size = {RECORD['batch']}
""" + METRICS.format(top_k=RECORD["top_k"], positive=RECORD["chosen"][0])
    for average in ("macro", "micro", "weighted"):
        text += F1.format(prefix="", average=average, labels=[]) + F1.format(prefix="chosen_", average=average, labels=RECORD["chosen"])
    (folder / "run.toml").write_text(text)
    return folder / "run.toml"


def slipway(*arguments: object, code: int = 0) -> str:
    done = subprocess.run([sys.argv[1], *map(str, arguments)], capture_output=True, text=True, timeout=300)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done.stdout + done.stderr if code else done.stdout


def compare(ours: dict, theirs: dict, what: str) -> None:
    off = {name: largest_of([abs(ours[name] - value) / max(1, abs(value))]) for name, value in theirs.items()}
    worst = max(off, key=off.get)
    print(f"{what}: {len(off)} metrics, largest difference to transformers and scikit-learn {off[worst]:.3g} ({worst}); of the losses "
          f"{max(value for name, value in off.items() if name.endswith('_loss')):.3g}")
    assert off[worst] < TOLERANCE, (worst, ours[worst], theirs[worst])


def evaluate_is_the_trainers(folder: pathlib.Path) -> None:
    sets = "{ " + ", ".join(f'{name} = ["{DATA}/evaluate_{name}.jsonl"]' for name in ("news", "reviews", "notes")) + " }"
    file = run_file(folder, sets)
    for tokens in (0, 64):
        out = folder / f"out{tokens}"
        ours = json.loads(slipway("evaluate", file, "--json", "--out", out, "--set", f"train.max_tokens_per_batch={tokens}"))
        compare(ours, RECORD["metrics"], f"evaluate, parts of {tokens or 'any number of'} tokens")
        assert ours["eval_reviews_samples"] == 8 and ours["eval_news_runtime"] > 0
    saved = (out / "eval_results.json").read_text()
    assert json.loads(saved) == ours and saved == json.dumps(json.loads(saved), indent=4, sort_keys=True)
    table = slipway("evaluate", file, "--metric-key-prefix", "dev", "--out", out).splitlines()
    assert table[0] == "***** dev metrics *****" and len({line.index(" = ") for line in table[1:]}) == 1, table
    assert table[1:] == sorted(table[1:]) and any(line.split() == ["dev_news_loss", "=", "6.0428"] for line in table), table
    assert sorted(p.name for p in out.iterdir()) == ["all_results.json", "dev_results.json", "eval_results.json"]
    every = json.loads((out / "all_results.json").read_text())
    assert every["eval_notes_macro_f1"] == every["dev_notes_macro_f1"]


def tensors(path: pathlib.Path) -> dict:
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, entry in json.loads(data[8: 8 + size]).items():
        begin, end = (8 + size + o for o in entry["data_offsets"])
        values = struct.unpack("<%d%s" % ((end - begin) // {"I64": 8, "F32": 4}[entry["dtype"]], {"I64": "q", "F32": "f"}[entry["dtype"]]), data[begin:end])
        for extent in reversed(entry["shape"][1:]):
            values = [list(values[i: i + extent]) for i in range(0, len(values), extent)]
        out[name] = values
    return out


def predict_is_the_trainers(folder: pathlib.Path) -> None:
    file = run_file(folder, f'["{DATA}/evaluate_notes.jsonl"]')
    theirs = RECORD["predict"]
    arrays = folder / "arrays.safetensors"
    metrics = json.loads(slipway("predict", file, "--json", "--quiet", "--predictions", arrays, "--logits", "--out", folder))
    compare(metrics, theirs["metrics"], "predict")
    assert json.loads((folder / "predict_results.json").read_text()) == metrics
    ours = tensors(arrays)
    # Column 0 of a whole text is a label to transformers, which nothing predicts.
    labels = [[-100] + row[1:] for row in theirs["label_ids"]]
    assert ours["label_ids"] == labels
    places = [(e, i) for e, row in enumerate(labels) for i in range(len(row) - 1) if row[i + 1] != -100]
    assert all(ours["predictions"][e][i] == theirs["predictions"][e][i] for e, i in places)
    rest = [(e, i) for e, row in enumerate(labels) for i in range(len(row)) if (e, i) not in set(places)]
    assert all(ours["predictions"][e][i] == -100 and set(ours["logits"][e][i]) == {-100.0} for e, i in rest)
    assert all(max(range(600), key=ours["logits"][e][i].__getitem__) == ours["predictions"][e][i] for e, i in places)
    slipway("predict", file, "--quiet", "--out", folder, "--ignore-keys", "prompt,prediction")
    rows = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    assert all(list(row) == ["label", "label_ids", "predictions", "logprobs"] for row in rows)
    assert [row["label_ids"] for row in rows] == [[i for i in row if i != -100] for row in labels]
    assert [row["predictions"] for row in rows] == [[i for i in row if i != -100] for row in ours["predictions"]]
    near = largest_of(abs(a - b) for row, line in zip(rows, ours["logprobs"]) for a, b in zip(row["logprobs"], [v for v in line if v != -100]))
    assert near < 1e-6, near
    assert 'ignore_keys: there is no output "promt", did you mean "prompt"?' in slipway("predict", file, "--ignore-keys", "promt", code=2)
    print(f"predict: {len(places)} predictions of {len(rows)} examples equal the Trainer's")


def a_run_leaves_results(folder: pathlib.Path) -> None:
    """Trains a few steps on named sets; the best model is that of one of their metrics, and evaluating its folder gives the logged numbers."""
    file = run_file(folder, f'{{ news = ["{DATA}/evaluate_news.jsonl"], notes = ["{DATA}/evaluate_notes.jsonl"] }}')
    settings = ["train.max_steps=6", "train.eval_strategy=steps", "train.eval_steps=2", "train.save_steps=2", "train.load_best_model_at_end=true",
                "train.metric_for_best_model=notes_accuracy", "train.learning_rate=1e-2"]
    slipway("train", file, "--quiet", *[part for each in settings for part in ("--set", each)])
    run = folder / "run"
    state = json.loads((run / "trainer_state.json").read_text())
    rows = [r for r in state["log_history"] if "eval_notes_accuracy" in r]
    assert [r["step"] for r in rows] == [2, 4, 6] and all("eval_news_loss" not in r for r in rows)
    best = max(rows, key=lambda r: r["eval_notes_accuracy"])
    assert state["best_metric"] == best["eval_notes_accuracy"] and state["best_global_step"] == best["step"], (state["best_global_step"], rows)
    train, evaluated, every = (json.loads((run / f"{name}_results.json").read_text()) for name in ("train", "eval", "all"))
    assert set(train) == {"epoch", "total_flos", "train_loss", "train_runtime", "train_samples", "train_samples_per_second", "train_steps_per_second"} and train["train_samples"] == 21
    assert evaluated["eval_notes_accuracy"] == best["eval_notes_accuracy"] and evaluated["eval_notes_samples"] == 13 and evaluated["eval_news_samples"] == 21
    assert every == {**train, **evaluated}
    for what, more in ((run, []), (run / f"checkpoint-{best['step']}", []), (file, ["--model", run])):
        again = json.loads(slipway("evaluate", what, *more, "--json", "--quiet", "--out", folder / "again"))
        off = largest_of(abs(again[k] - v) for k, v in evaluated.items() if not k.endswith(("_runtime", "_per_second")) and k in again and k != "epoch")
        assert off == 0, (what, off)
    print(f"a run on named sets ends with the model of step {best['step']}; evaluated again from its folder, its checkpoint and by --model: equal")
    mine = json.loads(slipway("evaluate", run, "--data", f"mine={DATA}/evaluate_reviews.jsonl", "--json", "--quiet", "--out", folder / "mine"))
    assert mine["eval_mine_samples"] == 8 and "eval_news_loss" not in mine
    any_model = folder / "model"
    any_model.mkdir()
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        shutil.copy(run / name, any_model)
    assert "names no data: give --data FILE" in slipway("evaluate", any_model, code=2)
    bare = json.loads(slipway("evaluate", any_model, "--data", DATA / "evaluate_reviews.jsonl", "--metric", "exact_match", "--set", "data.append_eos=false",
                              "--set", f"train.per_device_eval_batch_size={RECORD['batch']}", "--json", "--quiet", "--out", folder / "bare"))
    assert bare["eval_loss"] == mine["eval_mine_loss"] and bare["eval_exact_match"] == mine["eval_mine_exact_match"]


def main() -> None:
    for check in (evaluate_is_the_trainers, predict_is_the_trainers, a_run_leaves_results):
        with tempfile.TemporaryDirectory(prefix="slipway-evaluate-") as name:
            check(pathlib.Path(name))


if __name__ == "__main__":
    main()
