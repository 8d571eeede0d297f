"""slipway launch: restarts, several nodes, what it says of a wrong command line, and the examples of configs/launch.

usage: launch_nodes_test.py SLIPWAY [CHECK...]
"""
import hashlib
import json
import os
import pathlib
import re
import signal
import stat
import subprocess

from launches import PLAIN, SCRATCH, ended, file_of, launch, lines_of, rank_program, run_launch_checks, start, wait_for
from rank_runs import PROGRAM, ROOT


# ---- restarts -------------------------------------------------------------------------------------------------------

def failed_ranks_are_started_again() -> None:
    lives = file_of("lives")
    note = f"open({str(lives)!r}, 'a').write(' '.join((str(life), str(rank), os.environ['MASTER_PORT'], os.environ['SLIPWAY_RUN_TOKEN'], os.environ['TORCHELASTIC_RUN_ID'])) + '\\n')\n"
    code, _, err = launch("--nproc", 2, "--max-restarts", 3, *rank_program(note + f"while open({str(lives)!r}).read().count('\\n') < 2 * life + 2: time.sleep(0.01)\nif life == 2: sys.exit(0)\nsys.exit(9) if rank == life else time.sleep(100)"))
    assert code == 0 and "all ranks are started again (1 of 3 restarts)" in err and "(2 of 3 restarts)" in err and "(3 of" not in err, (code, err)
    seen = [line.split() for line in lines_of(lives)]
    assert sorted((int(l), int(r)) for l, r, *_ in seen) == [(l, r) for l in range(3) for r in range(2)], seen
    assert len({token for *_, token, _ in seen}) == 3 and len({(l, port) for l, _, port, *_ in seen}) == 3 and len({line[4] for line in seen}) == 1, seen
    code, _, err = launch("--nproc", 2, "--max-restarts", 2, *rank_program("sys.exit(9) if rank else time.sleep(100)"))
    assert code == 9 and err.count("are started again") == 2, (code, err)
    for ending in (0, 2, 85):
        code, _, err = launch("--max-restarts", 3, "--", "sh", "-c", f"exit {ending}")
        assert code == ending and "again" not in err, (code, err)
    ready = file_of("ready")
    process = start("--max-restarts", 3, "--", "sh", "-c", f"echo x >>{ready}; sleep 100")
    wait_for(lambda: lines_of(ready), "the rank")
    process.terminate()
    code, _, err = ended(process)
    assert code == 143 and "again" not in err and lines_of(ready) == ["x"], "who asks to stop wants no restart"


def run_file_for(name: str, **settings: object) -> list[str]:
    settings = {"run.output_dir": f"{SCRATCH}/{name}", "data.limit": 80, "data.eval_rows": 16, "train.eval_strategy": "no", "train.max_steps": 30, "train.save_steps": 5, **settings}
    return ["train", str(ROOT / "tests/e2e/tiny_sft.toml"), *(word for k, v in settings.items() for word in ("--set", f"{k}={json.dumps(v) if isinstance(v, str) else v}"))]


def weights_of(name: str) -> str:
    return hashlib.sha256((SCRATCH / name / "model.safetensors").read_bytes()).hexdigest()


def ranks_of(process: subprocess.Popen, number: int) -> list[int]:
    """The processes of the ranks, by rank, once each of them is slipway-run."""
    def found():
        ranks = {}
        for child in pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            try:
                place = re.search(rb"\0RANK=(\d+)", pathlib.Path(f"/proc/{child}/environ").read_bytes())  # nothing while it becomes another program
                if place and os.readlink(f"/proc/{child}/exe").endswith("slipway-run"):
                    ranks[int(place[1])] = int(child)
            except OSError:
                continue
        return [ranks[rank] for rank in range(number)] if len(ranks) == number else None
    return wait_for(found, "ranks")


