"""What a run leaves on the disk: resuming a finished run changes nothing, leftovers go, damage is told, devices and links stay.

usage: store_test.py SLIPWAY
"""
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import threading

SLIPWAY = sys.argv[1]
SETTINGS = ["data.limit=96", "data.eval_rows=16", "train.max_steps=6", "train.eval_strategy=steps", "train.eval_steps=2", "train.save_steps=2",
            "train.save_total_limit=2", "train.load_best_model_at_end=true", "train.greater_is_better=true", "data.max_tokens=64"]
TIMES = {"eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "train_runtime", "train_samples_per_second", "train_steps_per_second"}


def slipway(*arguments: object, **more: object) -> subprocess.CompletedProcess:
    return subprocess.run([SLIPWAY, *map(str, arguments)], capture_output=True, text=True, timeout=120, **more)


def train(folder: pathlib.Path, *more: str) -> subprocess.CompletedProcess:
    sets = [part for setting in [f"run.output_dir={folder}", *SETTINGS] for part in ("--set", setting)]
    return slipway("train", "tests/e2e/tiny_sft.toml", "--quiet", *sets, *more)


def state(folder: pathlib.Path) -> dict:
    out = json.loads((folder / "trainer_state.json").read_text())
    out["log_history"] = [{k: v for k, v in row.items() if k not in TIMES} for row in out["log_history"]]
    return out


def names(folder: pathlib.Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def resuming_a_finished_run_changes_nothing(folder: pathlib.Path) -> None:
    before, files, weights = state(folder), names(folder), (folder / "model.safetensors").read_bytes()
    # What killed processes leave: unfinished files and folders, and a checkpoint that rotation had not come to yet.
    shutil.copytree(folder / "checkpoint-2", folder / "checkpoint-1")
    shutil.copytree(folder / "checkpoint-2", folder / ".checkpoint-4.slipway-part")
    shutil.copytree(folder / "checkpoint-2", folder / ".checkpoint-3.slipway-gone")
    shutil.copytree(folder / "checkpoint-2", folder / ".unfinished-8")
    (folder / ".report.html.slipway-part").write_text("<html>")
    with (folder / "metrics.jsonl").open("ab") as metrics:
        metrics.write(b'{"loss": 1' + bytes(500))
    run = train(folder, "--resume")
    assert run.returncode == 0, run.stderr
    assert names(folder) == files, (names(folder), files)
    after = state(folder)
    assert after == before, [(k, before[k], after[k]) for k in before if before[k] != after.get(k)]
    assert (folder / "model.safetensors").read_bytes() == weights
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["event"] == "end" and all("\0" not in json.dumps(row) for row in rows)


def damage_is_told(folder: pathlib.Path) -> None:
    best = folder / "checkpoint-2" / "model.safetensors"
    whole = best.read_bytes()
    best.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    before = (folder / "model.safetensors").read_bytes()
    run = train(folder, "--resume")
    assert run.returncode == 1 and f"{best}: differs from what the manifest says" in run.stderr, run.stderr
    assert (folder / "model.safetensors").read_bytes() == before
    for command in (["generate", "--model", best.parent, "--prompt", "a", "--max-new-tokens", "1"], ["evaluate", best.parent]):
        run = slipway(*command)
        assert run.returncode == 1 and "differs from what the manifest says" in run.stderr, (command, run.stderr)
    best.write_bytes(whole)


def shorter_metrics_are_told(folder: pathlib.Path) -> None:
    metrics = folder / "metrics.jsonl"
    metrics.write_bytes(metrics.read_bytes()[:100])
    run = train(folder, "--resume")
    assert run.returncode == 0 and "metrics.jsonl: is not the file that" in run.stderr, run.stderr
    for line in metrics.read_text().splitlines():
        json.loads(line)


def devices_and_links_stay(folder: pathlib.Path, work: pathlib.Path) -> None:
    rows = work / "rows.tsv"
    rows.write_text("1\t0.5\t0.5\ta good film\n")
    predict = ["predict", folder, "--data", rows, "--out", work, "--quiet", "--predictions"]
    expected = slipway(*predict, work / "plain.jsonl")
    assert expected.returncode == 0, expected.stderr
    plain = (work / "plain.jsonl").read_text()
    assert plain.count("\n") == 1
    pipe, got = work / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    assert slipway(*predict, pipe).returncode == 0
    reader.join()
    assert got == [plain] and stat.S_ISFIFO(pipe.stat().st_mode), got
    (work / "target").write_text("old")
    (work / "link").symlink_to("target")
    assert slipway(*predict, work / "link").returncode == 0
    assert (work / "link").is_symlink() and (work / "target").read_text() == plain
    # The table that follows has times in it; it has the same lines, after the predictions and over none of them.
    followed = lambda text: text.startswith(plain) and text.count("\n") == plain.count("\n") + expected.stdout.count("\n")
    assert followed(slipway(*predict, "/dev/stdout").stdout)
    with (work / "out").open("w") as out:  # a regular file, which the program writes on after it
        subprocess.run([SLIPWAY, *map(str, predict), "/dev/stdout"], stdout=out, check=True)
    assert followed((work / "out").read_text()), (work / "out").read_text()
    (work / "null.safetensors").symlink_to("/dev/null")  # written in any order, which a device does not take
    run = slipway(*predict, work / "null.safetensors")
    assert run.returncode == 1 and "is not a regular file" in run.stderr, run.stderr
    picture = slipway("report", folder, "--picture", "/dev/stdout")
    assert picture.returncode == 0 and picture.stdout.startswith("<svg"), (picture.stderr, picture.stdout[:99])
    assert not [name for name in names(work) if "slipway" in name]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-store-") as name:
        work = pathlib.Path(name)
        run = train(work / "run")
        assert run.returncode == 0, run.stderr
        assert [n for n in names(work / "run") if n.startswith(("checkpoint", "."))] == ["checkpoint-2", "checkpoint-6"], names(work / "run")
        resuming_a_finished_run_changes_nothing(work / "run")
        damage_is_told(work / "run")
        shorter_metrics_are_told(work / "run")
        devices_and_links_stay(work / "run", work)
        print("nothing lost, nothing left over, damage told, devices and links stay")


if __name__ == "__main__":
    main()
