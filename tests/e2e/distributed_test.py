"""Runs of several ranks beside runs of one, and what becomes of a run whose ranks die. usage: distributed_test.py SLIPWAY"""
import json
import operator
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from largest import largest_of
from rank_runs import ENVIRONMENT, INTERRUPTED, LIMIT, PROGRAM, RANK_LOST, Ranks, launched, losses, run_checks, training
from read_run import read_rows, read_safetensors

SCRATCH = pathlib.Path(tempfile.mkdtemp(prefix="slipway-distributed-test-"))


def train(ranks: int, file: str, name: str, settings: dict, *more: str, code: int = 0) -> pathlib.Path:
    out = SCRATCH / name
    launched(ranks, *training(file, out, settings, *more), code=code)
    return out


def evaluations(out: pathlib.Path) -> list[dict]:
    return [{k: v for k, v in row.items() if k.startswith("eval_") and not k.endswith(("runtime", "per_second"))}
            for row in read_rows(out / "metrics.jsonl") if "eval_loss" in row]


def farthest(a: dict[str, list[float]], b: dict[str, list[float]]) -> float:
    assert a.keys() == b.keys()
    return max(largest_of(map(abs, map(operator.sub, a[name], b[name]))) for name in a)


def weights(out: pathlib.Path) -> dict[str, list[float]]:
    return read_safetensors(out / "model.safetensors")


def agree(runs: list[pathlib.Path], what: str, limit: float = 1e-5) -> None:
    first = runs[0]
    for other in runs[1:]:
        apart = farthest(weights(first), weights(other))
        loss = largest_of(abs(x - y) for x, y in zip(losses(first), losses(other), strict=True))
        print(f"{what}: {other.name} beside {first.name}: weights {apart:.2e}, losses {loss:.2e} apart")
        assert apart <= limit and loss <= limit, (what, other.name)
        for a, b in zip(evaluations(first), evaluations(other), strict=True):
            assert a.keys() == b.keys() and all(abs(a[k] - b[k]) <= limit for k in a), (what, a, b)


def share(ranks: int, batch: int, accumulation: int) -> dict:
    """The same examples a step, dealt out to so many ranks."""
    return {"train.per_device_train_batch_size": batch, "train.gradient_accumulation_steps": accumulation}


def sft_is_the_same_for_any_number_of_ranks() -> None:
    steps = {"train.max_steps": 50, "train.eval_strategy": "steps", "train.eval_steps": 25, "train.save_steps": 25}
    runs = [train(1, "tiny_sft.toml", "sft-1", steps | share(1, 4, 2))]
    runs.append(train(2, "tiny_sft.toml", "sft-2", steps | share(2, 4, 1)))
    runs.append(train(2, "tiny_sft.toml", "sft-2-accumulated", steps | share(2, 2, 2)))
    runs.append(train(4, "tiny_sft.toml", "sft-4", steps | share(4, 2, 1)))
    agree(runs, "SFT")
    again = train(2, "tiny_sft.toml", "sft-2-again", steps | share(2, 4, 1))
    assert (again / "model.safetensors").read_bytes() == (SCRATCH / "sft-2/model.safetensors").read_bytes(), "not the same bits twice"
    files = {path.name for path in (runs[1] / "checkpoint-50").iterdir()}
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= files and "rng_state.pth" not in files, files
    # one line a step and a set, whoever computed it
    assert [row["global_step"] for row in read_rows(runs[3] / "metrics.jsonl") if "loss" in row] == list(range(1, 51))