def a_run_goes_on_from_its_own_checkpoint() -> None:
    threads = {"env": PLAIN | {"OMP_NUM_THREADS": "1"}, "cwd": ROOT}
    code, _, err = launch("--nproc", 1, *run_file_for("again", **{"train.max_steps": 10}), **threads)
    assert code == 0, err
    # An earlier run in the same folder is not this one's: a first life that ends before its run began begins again.
    earlier = weights_of("again")
    process = start("--nproc", 2, "--max-restarts", 3, *run_file_for("again", **{"train.seed": 8}), **threads)
    os.kill(ranks_of(process, 2)[0], signal.SIGKILL)
    wait_for(lambda: (SCRATCH / "again.1").exists(), "the second life's run begins")
    wait_for(lambda: list((SCRATCH / "again").glob("checkpoint-10")), "a checkpoint of the second life")
    os.kill(ranks_of(process, 2)[1], signal.SIGKILL)
    code, _, err = ended(process)
    assert code == 0 and err.count("are started again") == 2 and err.count("resuming from") == 1, err
    assert re.search(r"slipway: rank 1 \(process \d+\) was killed by SIGKILL", err), err
    code, _, said = launch("--nproc", 2, *run_file_for("other", **{"train.seed": 8}), **threads)
    assert code == 0 and weights_of("again") == weights_of("other") != earlier, said
    assert weights_of("again.1") == earlier and not (SCRATCH / "again.2").exists()


def a_stop_of_one_rank_saves() -> None:
    """Slurm and systemd signal the ranks, too: a second request is no reason to end unsaved."""
    for name, signals_launch in (("stopped-one", False), ("stopped-both", True)):
        process = start("--nproc", 2, *run_file_for(name, **{"train.max_steps": 100000, "train.save_steps": 1000, "train.logging_steps": 1}), env=PLAIN | {"OMP_NUM_THREADS": "1"}, cwd=ROOT)
        ranks = ranks_of(process, 2)
        try:
            wait_for(lambda: process.poll() is not None or len(lines_of(SCRATCH / name / "metrics.jsonl")) > 3, "training", 60)
            assert process.poll() is None
        except AssertionError:
            process.kill()
            raise AssertionError(f"no training in a minute, or its end: {process.communicate()}") from None
        os.kill(ranks[1], signal.SIGTERM)
        if signals_launch:
            process.terminate()
        code, _, err = ended(process)
        assert code == 85 and list((SCRATCH / name).glob("checkpoint-*")), (code, err)


# ---- several nodes, and the command line ----------------------------------------------------------------------------

def two_nodes_are_one_group() -> None:
    secret = PLAIN | {"SLIPWAY_RUN_TOKEN": "a secret that is long enough"}
    told = rank_program("print(*(os.environ[k] for k in ('RANK', 'LOCAL_RANK', 'GROUP_RANK', 'WORLD_SIZE', 'LOCAL_WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT', 'SLIPWAY_RUN_TOKEN', 'TORCHELASTIC_RUN_ID')))")
    seen, ids = [], set()
    for node, place in ((0, ["--master-addr", "host0"]), (1, ["--rdzv-endpoint", "host0:29500"])):
        code, out, err = launch("--nnodes", 2, "--node-rank", node, *place, "--nproc", 2, *told, env=secret)
        assert code == 0, err
        for line in sorted(out.splitlines()):
            prefix, *words, run_id = line.split(" ")
            assert prefix == f"[{words[0]}]", line
            seen.append(" ".join(words))
            ids.add(run_id)
    assert seen == [f"{rank} {rank % 2} {rank // 2} 4 2 host0 29500 a secret that is long enough" for rank in range(4)] and len(ids) == 1, seen
    _, out, _ = launch("--rdzv-endpoint", "[fe80::1]:1234", "--", "sh", "-c", "echo $MASTER_ADDR $MASTER_PORT")
    assert out == "[0] fe80::1 1234\n", out


