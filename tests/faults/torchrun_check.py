"""Runs under real torchrun: two agents on two hosts (network namespaces) with two ranks each, as configs/launch/torchrun.sh starts them.

usage: torchrun_check.py SLIPWAY PYTHON     (PYTHON: one that has torch; see README.md)
"""
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from rank_runs import ENVIRONMENT, LIMIT, PROGRAM, launched, processes_with, rows_without_times, trained_steps, training  # noqa: E402
from two_hosts import TwoHosts  # noqa: E402

PYTHON = os.path.abspath(sys.argv[2])
SETTINGS = {"train.max_steps": 60, "train.save_steps": 7, "train.eval_strategy": "steps", "train.eval_steps": 20, "train.per_device_train_batch_size": 2,
            "train.gradient_accumulation_steps": 1, "data.eval_rows": 16}
RESTARTS = 2


class Agents:
    def __init__(self, hosts: TwoHosts, out: pathlib.Path, logs: pathlib.Path, port: int):
        self.mark = f"SLIPWAY_FAULTS={out}"
        self.out, token = out, secrets.token_hex(16)
        self.processes = [subprocess.Popen(
            [*hosts.command_on(node), PYTHON, "-m", "torch.distributed.run", "--no-python", "--nnodes", "2", "--nproc-per-node", "2", "--max-restarts", str(RESTARTS), "--rdzv-backend", "c10d",
             "--rdzv-endpoint", f"{hosts.ADDRESSES[0]}:{port}", "--rdzv-id", "check", "--local-addr", hosts.ADDRESSES[node], "--rdzv-conf", f"is_host={node == 0}",
             PROGRAM, *training("tiny_sft.toml", out, SETTINGS, "--quiet", "--resume")],
            env=ENVIRONMENT | {"SLIPWAY_RUN_TOKEN": token, "SLIPWAY_FAULTS": str(out)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for node in (0, 1)]

    def ranks(self) -> dict[int, tuple[int, dict[str, str]]]:
        """Process and environment of each rank that is there."""
        found = {}
        for pid in processes_with(self.mark):
            try:
                text = pathlib.Path(f"/proc/{pid}/environ").read_text()
                program = os.readlink(f"/proc/{pid}/exe")
            except OSError:
                continue
            variables = dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)
            if program.endswith("slipway-run") and "RANK" in variables:
                found[int(variables["RANK"])] = (pid, variables)
        return found

    def wait_for_steps(self, steps: int) -> None:
        give_up = time.monotonic() + 120
        while trained_steps(self.out) < steps:
            assert time.monotonic() < give_up and all(p.poll() is None for p in self.processes), [p.communicate()[1][-3000:] for p in self.processes]
            time.sleep(0.01)

    def ended(self, seconds: float = 180) -> list[tuple[int, str]]:
        try:
            return [(p.returncode, text) for p in self.processes for text in [p.communicate(timeout=seconds)[1]]]
        finally:
            for p in self.processes:
                p.kill()


def equal(out: pathlib.Path, whole: pathlib.Path) -> None:
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes(), "other weights than under slipway launch"
    assert rows_without_times(out) == rows_without_times(whole), "other rows than under slipway launch"


def is_there(process: pathlib.Path) -> bool:
    """A process that has ended has no program any more."""
    try:
        return bool(os.readlink(process))
    except OSError:
        return False


def nothing_is_left(agents: Agents) -> None:
    give_up = time.monotonic() + 5
    while left := processes_with(agents.mark):
        assert time.monotonic() < give_up, f"processes are left: {left}"
        time.sleep(0.05)


def main() -> None:
    root = pathlib.Path(tempfile.mkdtemp(prefix="slipway-torchrun-"))
    version = subprocess.run([PYTHON, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"torchrun of torch {version}")
    try:
        whole = root / "whole"
        launched(4, *training("tiny_sft.toml", whole, SETTINGS, "--quiet"))
        with TwoHosts() as hosts:
            agents = Agents(hosts, root / "plain", root, 29400)
            agents.wait_for_steps(3)
            variables = [variables for _, (_, variables) in sorted(agents.ranks().items())]
            codes = agents.ended()
            assert [code for code, _ in codes] == [0, 0], codes
            equal(root / "plain", whole)
            nothing_is_left(agents)
            print("4 ranks of two agents: the bits of slipway launch --nproc 4; the store is the agent's: "
                  f"{ {v.get('TORCHELASTIC_USE_AGENT_STORE') for v in variables} }, MASTER_ADDR {variables[0]['MASTER_ADDR']}")
            for number, (victim, how) in enumerate(((3, signal.SIGKILL), (0, signal.SIGKILL), (2, signal.SIGSTOP))):
                agents = Agents(hosts, root / f"lost-{number}", root, 29401 + number)
                agents.wait_for_steps(12)
                first_life = {rank: pid for rank, (pid, _) in agents.ranks().items()}
                begin = time.monotonic()
                os.kill(first_life[victim], how)
                others = [pathlib.Path(f"/proc/{pid}/exe") for rank, pid in first_life.items() if rank != victim]
                while any(map(is_there, others)):
                    assert time.monotonic() - begin < 60, "its ranks go on"
                    time.sleep(0.02)
                seconds = time.monotonic() - begin
                codes = agents.ended()
                text = "".join(said for _, said in codes)
                assert [code for code, _ in codes] == [0, 0], codes
                assert re.search(rf"rank {victim} \(host .*is lost", text), text[-3000:]
                equal(root / f"lost-{number}", whole)
                nothing_is_left(agents)
                print(f"{how.name} of rank {victim}: the others had ended {seconds:.1f} s later (the limit is {LIMIT} s), and torchrun started all again: the same bits")
    finally:
        shutil.rmtree(root, ignore_errors=True)


main()