def a_shared_optimizer_gives_the_same_bits_and_the_same_files() -> None:
    """ZeRO-1: in memory a share a rank, in a checkpoint whole; any number of ranks goes on from it, with or without."""
    steps = {"train.max_steps": 24, "train.eval_strategy": "no", "train.save_steps": 12}
    zero = {"train.zero_stage": 1}
    for ranks, dealt in ((2, share(2, 4, 1)), (4, share(4, 2, 1))):
        plain, cut = train(ranks, "tiny_sft.toml", f"plain-{ranks}", steps | dealt), train(ranks, "tiny_sft.toml", f"zero1-{ranks}", steps | zero | dealt)
        for name in ("model.safetensors", "checkpoint-12/optimizer.pt", "checkpoint-24/optimizer.pt"):
            assert (plain / name).read_bytes() == (cut / name).read_bytes(), (ranks, name)
    whole = SCRATCH / "plain-2"
    for name, ranks, more, of in (("zero1-2-to-1", 1, share(1, 4, 2), "zero1-2"), ("zero1-2-to-4", 4, zero | share(4, 2, 1), "zero1-2"), ("plain-2-to-zero1-2", 2, zero | share(2, 4, 1), "plain-2"),
                                  ("zero1-4-to-2", 2, share(2, 4, 1), "zero1-4")):
        out = train(ranks, "tiny_sft.toml", name, steps | more, f"--resume={SCRATCH / of}/checkpoint-12")
        apart = farthest(weights(out), weights(whole))
        print(f"{name}: {apart:.2e} from the run that went on as it was")
        assert apart <= 1e-5, name
    assert (SCRATCH / "plain-2-to-zero1-2/model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def slices(stage: int, ranks: int) -> dict:
    """The least units that the tiny model has: one for each segment."""
    return {"train.zero_stage": stage, "train.ddp_bucket_cap_mb": 0.01} | share(ranks, 8 // ranks, 1)


def on_two_machines(name: str, settings: dict) -> pathlib.Path:
    """Two launches of two ranks each, that meet on this machine: what is cut within a machine is copied between them."""
    out = SCRATCH / name
    port = str(21000 + os.getpid() % 20000)
    environment = ENVIRONMENT | {"SLIPWAY_RUN_TOKEN": "a-token-of-the-test", "GLOO_SOCKET_IFNAME": "lo"}
    node = lambda number: subprocess.Popen([PROGRAM, "launch", "--nnodes", "2", "--node-rank", str(number), "--master-addr", "127.0.0.1", "--port", port,
                                            "--nproc", "2", *map(str, training("tiny_sft.toml", out, settings))], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    nodes = [node(0), node(1)]
    texts = [each.communicate(timeout=240)[0] for each in nodes]
    assert [each.returncode for each in nodes] == [0, 0], texts
    return out


def memory_is_what_the_stage_promises(out: pathlib.Path, stage: int, ranks: int) -> None:
    row = next(row for row in read_rows(out / "metrics.jsonl") if "memory_weights_bytes" in row)
    whole = 4 * sum(len(values) for values in weights(out).values())
    promised = {"weights": whole / (ranks if stage >= 3 else 1), "gradients": whole / (ranks if stage >= 2 else 1), "optimizer": 2 * whole / (ranks if stage >= 1 else 1)}
    measured = {name: row[f"memory_{name}_bytes"] for name in promised}
    print(f"stage {stage} on {ranks} ranks: " + ", ".join(f"{name} {measured[name] / 2**20:.2f} MiB, promised {promised[name] / 2**20:.2f}" for name in promised))
    assert all(abs(measured[name] - promised[name]) <= 0.05 * promised[name] for name in promised), (measured, promised)


def what_ranks_cut_is_the_same_run() -> None:
    """ZeRO-2 and 3: with equal ranks the sums are the same, and so are the bits."""
    steps = {"train.max_steps": 50, "train.eval_strategy": "steps", "train.eval_steps": 25, "train.save_steps": 25}
    runs = [train(1, "tiny_sft.toml", "cut-1", steps | share(1, 4, 2))]
    for ranks in (2, 4):
        plain = train(ranks, "tiny_sft.toml", f"cut-0-{ranks}", steps | slices(0, ranks))
        for stage in (2, 3):
            runs.append(train(ranks, "tiny_sft.toml", f"cut-{stage}-{ranks}", steps | slices(stage, ranks)))
            memory_is_what_the_stage_promises(runs[-1], stage, ranks)
            for name in ("model.safetensors", "checkpoint-25/optimizer.pt", "checkpoint-50/optimizer.pt"):
                assert (plain / name).read_bytes() == (runs[-1] / name).read_bytes(), (stage, ranks, name)
    for stage in (2, 3):
        runs.append(on_two_machines(f"hybrid-{stage}", steps | slices(stage, 4) | {"train.shard_within": "node"}))
        memory_is_what_the_stage_promises(runs[-1], stage, 2)
    runs.append(train(2, "tiny_sft.toml", "cut-3-accumulated", steps | slices(3, 2) | share(2, 2, 2) | {"train.activation_checkpointing": "true", "train.max_tokens_per_batch": 24}))
    agree(runs, "cut")


def what_was_cut_goes_on_cut_otherwise() -> None:
    """Checkpoints are whole, whoever wrote them."""
    steps = {"train.max_steps": 24, "train.eval_strategy": "no", "train.save_steps": 12}
    whole = train(2, "tiny_sft.toml", "on-0", steps | slices(0, 2))
    three = train(2, "tiny_sft.toml", "on-3", steps | slices(3, 2))
    for name, ranks, stage, of in (("on-3-to-1", 1, 0, three), ("on-3-to-3-of-4", 4, 3, three), ("on-0-to-3", 2, 3, whole), ("on-3-to-2", 2, 2, three)):
        out = train(ranks, "tiny_sft.toml", name, steps | slices(stage, ranks), f"--resume={of}/checkpoint-12")
        apart = farthest(weights(out), weights(whole))
        print(f"{name}: {apart:.2e} from the run that went on as it was")
        assert apart <= 1e-5, name
        if ranks == 2:
            assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes(), name


def checkpoints_in_slices_are_read_by_any_number_of_ranks() -> None:
    steps = {"train.max_steps": 24, "train.eval_strategy": "no", "train.save_steps": 12}
    sliced = {"train.save_sharded": "true"}
    whole = train(2, "tiny_sft.toml", "unsliced", steps | slices(0, 2))
    of = {stage: train(2, "tiny_sft.toml", f"sliced-{stage}", steps | slices(stage, 2) | sliced) for stage in (2, 3)}
    for stage, out in of.items():
        assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes(), stage
        names = {path.name for path in (out / "checkpoint-12").iterdir()}
        assert {"model.slices.json", "model.slices-00001-of-00002.safetensors", "model.slices-00002-of-00002.safetensors"} <= names and "optimizer.pt" not in names, names
        assert ("model.safetensors" in names) == (stage == 2), names
        for ranks, to in ((2, 3),) if stage == 2 else ((1, 0), (4, 2)):
            again = train(ranks, "tiny_sft.toml", f"sliced-{stage}-to-{to}-of-{ranks}", steps | slices(to, ranks), f"--resume={out}/checkpoint-12")
            apart = farthest(weights(again), weights(whole))
            print(f"{again.name}: {apart:.2e} from the run that went on as it was")
            assert apart <= 1e-5 and (ranks != 2 or apart == 0), again.name
    # whoever opens the folder has a model
    losses_of = []
    for out in (whole, of[3]):
        subprocess.run([PROGRAM, "evaluate", str(out / "checkpoint-24")], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=True)
        losses_of.append(json.loads((out / "eval_results.json").read_text())["eval_loss"])
    assert losses_of[0] == losses_of[1], losses_of


def orders_and_streams_are_shared() -> None:
    steps = {"train.max_steps": 12, "train.eval_strategy": "no", "train.save_strategy": "no"}
    for name, more in {"rebalanced": {"train.train_sampling_strategy": "batch_rebalance"}, "streamed": {"data.streaming": "true", "data.eval_rows": 0},
                       "dropped": {"train.dataloader_drop_last": "true", "data.limit": 91}}.items():
        agree([train(1, "tiny_sft.toml", name + "-1", steps | more | share(1, 4, 2)), train(2, "tiny_sft.toml", name + "-2", steps | more | share(2, 4, 1))], name)


def raft_selects_the_same() -> None:
    # adamw's first step is the gradient's sign: with a larger epsilon one that is rounding alone does not go that far
    settings = {"train.learning_rate": 1e-3, "train.adam_epsilon": 1e-5, "raft.prompts_per_iteration": 8, "raft.kl_beta": 0.01}
    runs = [train(ranks, "tiny_raft.toml", f"raft-{ranks}", settings | {"train.per_device_train_batch_size": 4 // ranks}) for ranks in (1, 2, 4)]
    runs.append(train(2, "tiny_raft.toml", "raft-cut", settings | {"train.per_device_train_batch_size": 2, "train.zero_stage": 3, "train.ddp_bucket_cap_mb": 0.01}))
    agree(runs, "RAFT")
    for iteration in range(1, 5):
        rows = [read_rows(run / f"samples/iteration-{iteration:04}.jsonl") for run in runs]
        chosen = [[(row["prompt"], row["completion"], row["kept"], row["reward"]) for row in each] for each in rows]
        assert all(each == chosen[0] for each in chosen) and len(chosen[0]) == 32, iteration


def what_the_ranks_cannot_share_is_refused() -> None:
    for settings, word in (({"train.auto_find_batch_size": "true"}, "memory may end on one of them alone"), ({"train.device": "cuda"}, 'use device = "cpu"'),
                           ({"train.zero_stage": 1, "train.optim": "adafactor"}, "rows and columns")):
        done = launched(2, *training("tiny_sft.toml", SCRATCH / "refused", settings), code=2, env=ENVIRONMENT | {"CUDA_VISIBLE_DEVICES": ""})
        assert word in done.stderr, done
        assert not (SCRATCH / "refused").exists()


def the_doctor_measures_the_ranks() -> None:
    def doctor(*launch: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run([PROGRAM, *launch, "doctor", "--dist", "--quick"], env=ENVIRONMENT | environment, capture_output=True, text=True, timeout=60)

    done = doctor("launch", "--nproc", "2")
    print(done.stdout)
    assert done.returncode == 0 and "2 ranks, started by slipway launch" in done.stdout and len(re.findall(r"[0-9.]+ ms", done.stdout)) == 9, done
    assert ("warning: the ranks on host" in done.stdout) == (len(os.sched_getaffinity(0)) < 2), done.stdout
    crowded = doctor("launch", "--nproc", "2", OMP_NUM_THREADS=str(len(os.sched_getaffinity(0))))
    assert "set OMP_NUM_THREADS to the cores of one rank" in crowded.stdout, crowded
    alone = doctor()
    assert alone.returncode == 1 and "slipway launch --nproc 2 doctor --dist" in alone.stderr, alone


LONG = {"train.max_steps": 2000, "train.eval_strategy": "no", "train.save_steps": 10, "train.save_total_limit": 3, "train.per_device_train_batch_size": 4,
        "train.gradient_accumulation_steps": 1, "train.lr_scheduler_type": "constant"}


def a_dead_or_hung_rank_is_named() -> None:
    for number, (how, victim) in enumerate(((signal.SIGKILL, 1), (signal.SIGKILL, 0), (signal.SIGSTOP, 1), (signal.SIGSTOP, 0))):
        out = SCRATCH / f"lost-{number}"
        run = Ranks(training("tiny_sft.toml", out, LONG))
        run.wait_for_steps(out, 3)
        run.signal(victim, how)
        code, text, seconds = run.ends(1 - victim, 20)
        run.processes[victim].kill()
        run.processes[victim].communicate()
        assert code == RANK_LOST, (how, victim, code, text[-2000:])
        last = text.strip().splitlines()[-1]
        print(f"{how.name} of rank {victim}: {seconds:.1f} s: {last}")
        assert f"rank {victim}" in last and seconds <= LIMIT + 2, (last, seconds)


def a_signal_to_one_stops_all_and_the_run_goes_on_to_the_same_bits() -> None:
    short = LONG | {"train.max_steps": 40}
    whole = train(2, "tiny_sft.toml", "whole", short)
    for number, how in enumerate((signal.SIGTERM, signal.SIGKILL)):
        out = SCRATCH / f"stopped-{number}"
        run = Ranks(training("tiny_sft.toml", out, short))
        run.wait_for_steps(out, 13)
        run.signal(1, how)
        codes = [run.ends(rank, 20)[0] for rank in (0, 1)]
        assert codes == ([INTERRUPTED] * 2 if how == signal.SIGTERM else [RANK_LOST, -9]), codes
        train(2, "tiny_sft.toml", out.name, short, "--resume")
        assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes(), how.name
        assert losses(out) == losses(whole), how.name


CHECKS = [sft_is_the_same_for_any_number_of_ranks, a_shared_optimizer_gives_the_same_bits_and_the_same_files, what_ranks_cut_is_the_same_run, what_was_cut_goes_on_cut_otherwise, checkpoints_in_slices_are_read_by_any_number_of_ranks, orders_and_streams_are_shared, raft_selects_the_same, what_the_ranks_cannot_share_is_refused, the_doctor_measures_the_ranks,
          a_dead_or_hung_rank_is_named, a_signal_to_one_stops_all_and_the_run_goes_on_to_the_same_bits]

run_checks(CHECKS, sys.argv[2:])
shutil.rmtree(SCRATCH)