def what_is_wrong_is_said_before_anything_starts() -> None:
    ran = file_of("ran")
    run = ["--", "sh", "-c", f"echo x >>{ran}"]
    two, secret = ["--nnodes", 2, "--node-rank", 0, "--master-addr", "h"], {"SLIPWAY_RUN_TOKEN": "x" * 16}
    for arguments, said, more in [
            (["--nproc", 0, *run], "--nproc is 0: a number from 1", {}), (["--nproc", "two", *run], '--nproc is "two"', {}), (["--nproc", 9999, *run], "--nproc is 9999", {}),
            ([], "nothing to launch is named", {}), (["--"], "nothing to launch is named", {}), (["--nproc", 2], "nothing to launch is named", {}),
            (["tarin", "x.toml"], 'did you mean "train"?', {}), (["x.toml"], '"x.toml" is nothing that several processes do together', {}), (["config", "check"], '"config" is nothing', {}),
            (["launch", *run], "name it once", {}), (["--", "no-such-program"], "no-such-program: no such program in PATH", {}), (["--", "/etc/passwd"], "/etc/passwd: no such program", {}),
            (["--nprocs", 2, *run], 'did you mean "--nproc"?', {}), (["--nproc"], "--nproc", {}), (["--max-restarts", -1, *run], "--max-restarts is -1", {}), (["--grace", -1, *run], "--grace is -1", {}),
            (["--grace", "nan", *run], "a number is needed", {}), (["--port", 70000, *run], "--port is 70000", {}), (["--nnodes", 0, *run], "--nnodes is 0", {}),
            (["--nnodes", 2, *run], "say which of them this one is: --node-rank 0 to 1", {}), (["--nnodes", 2, "--node-rank", 2, *run], "--node-rank is 2", {}),
            (["--nnodes", 2, "--node-rank", 0, *run], "--master-addr HOST", {}), ([*two, *run], "SLIPWAY_RUN_TOKEN is not set", {}), ([*two, *run], "SLIPWAY_RUN_TOKEN is shorter", {"SLIPWAY_RUN_TOKEN": "x"}),
            ([*two, "--max-restarts", 1, *run], "--max-restarts is for one node", secret), ([*two, "--rdzv-endpoint", "h:1", *run], "give one of both", secret),
            *((["--rdzv-endpoint", place, *run], "HOST:PORT is needed", {}) for place in ("h", "h:", ":1", "h:x", "h:70000", ":")),
            (run, "LOCAL_RANK = 0: this process is a rank of a group already", {"LOCAL_RANK": "0"}), (run, "RANK = 1 and WORLD_SIZE = 2", {"RANK": "1", "WORLD_SIZE": "2"}),
            (run, "srun has started 2 processes", {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"}), (run, "srun", {"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}),
            (run, "mpirun has started 4 processes", {"OMPI_COMM_WORLD_SIZE": "4"})]:
        code, out, err = launch(*arguments, env=PLAIN | more)
        assert code == 2 and said in err and out == "" and "re-run" not in err, (arguments, code, err)
    assert not ran.exists()
    code, _, err = launch("--", PROGRAM, "launch", *run)
    assert code == 2 and "is a rank of a group already" in err and not ran.exists(), (code, err)
    code, out, _ = launch("--help")
    assert code == 0 and out.startswith("usage: slipway launch [options] train|evaluate|predict FILE") and "--node-rank" in out and max(map(len, out.splitlines())) <= 100, out
    assert subprocess.run([PROGRAM, "help", "launch"], capture_output=True, text=True).stdout == out
    code, _, err = launch("train", "nowhere.toml")
    assert code == 2 and "nowhere.toml" in err and "rank 0" in err, (code, err)
    code, _, err = launch("--", SCRATCH / "tmp/../text")
    assert code == 2
    with open("/dev/full", "w") as full:
        code, _, err = launch("--help", stdout=full)
    assert code == 1 and "No space left on device" in err, (code, err)


# ---- configs/launch -------------------------------------------------------------------------------------------------

