"""What people do with the program, end to end: train, look, generate, run again, stop, go on.

usage: front_test.py SLIPWAY
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.path.abspath(sys.argv[1])
RUN_FILE = str(ROOT / "tests/e2e/tiny_raft.toml")


def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done


def version_is_quick() -> None:
    times = []
    for _ in range(5):
        begin = time.monotonic()
        run("--version")
        times.append(time.monotonic() - begin)
    print(f"--version: {1000 * min(times):.1f} ms")
    assert min(times) < 0.1


def without_a_command_it_explains_itself_and_fails() -> None:
    assert run(code=2).stdout == run("--help").stdout == run("help").stdout


def the_first_batch_comes_at_once(root: pathlib.Path) -> None:
    times = []
    for i in range(3):
        folder = root / f"first{i}"
        begin = time.time()
        run("train", ROOT / "tests/e2e/tiny_sft.toml", "--quiet", "--set", f"run.output_dir={folder}", "--set", "train.max_steps=1",
            "--set", "train.eval_strategy=no", "--set", "train.save_strategy=no")
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        times.append(next(r["time"] for r in rows if "loss" in r) - begin)
    print(f"start to the first batch done: {min(times):.2f} s")
    assert min(times) < 1


def printed_configuration_reads_back(root: pathlib.Path) -> None:
    printed = run("train", RUN_FILE, "--print-config", "--set", "train.learning_rate=0.5").stdout
    tree = tomllib.loads(printed)
    assert tree["train"]["learning_rate"] == 0.5 and tree["raft"]["iterations"] == 4
    assert "0.5  # --set" in printed and "tiny_raft.toml:" in printed and "# default" in printed
    (root / "printed.toml").write_text(printed)
    again = run("train", root / "printed.toml", "--print-config").stdout
    assert tomllib.loads(again) == tree


def a_run_leaves_what_it_promises(root: pathlib.Path) -> None:
    folder = root / "run"
    done = run("train", RUN_FILE, "--set", f"run.output_dir={folder}")
    assert "memory: about" in done.stderr and "completed after 24 steps" in done.stderr, done.stderr
    for name in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "trainer_state.json", "metrics.jsonl",
                 "config.resolved.toml", "report.html", "samples/iteration-0001.jsonl", "samples/eval-0000.jsonl", "samples/eval-0004.jsonl", "tensorboard"):
        assert (folder / name).exists(), name
    samples = [json.loads(line) for line in (folder / "samples/iteration-0002.jsonl").read_text().splitlines()]
    assert len(samples) == 24 and sum(s["kept"] for s in samples) == 6
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    iterations = [r for r in rows if r.get("event") == "iteration"]
    assert len(iterations) == 4
    for row in iterations:
        assert row["selected_reward"] >= row["policy_reward"], row
        for key in ("reward_mean", "reward_std", "distinct_1", "distinct_2", "mean_length", "cut_share", "tokens_per_second"):
            assert key in row, key
    assert rows[-1]["event"] == "end" and rows[-1]["outcome"] == "completed"
    run("config", "check", folder / "config.resolved.toml")
    page = (folder / "report.html").read_bytes()
    run("report", folder, "--picture", root / "run.svg")
    assert (folder / "report.html").read_bytes() == page, "the same folder must give the same page"
    assert (root / "run.svg").read_text().startswith("<svg")
    text = page.decode()
    assert all(fact in text for fact in ("<dt>Model</dt> <dd>tiny_llama.json, from new weights</dd>", "<dt>Algorithm</dt> <dd>RAFT</dd>", "<dt>Seed</dt> <dd>42</dd>", "length 1.0.0"))
    assert text.index('<table class="samples">') < text.index("<figure"), "answers stand before the charts"
    assert "No such file or directory" in run("report", root / "nowhere", code=2).stderr
    first = json.loads(run("generate", "--model", folder, "--prompt", "The film", "--max-new-tokens", "5", "--json").stdout)
    again = json.loads(run("generate", "--model", folder, "--prompt", "The film", "--max-new-tokens", "5", "--json").stdout)
    assert first == again and first["prompt"] == "The film" and not first["finished"]
    checkpoint = max(folder.glob("checkpoint-*"), key=lambda c: int(c.name.split("-")[1]))
    run("generate", "--model", checkpoint, "--prompt", "The film", "--max-new-tokens", "2", "--temperature", "0")
    run("train", RUN_FILE, "--quiet", "--set", f"run.output_dir={folder}", "--set", "raft.iterations=1")
    assert (root / "run.1/model.safetensors").exists(), "an earlier run must be moved aside, not overwritten"


def a_profile_shows_what_happened(root: pathlib.Path) -> None:
    folder = root / "profiled"
    assert "ends in .json" in run("train", RUN_FILE, "--profile", RUN_FILE, code=2).stderr
    done = run("train", RUN_FILE, "--profile", "--set", f"run.output_dir={folder}", "--set", "raft.iterations=2")
    assert "trace: " in done.stderr, done.stderr
    trace = json.loads((folder / "trace.json").read_text())
    scopes = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    names = {e["name"] for e in scopes}
    for name in ("generate", "score", "select", "train", "evaluate", "save", "step", "forward_backward", "optimizer", "grad_norm", "adamw",
                 "prefill", "decode", "segment", "head", "org.slipway.model.llama create()"):
        assert name in names, (name, sorted(names))
    assert any(n.endswith(" score()") for n in names) and any(n.endswith(" scalars()") for n in names), sorted(names)
    assert all(e["args"]["rows"] > 0 for e in scopes if e["name"] == "decode")
    threads = {e["args"]["name"] for e in trace["traceEvents"] if e["ph"] == "M" and e["name"] == "thread_name"}
    assert {"loop", "loggers"} <= threads, threads
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps, iterations = [r for r in rows if "loss" in r], [r for r in rows if r.get("event") == "iteration"]
    for row, shares in [(r, ("forward_backward", "optimizer", "callbacks")) for r in steps] + [(r, ("generate", "score", "train", "evaluate", "save")) for r in iterations]:
        assert row["tokens_per_second"] > 0, row
        assert 0 < sum(row[f"share_{s}"] for s in shares) <= 1.000001, row
    history = json.loads((folder / "trainer_state.json").read_text())["log_history"]
    assert not any("mfu" in row or any(key.startswith("share_") for key in row) for row in history)
    plain = root / "unprofiled"
    run("train", RUN_FILE, "--quiet", "--set", f"run.output_dir={plain}", "--set", "raft.iterations=2")
    assert (plain / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes(), "a trace must change nothing"
    run("train", RUN_FILE, "--profile", root / "failed.json", "--set", f"run.output_dir={plain}", "--set", "train.learning_rate=1e30", "--set", "train.max_grad_norm=0", code=1)
    assert json.loads((root / "failed.json").read_text())["traceEvents"], "a run that fails leaves its trace"
    run("generate", "--model", folder, "--prompt", "The film", "--max-new-tokens", "3", "--profile", root / "generate.json")
    assert any(e["name"] == "decode" for e in json.loads((root / "generate.json").read_text())["traceEvents"])


def doctor_measures_this_machine() -> None:
    told = json.loads(run("doctor", "--json", "--quick").stdout)
    assert all(told["sgemm_gflops"][key] > 0 for key in ("threads_1", "all", "rows_8", "rows_32", "rows_128"))
    assert all(told["read_gb_per_s"][key] > 0 for key in ("threads_1", "all"))
    assert told["libtorch"]["version"] and told["cpu"] and told["instruction_sets"] and len(told["plugins"]) >= 7
    assert told["rejected"] == []
    text = run("doctor", "--quick").stdout
    assert told["cpu"] in text and "GFLOP/s" in text
    crowded = subprocess.run([PROGRAM, "doctor", "--json", "--quick"], capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": str(told["cores"] + 3)})
    assert any("OMP_NUM_THREADS" in w for w in json.loads(crowded.stdout)["warnings"]), crowded.stdout


def sigterm_saves_and_says_so(root: pathlib.Path) -> None:
    folder = root / "stopped"
    process = subprocess.Popen([PROGRAM, "train", RUN_FILE, "--quiet", "--profile", "--set", f"run.output_dir={folder}", "--set", "raft.iterations=400"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(folder.glob("checkpoint-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 85, (process.returncode, errors)
    assert "resume with --resume" in errors, errors
    assert json.loads((folder / "trace.json").read_text())["traceEvents"], "a run that is stopped leaves its trace"


def a_reader_that_leaves_does_not_end_the_run(root: pathlib.Path) -> None:
    folder = root / "unread"
    process = subprocess.Popen([PROGRAM, "train", RUN_FILE, "--set", f"run.output_dir={folder}", "--set", "raft.iterations=2"], stderr=subprocess.PIPE)
    process.stderr.close()
    assert process.wait(timeout=300) == 0
    assert (folder / "model.safetensors").exists()


def plugins_explain_themselves() -> None:
    listed = json.loads(run("plugin", "list", "--json").stdout)
    names = {p["id"].split(".")[-1]: p for p in listed["plugins"]}
    assert {"llama", "sentiment", "length", "early_stopping", "console", "tensorboard", "random"} <= set(names), sorted(names)
    assert listed["rejected"] == []
    for name in names:
        shown = json.loads(run("plugin", "info", name, "--json").stdout)
        assert shown == names[name]
        text = run("plugin", "info", name).stdout
        for option in shown["options"]:
            assert option["name"] in text and option["help"], (name, option)
    for command in ("train", "generate", "search", "report", "doctor"):
        assert "usage: slipway " + command in run(command, "--help").stdout
    assert "learning_rate" in run("config", "help").stdout


def main() -> None:
    version_is_quick()
    without_a_command_it_explains_itself_and_fails()
    plugins_explain_themselves()
    doctor_measures_this_machine()
    with tempfile.TemporaryDirectory(prefix="slipway-front-") as folder:
        the_first_batch_comes_at_once(pathlib.Path(folder))
        printed_configuration_reads_back(pathlib.Path(folder))
        a_run_leaves_what_it_promises(pathlib.Path(folder))
        a_profile_shows_what_happened(pathlib.Path(folder))
        sigterm_saves_and_says_so(pathlib.Path(folder))
        a_reader_that_leaves_does_not_end_the_run(pathlib.Path(folder))
    print("all as promised")


if __name__ == "__main__":
    main()
