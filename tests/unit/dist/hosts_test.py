#!/usr/bin/env python3
"""Ranks on two hosts, which are network namespaces with a switch between them: they meet, they are
found by what a cluster sets, and a link that is cut is named on both sides. hosts_test.py RANK_PROGRAM"""
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "e2e"))
from two_hosts import TwoHosts  # noqa: E402

PROGRAM = sys.argv[1]
ADDRESSES = TwoHosts.ADDRESSES
LIMIT = 2  # seconds of silence, in the scenarios
hosts = TwoHosts()


class Ranks:
    """One process for each (host, variables), with its output in pipes."""

    def __init__(self, arguments, places):
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "OMPI_"))}
        self.processes = [
            subprocess.Popen(
                [*hosts.command_on(host), PROGRAM, *arguments], stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, env={**plain, "OMP_NUM_THREADS": "1", **variables})
            for host, variables in places
        ]

    def wait_for(self, text):
        for process in self.processes:
            line = process.stdout.readline()
            assert text in line, f"{line!r} in place of {text!r}: {process.stderr.read()}"

    def ended(self, limit):
        """(code, errors, seconds) of each; the code is None where it was killed here."""
        start, results = time.monotonic(), []
        for process in self.processes:
            try:
                _, errors = process.communicate(timeout=max(0.1, limit - (time.monotonic() - start)))
                results.append((process.returncode, errors, time.monotonic() - start))
            except subprocess.TimeoutExpired:
                process.kill()
                results.append((None, process.communicate()[1], limit))
        return results


def torchrun_places(port, **more):
    """Two hosts with two ranks each."""
    return [(host, {"RANK": str(2 * host + local), "LOCAL_RANK": str(local), "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2",
                    "GROUP_RANK": str(host), "MASTER_ADDR": ADDRESSES[0], "MASTER_PORT": str(port), **more})
            for host in (0, 1) for local in (0, 1)]


def expect_all_well(results):
    for rank, (code, errors, _) in enumerate(results):
        assert code == 0, f"rank {rank} ended with {code}: {errors}"


def four_ranks_on_two_hosts():
    expect_all_well(Ranks(["trains_for", "1"], torchrun_places(29511)).ended(30))


def slurm():
    places = [(host, {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_PROCID": str(host), "SLURM_NTASKS": "2",
                      "SLURM_STEP_NUM_TASKS": "2", "SLURM_LOCALID": "0", "SLURM_NODEID": str(host), "SLURM_NNODES": "2",
                      "SLURM_STEP_NODELIST": "10.77.0.[1-2]", "SLURM_STEP_TASKS_PER_NODE": "1(x2)"}) for host in (0, 1)]
    expect_all_well(Ranks(["meets", "20"], places).ended(30))


def pods_whose_first_knows_itself_as_localhost():
    places = [(host, {"RANK": str(host), "WORLD_SIZE": "2", "MASTER_PORT": "23456",
                      "MASTER_ADDR": "localhost" if host == 0 else ADDRESSES[0]}) for host in (0, 1)]
    expect_all_well(Ranks(["meets", "20"], places).ended(30))


def what_cannot_be_is_named():
    wrong = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_PORT": "23456", "MASTER_ADDR": "localhost"}
    [(code, errors, _)] = Ranks(["meets", "1"], [(1, wrong)]).ended(10)
    assert code == 1 and "MASTER_ADDR=localhost is this machine itself" in errors, errors
    [(code, errors, _)] = Ranks(["meets", "1"], [(1, {**wrong, "MASTER_ADDR": "no-host.invalid"})]).ended(10)
    assert code == 1 and "MASTER_ADDR=no-host.invalid is not known here" in errors, errors
    [(code, errors, _)] = Ranks(["meets", "1"], [(1, {**wrong, "MASTER_ADDR": "172.31.0.9"})]).ended(10)
    assert code == 1 and "there is no way from here to MASTER_ADDR=172.31.0.9" in errors, errors
    [(code, errors, _)] = Ranks(["meets", "1"], [(1, {**wrong, "MASTER_ADDR": ADDRESSES[0]})]).ended(10)
    assert code == 1 and f"nothing takes connections at {ADDRESSES[0]}:23456" in errors, errors


def a_cut_link_is_named_on_both_sides():
    """SLIPWAY_CUTS=20 in the environment cuts so often, at random moments."""
    draw, longest = random.Random(20), 0.0
    for cut in range(int(os.environ.get("SLIPWAY_CUTS", "1"))):
        ranks = Ranks(["trains"], torchrun_places(29520 + cut))
        ranks.wait_for("trains")
        time.sleep(draw.uniform(0, 0.1))
        hosts.set_link("down")
        try:
            results = ranks.ended(LIMIT + 8)
        finally:
            hosts.set_link("up")
        for rank, (code, errors, seconds) in enumerate(results):
            assert code == 75, f"cut {cut}: rank {rank} ended with {code}: {errors}"
            assert seconds < LIMIT + 2, f"cut {cut}: rank {rank} took {seconds:.1f} s"
            words = ["LOST: rank 2 (", "LOST: rank 3 ("] if rank < 2 else ["LOST: rank 0 ("]
            assert any(word in errors for word in words), f"cut {cut}: rank {rank}: {errors}"
            longest = max(longest, seconds)
    print(f"the last rank ended {longest:.2f} s after a cut")


def a_short_break_is_survived():
    ranks = Ranks(["trains_for", "3"], torchrun_places(29514))
    ranks.wait_for("trains")
    hosts.set_link("down")
    time.sleep(LIMIT / 3)
    hosts.set_link("up")
    expect_all_well(ranks.ended(30))


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
with hosts:
    for case in (four_ranks_on_two_hosts, slurm, pods_whose_first_knows_itself_as_localhost, what_cannot_be_is_named,
                 a_cut_link_is_named_on_both_sides, a_short_break_is_survived):
        start = time.monotonic()
        case()
        print(f"{case.__name__}: {time.monotonic() - start:.1f} s", flush=True)