TELL = "for k in RANK WORLD_SIZE LOCAL_RANK MASTER_ADDR MASTER_PORT SLIPWAY_RUN_TOKEN OMP_NUM_THREADS SLURM_PROCID SLURM_NTASKS SLURM_LOCALID OMPI_COMM_WORLD_RANK OMPI_COMM_WORLD_SIZE GLOO_SOCKET_IFNAME; do eval echo $k=\\$$k; done"
# Programs in the place of those that are not on this machine: they set what theirs set, and start what theirs start.
STAND_INS = {
    # a launch is a real one, of this stand-in
    "slipway": f"#!/bin/sh\nif [ $1 = launch ]; then\n  left=$#\n  while [ $left -gt 0 ]; do a=$1; shift; [ $a != train ] || set -- \"$@\" -- $0; set -- \"$@\" \"$a\"; left=$((left - 1)); done\n"
               f"  exec {PROGRAM} \"$@\"\nfi\n{{ echo args \"$@\"; {TELL}; echo end; }} >>$TOLD.$$\nexit ${{ENDS_WITH:-0}}\n",
    "torchrun": """#!/usr/bin/env python3
import os, subprocess, sys
a, given = sys.argv[1:], {}
assert a.pop(0) == "--no-python"
while a[0].startswith("--"):
    option = a.pop(0)
    given[option] = a.pop(0)
assert given["--rdzv-backend"] == "c10d" and given["--nnodes"] == "2" and given["--max-restarts"] == "3", given
for local in range(int(given["--nproc-per-node"])):
    rank = int(os.environ["NODE"]) * 2 + local
    env = dict(os.environ, RANK=str(rank), LOCAL_RANK=str(local), WORLD_SIZE="4", MASTER_ADDR=given["--rdzv-endpoint"].split(":")[0], MASTER_PORT="1234")
    subprocess.run(a, env=env, check=True)
""",
    "scontrol": "#!/bin/sh\nif [ $1 = requeue ]; then echo $2 >$TOLD.requeued; else echo node7; echo node8; fi\n",
    "srun": "#!/bin/sh\n[ $1 = --kill-on-bad-exit=1 ] || exit 9\nshift\nexport SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2\ncode=0\nfor i in 0 1; do SLURM_PROCID=$i SLURM_LOCALID=$i \"$@\" || code=$?; done\nexit $code\n",
    "mpirun": """#!/usr/bin/env python3
import os, subprocess, sys
a, exported, hosts = sys.argv[1:], {"PATH"}, ""
while a[0].startswith("-"):
    option = a.pop(0)
    if option == "-x": exported.add(a.pop(0))
    elif option == "--host": hosts = a.pop(0)
    elif option == "--bind-to": assert a.pop(0) == "none"
    else: assert option == "--tag-output", option
size = sum(int(h.split(":")[1]) for h in hosts.split(","))
for rank in range(size):
    env = {k: os.environ[k] for k in exported | {"TOLD"}} | {"OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_SIZE": str(size)}
    subprocess.run(a, env=env, check=True)
""",
}


