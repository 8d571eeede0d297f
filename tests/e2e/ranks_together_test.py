"""What ranks do together beside the training step: evaluations, predictions, warnings, what is refused, what callbacks find.

usage: ranks_together_test.py SLIPWAY FIXTURES SHIM [CHECK...]     (SHIM: tests/crash/shim.c, built)
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from rank_runs import ENVIRONMENT, INTERRUPTED, LIMIT, PROGRAM, RANK_LOST, ROOT, Ranks, launched, rows_without_times, run_checks, training
from read_run import read_rows

FIXTURES, SHIM = (os.path.abspath(given) for given in sys.argv[2:4])
SCRATCH = pathlib.Path(tempfile.mkdtemp(prefix="slipway-together-test-"))
SNIPPETS = ROOT / "build/assets/movieReviewSnippets_GroundTruth.txt"
QUICK = {"train.eval_strategy": "no", "train.per_device_train_batch_size": 4, "train.gradient_accumulation_steps": 1, "train.lr_scheduler_type": "constant"}


def run_file(name: str, more: str, algorithm: str = "sft") -> pathlib.Path:
    """tests/e2e/tiny_ALGORITHM.toml with more of it, for files that lie elsewhere."""
    text = (ROOT / f"tests/e2e/tiny_{algorithm}.toml").read_text()
    text = text.replace('"tiny_llama.json"', f'"{ROOT}/tests/e2e/tiny_llama.json"').replace('"../../build/', f'"{ROOT}/build/')
    path = SCRATCH / name
    path.write_text(text + more)
    return path


def run_of(name: str, file: str, settings: dict) -> pathlib.Path:
    out = SCRATCH / name
    if not out.exists():
        launched(1, *training(file, out, {"train.save_strategy": "no"} | settings))
    return out


def sft_run() -> pathlib.Path:
    return run_of("predicted", "tiny_sft.toml", QUICK | {"train.max_steps": 3})


def lines_of_snippets(name: str, count: int) -> pathlib.Path:
    path = SCRATCH / f"{name}.tsv"
    path.write_text("".join(SNIPPETS.read_text(errors="replace").splitlines(keepends=True)[:count]))
    return path


def without_times(metrics: dict) -> dict:
    return {k: v for k, v in metrics.items() if not k.endswith(("_runtime", "_per_second"))}


def on_ranks(ranks: int, what: str, *arguments: object, **more: object) -> subprocess.CompletedProcess:
    return launched(ranks, what, *arguments, "--set", f"train.rank_timeout={LIMIT}", **more)


# ---- evaluate and predict -------------------------------------------------------------------------------------------

def predictions_have_the_bytes_of_one_process() -> None:
    """13 rows: batches of 3 have an uneven tail, of 8 are fewer than three ranks."""
    run = sft_run()
    for batch in (1, 3, 8):
        seen = []
        for ranks in (1, 2, 3):
            out = SCRATCH / f"predictions-{batch}-{ranks}"
            size = ("--set", f"train.per_device_eval_batch_size={batch}", "--set", "train.max_tokens_per_batch=64", "--set", "data.eval_rows=13", "--out", out)
            said = on_ranks(ranks, "predict", run, *size)
            on_ranks(ranks, "predict", run, *size, "--predictions", out / "arrays.safetensors", "--logits")
            seen.append(((out / "predictions.jsonl").read_bytes(), (out / "arrays.safetensors").read_bytes()))
            results = json.loads((out / "predict_results.json").read_text())
            assert sorted(p.name for p in out.iterdir()) == ["all_results.json", "arrays.safetensors", "predict_results.json", "predictions.jsonl"]
            assert said.stdout.count("test_loss") == 1 and all(line.startswith("[0] ") for line in said.stdout.splitlines()), said.stdout
            assert results["test_samples"] == 13 and len(seen[-1][0].splitlines()) == 13
            seen[-1] += (without_times(results),)
        assert seen[0] == seen[1] == seen[2], f"batches of {batch}"
        print(f"  batches of {batch}: 1, 2 and 3 ranks write the same {len(seen[0][0])} and {len(seen[0][1])} bytes")


def evaluations_are_shared() -> None:
    run, results = sft_run(), []
    metrics = [word for metric in ("accuracy", "perplexity", "exact_match", "f1") for word in ("--metric", metric)]
    for ranks in (1, 2, 3):
        out = SCRATCH / f"evaluated-{ranks}"
        said = on_ranks(ranks, "evaluate", run, *metrics, "--out", out, "--json", "--data", f"a={lines_of_snippets('a', 41)}", "--data", f"b={lines_of_snippets('b', 9)}")
        told = json.loads("\n".join(line.removeprefix("[0] ") for line in said.stdout.splitlines()))
        assert told == json.loads((out / "eval_results.json").read_text())
        results.append(without_times(told))
    for other in results[1:]:
        assert (other["eval_a_loss"], other["eval_b_loss"]) == (results[0]["eval_a_loss"], results[0]["eval_b_loss"]), "losses are added in one order"
        assert other.keys() == results[0].keys() and all(abs(other[k] - results[0][k]) <= 1e-12 * abs(results[0][k]) for k in other), (other, results[0])


def rewards_are_shared() -> None:
    run = run_of("rewarded", "tiny_raft.toml", {"raft.iterations": 1})
    results = []
    for ranks in (1, 2, 3):
        out = SCRATCH / f"rewards-{ranks}"
        on_ranks(ranks, "evaluate", run, "--out", out)
        results.append(without_times(json.loads((out / "eval_results.json").read_text())))
    assert results[0] == results[1] == results[2], results


def no_rank_holds_all_logits() -> None:
    """The peak memory of processes that write half a gigabyte of logits, beside those that write none."""
    run = sft_run()

    def peak(*more: object) -> int:
        ending = ("import resource, subprocess, sys; code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode; "
                  "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        done = subprocess.run([sys.executable, "-c", ending, PROGRAM, "launch", "--nproc", "2", "predict", str(run), "--quiet", "--set", "train.per_device_eval_batch_size=32",
                               "--set", "train.max_tokens_per_batch=128", *map(str, more)], env=ENVIRONMENT, capture_output=True, text=True, timeout=240)
        code, kilobytes = map(int, done.stdout.split())
        assert code == 0, done.stderr
        return kilobytes * 1024

    file = SCRATCH / "memory.safetensors"
    without, with_logits = peak("--predictions", file), peak("--predictions", file, "--logits")
    written = file.stat().st_size
    print(f"  {written / 2**20:.0f} MiB written; peak memory of a rank {without / 2**20:.0f} MiB without logits, {with_logits / 2**20:.0f} with")
    assert written > 400 * 2**20 and with_logits - without < written / 4


def writing_ranks(arguments: list[str], name: str) -> Ranks:
    """Ranks that are in the middle of a file of logits."""
    ranks = Ranks([*arguments, "--set", "train.per_device_eval_batch_size=1", "--predictions", str(SCRATCH / f"{name}.safetensors"), "--logits"])
    ranks.wait_until(lambda: list(SCRATCH.glob(f".{name}.safetensors*")))
    return ranks


def one_ranks_trouble_is_everybodys() -> None:
    run = sft_run()
    arguments = ["predict", str(run), "--set", f"train.rank_timeout={LIMIT}", "--out", str(SCRATCH / "trouble")]
    # rank 0 alone writes: the other hears why
    ranks = Ranks([*arguments, "--predictions", "/dev/full"])
    (first, own, _), (second, other, seconds) = ranks.ends(0, 30), ranks.ends(1, 30)
    assert first == 1 and "/dev/full" in own, (first, own)
    assert second == RANK_LOST and "rank 0 (host" in other and "/dev/full" in other and seconds < LIMIT + 2, (second, other)
    # other rows on one of them
    with_data = [[*arguments, "--data", str(lines_of_snippets("rows", 40))], [*arguments, "--data", str(lines_of_snippets("less", 39))]]
    ranks = Ranks(with_data[0], arguments_of={1: with_data[1]})
    ended = [ranks.ends(rank, 30) for rank in (0, 1)]
    assert [code for code, _, _ in ended] == [RANK_LOST, 1] and all("rank 1 has another run than rank 0" in text for _, text, _ in ended), ended
    # one that is killed
    ranks = writing_ranks(arguments, "killed")
    ranks.signal(1, signal.SIGKILL)
    code, text, seconds = ranks.ends(0, 30)
    assert code == RANK_LOST and "rank 1 (host" in text and seconds < LIMIT + 2, (code, text)
    assert not (SCRATCH / "killed.safetensors").exists()


def a_signal_to_one_stops_all() -> None:
    for rank in (0, 1):
        ranks = writing_ranks(["predict", str(sft_run()), "--out", str(SCRATCH / "stopped")], f"stopped-{rank}")
        ranks.signal(rank, signal.SIGTERM)
        ended = [ranks.ends(each, 30) for each in (0, 1)]
        assert [code for code, _, _ in ended] == [INTERRUPTED] * 2 and all("stopped by a signal; nothing was written" in text for _, text, _ in ended), ended
        assert not list(SCRATCH.glob(f"*stopped-{rank}*")) and not list(SCRATCH.glob(f".stopped-{rank}*"))


# ---- what one process does ------------------------------------------------------------------------------------------

def what_one_process_does_is_refused_to_several() -> None:
    place = ENVIRONMENT | {"RANK": "1", "WORLD_SIZE": "3", "LOCAL_RANK": "1"}
    kept = sorted(SCRATCH.iterdir())
    for arguments in (["generate", "--model", "x", "--prompt", "y"], ["search", "x.toml"], ["new", "x.toml"], ["report", "x"]):
        done = subprocess.run([PROGRAM, *arguments], env=place, cwd=SCRATCH, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and f"{arguments[0]} is the work of one process" in done.stderr and f"env -u RANK -u WORLD_SIZE slipway {arguments[0]}" in done.stderr, done
        helped = subprocess.run([PROGRAM, arguments[0], "--help"], env=place, capture_output=True, text=True, timeout=60)
        assert helped.returncode == 0 and "usage: slipway " + arguments[0] in helped.stdout, helped
        done = subprocess.run([PROGRAM, "launch", "--nproc", "2", *arguments], env=ENVIRONMENT, cwd=SCRATCH, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and "is nothing that several processes do together" in done.stderr, done
    assert sorted(SCRATCH.iterdir()) == kept
    for arguments in (["plugin", "list"], ["config", "help", "train.seed"], ["completion", "bash"]):
        assert subprocess.run([PROGRAM, *arguments], env=place, capture_output=True, timeout=60).returncode == 0, arguments


# ---- warnings -------------------------------------------------------------------------------------------------------

def a_warning_of_all_is_said_once() -> None:
    rows = SCRATCH / "warned.jsonl"
    rows.write_text("".join(json.dumps({"text": f"the film was {'very ' * (30 if i == 3 else 1)}good {i}"}) + "\n" for i in range(24)))
    file = run_file("warned.toml", "")
    file.write_text(file.read_text().replace("text_column = 3\n", "max_tokens = 20\n").replace('format = "tsv"\n', "").replace(str(SNIPPETS), str(rows)))
    arguments = training(str(file), SCRATCH / "warned", QUICK | {"train.max_steps": 2, "train.save_strategy": "no", "data.eval_rows": 0})
    said = launched(3, *arguments).stderr
    assert len(re.findall("warning: .*rows cut at data.max_tokens", said)) == 1 and "[0] warning: " in said, said
    # one that is of a rank alone
    ranks = Ranks(arguments, of_rank={1: {"TORCHELASTIC_RESTART_COUNT": "1", "TORCHELASTIC_MAX_RESTARTS": "3"}})
    (code, first, _), (other_code, second, _) = ranks.ends(0, 60), ranks.ends(1, 60)
    assert code == other_code == 0, (first, second)
    assert "rows cut at" in first and "started again" not in first, first
    assert "rows cut at" not in second and "warning: rank 1: started again" in second, second


# ---- what callbacks report and find ---------------------------------------------------------------------------------

def reported_sums_survive_a_stop() -> None:
    """Between two rows: what was reported before the stop is in the row after it, once."""
    file = run_file("reported.toml", f'\n[[callback]]\nuse = "org.test.reporter"\n[plugins]\npath = ["{FIXTURES}"]\n')
    settings = QUICK | {"train.max_steps": 40, "train.logging_steps": 20, "train.save_steps": 40}
    whole = SCRATCH / "reported-whole"
    launched(2, *training(str(file), whole, settings))
    rows = [row for row in read_rows(whole / "metrics.jsonl") if "loss" in row]
    assert [row["reporter/steps"] for row in rows] == [40, 40], rows
    for attempt in range(5):
        out = SCRATCH / f"reported-{attempt}"
        ranks = Ranks(training(str(file), out, settings))
        ranks.wait_for_steps(out, 20)
        ranks.signal(1, signal.SIGTERM)
        assert [ranks.ends(rank, 30)[0] for rank in (0, 1)] == [INTERRUPTED] * 2
        (stopped_at,) = {int(c.name.split("-")[1]) for c in out.glob("checkpoint-*")}
        if 20 < stopped_at < 40:
            break
    else:
        raise AssertionError("it was never stopped between two rows")
    launched(2, *training(str(file), out, settings, "--resume"))
    assert rows_without_times(out) == rows_without_times(whole), stopped_at
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    print(f"  stopped at step {stopped_at}")


def slow_disk(out: pathlib.Path) -> dict[int, dict]:
    """Rank 0, each of whose calls that write takes its time."""
    return {0: {"LD_PRELOAD": SHIM, "SLIPWAY_SHIM_ROOT": str(out), "SLIPWAY_SHIM_SLOW": "20000"}}


def the_best_checkpoint_is_there_for_every_rank() -> None:
    file = run_file("best.toml", f'\n[[callback]]\nuse = "org.test.best_reader"\n[plugins]\npath = ["{FIXTURES}"]\n')
    out = SCRATCH / "best"
    settings = QUICK | {"train.max_steps": 9, "train.eval_strategy": "steps", "train.eval_steps": 3, "train.save_steps": 3, "train.load_best_model_at_end": "true",
                        "train.logging_steps": 9, "data.limit": 80, "data.eval_rows": 8}
    ranks = Ranks(training(str(file), out, settings), of_rank=slow_disk(out))
    ended = [ranks.ends(rank, 120) for rank in (0, 1)]
    assert [code for code, _, _ in ended] == [0, 0], ended
    for _, text, _ in ended:
        assert len(re.findall("best_reader.*read .*checkpoint-", text)) >= 2, text


def a_stop_is_saved_however_long_it_takes() -> None:
    """The rank that has nothing to write leaves; the other one's checkpoint takes seconds longer."""
    out = SCRATCH / "slowly"
    ranks = Ranks(training("tiny_sft.toml", out, QUICK | {"train.max_steps": 2000, "train.save_steps": 2000, "train.logging_steps": 5}), of_rank={0: slow_disk(out)[0] | {"SLIPWAY_SHIM_SLOW": "60000"}})
    ranks.wait_for_steps(out, 5)
    ranks.signal(1, signal.SIGTERM)
    ended = [ranks.ends(rank, 120) for rank in (1, 0)]
    assert [code for code, _, _ in ended] == [INTERRUPTED] * 2, ended
    print(f"  rank 0 took {ended[1][2]:.1f} s longer than rank 1")
    assert ended[1][2] > 2, "too short to show anything"
    assert any((c / "manifest.json").exists() for c in out.glob("checkpoint-*"))


run_checks([predictions_have_the_bytes_of_one_process, evaluations_are_shared, rewards_are_shared, no_rank_holds_all_logits, one_ranks_trouble_is_everybodys, a_signal_to_one_stops_all,
            what_one_process_does_is_refused_to_several, a_warning_of_all_is_said_once, reported_sums_survive_a_stop, the_best_checkpoint_is_there_for_every_rank,
            a_stop_is_saved_however_long_it_takes], sys.argv[4:])
shutil.rmtree(SCRATCH)