def run_example(name: str, *arguments: str, code: int = 0, **variables: str) -> list[dict]:
    """Runs it among the stand-ins: what each `slipway train` found, with its arguments as "args"."""
    bin_ = SCRATCH / "bin"
    if not bin_.exists():
        bin_.mkdir()
        for program, text in STAND_INS.items():
            (bin_ / program).write_text(text)
            (bin_ / program).chmod(0o755)
    told = SCRATCH / "told"
    for old in SCRATCH.glob("told.*"):
        old.unlink()
    done = subprocess.run([str(ROOT / "configs/launch" / name), *arguments], env=PLAIN | {"PATH": f"{bin_}:{PLAIN['PATH']}", "TOLD": str(told), **variables}, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (name, done)
    found = []
    for file in SCRATCH.glob("told.[0-9]*"):
        for each in file.read_text().split("end\n")[:-1]:
            first, *rest = each.splitlines()
            found.append({"args": first.removeprefix("args "), **dict(line.split("=", 1) for line in rest if not line.endswith("="))})
    return sorted(found, key=lambda e: int(e.get("RANK", e.get("SLURM_PROCID", e.get("OMPI_COMM_WORLD_RANK", 0)))))


def secrets_of(found: list[dict]) -> set:
    tokens = {each["SLIPWAY_RUN_TOKEN"] for each in found}
    assert len(tokens) == 1 and len(tokens.copy().pop()) >= 16, tokens
    return tokens


def the_examples_start_their_ranks() -> None:
    for path in (ROOT / "configs/launch").iterdir():
        if path.suffix in (".sh", ".sbatch"):
            subprocess.run(["bash", "-n", path], check=True)
            assert path.stat().st_mode & stat.S_IXUSR, path
    secret = {"SLIPWAY_RUN_TOKEN": "s" * 32}
    run_example("torchrun.sh", code=1)
    run_example("torchrun.sh", "run.toml", code=1, RDZV_ENDPOINT="h:1")
    seen = [each for node in "01" for each in run_example("torchrun.sh", "run.toml", "--set", "a=b", RDZV_ENDPOINT="h:29400", NPROC="2", NODE=node, **secret)]
    assert [(e["args"], e["RANK"], e["LOCAL_RANK"], e["WORLD_SIZE"], e["MASTER_ADDR"]) for e in seen] == [("train run.toml --set a=b --resume", str(r), str(r % 2), "4", "h") for r in range(4)], seen

    slurm = {"SLURM_JOB_NODELIST": "node[7-8]", "SLURM_JOB_ID": "123456", "SLURM_CPUS_PER_TASK": "8"}
    first = run_example("slurm.sbatch", "run.toml", **slurm)
    assert [(e["args"], e["SLURM_PROCID"], e["SLURM_LOCALID"], e["SLURM_NTASKS"], e["MASTER_ADDR"], e["MASTER_PORT"], e["OMP_NUM_THREADS"]) for e in first] == \
        [("train run.toml --resume", str(r), str(r), "2", "node7", "23456", "8") for r in range(2)], first
    assert not (SCRATCH / "told.requeued").exists()
    second = run_example("slurm.sbatch", "run.toml", code=85, ENDS_WITH="85", **slurm)
    assert (SCRATCH / "told.requeued").read_text() == "123456\n" and not secrets_of(first) & secrets_of(second)
    run_example("slurm.sbatch", "run.toml", code=1, ENDS_WITH="1", **slurm)
    assert not (SCRATCH / "told.requeued").exists()

    seen = run_example("mpirun.sh", "run.toml", HOSTS="host0:2,host1:1")
    assert [(e["args"], e["OMPI_COMM_WORLD_RANK"], e["OMPI_COMM_WORLD_SIZE"], e["MASTER_ADDR"], e["MASTER_PORT"]) for e in seen] == [("train run.toml --resume", str(r), "3", "host0", "29500") for r in range(3)], seen
    secrets_of(seen)


def sagemaker_starts_a_launch_on_each_host() -> None:
    root = SCRATCH / "ml"
    (root / "input/config").mkdir(parents=True)
    (root / "checkpoints/run").mkdir(parents=True)
    for name in ("model.safetensors", "config.json", "metrics.jsonl"):
        (root / "checkpoints/run" / name).write_text(name)
    where = {"SLIPWAY_ML_ROOT": str(root), "SLIPWAY_RUN_TOKEN": "s" * 32, "OMP_NUM_THREADS": "1"}
    resources = root / "input/config/resourceconfig.json"
    for node, current in ((1, "algo-2"), (0, "algo-1")):
        assert not (root / "model").exists(), "the first host alone hands over the model"
        resources.write_text(json.dumps({"current_host": current, "hosts": ["algo-1", "algo-2"], "network_interface_name": "eth3", "instance_groups": [{"hosts": ["algo-1"], "instance_group_name": "x"}]}, indent=1)
                             if node else json.dumps({"current_host": current, "hosts": ["algo-1", "algo-2"], "network_interface_name": "eth3"}))
        (seen,) = run_example("sagemaker_entry.sh", **where)
        assert (seen["RANK"], seen["WORLD_SIZE"], seen["MASTER_ADDR"], seen["MASTER_PORT"], seen["GLOO_SOCKET_IFNAME"]) == (str(node), "2", "algo-1", "29500", "eth3"), seen
        assert seen["args"] == f"train {root}/input/data/config/run.toml --set run.output_dir={root}/checkpoints/run --resume", seen
    assert sorted(p.name for p in (root / "model").iterdir()) == ["config.json", "model.safetensors"]


def the_job_of_kubernetes_is_well_formed() -> None:
    try:
        import yaml
    except ImportError:
        return print("  no yaml here: pytorchjob.yaml is not read")
    job = yaml.safe_load((ROOT / "configs/launch/pytorchjob.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v1", "PyTorchJob")
    for kind, replicas in job["spec"]["pytorchReplicaSpecs"].items():
        (container,) = replicas["template"]["spec"]["containers"]
        assert kind in ("Master", "Worker") and replicas["replicas"] == 1 and replicas["restartPolicy"] == "OnFailure"
        assert container["name"] == "pytorch" and container["command"] == ["slipway", "train", "run.toml", "--resume"]
        assert container["env"][0]["valueFrom"]["secretKeyRef"] == {"name": "slipway", "key": "token"}


run_launch_checks([failed_ranks_are_started_again, a_run_goes_on_from_its_own_checkpoint, a_stop_of_one_rank_saves, two_nodes_are_one_group,
                   what_is_wrong_is_said_before_anything_starts, the_examples_start_their_ranks, sagemaker_starts_a_launch_on_each_host,
                   the_job_of_kubernetes_is_well_formed])
