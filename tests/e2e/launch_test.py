"""slipway launch on one machine, with small programs in the place of ranks: what they get, what they print, how they end.

usage: launch_test.py SLIPWAY [CHECK...]
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

from launches import PLAIN, RANK, SCRATCH, TEMPORARY, ended, file_of, launch, lines_of, nothing_is_left, rank_program, run_launch_checks, start, wait_for
from rank_runs import PROGRAM, processes_with
from terminal import Terminal


# ---- what ranks get -------------------------------------------------------------------------------------------------

def each_rank_has_its_place() -> None:
    told = rank_program("""e = dict(os.environ)
e.update(fds=sorted(int(f) for f in os.listdir('/proc/self/fd')), stdin=os.readlink('/proc/self/fd/0'), group=os.getpgid(0) == os.getpid(),
         masked=[s for s in signal.pthread_sigmask(signal.SIG_BLOCK, [])], folder=oct(os.stat(os.path.dirname(e['TORCHELASTIC_ERROR_FILE'])).st_mode & 0o777),
         ignored=[l for l in open('/proc/self/status') if l.startswith('SigIgn')], argv=sys.argv[1:])
print(json.dumps(e))""")
    before = PLAIN | {"CUDA_VISIBLE_DEVICES": "7,5", "OWN": "x=y"}
    code, out, err = launch("--nproc", 3, "--max-restarts=2", *told, "--nproc", "9", env=before)
    assert code == 0 and err == "", (code, err)
    seen = {int(line[1]): json.loads(line[4:]) for line in out.splitlines()}
    assert sorted(seen) == [0, 1, 2], out
    for rank, e in seen.items():
        wanted = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "3", "LOCAL_WORLD_SIZE": "3", "GROUP_RANK": "0", "MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RESTART_COUNT": "0",
                  "TORCHELASTIC_MAX_RESTARTS": "2", "CUDA_VISIBLE_DEVICES": "7,5", "OWN": "x=y", "stdin": "/dev/null", "group": True, "masked": [], "folder": "0o700", "argv": ["--nproc", "9"],
                  "OMP_NUM_THREADS": str(max(1, len(os.sched_getaffinity(0)) // 3))}
        assert {k: e.get(k) for k in wanted} == wanted, {k: (e.get(k), v) for k, v in wanted.items() if e.get(k) != v}
        assert e["fds"] == [0, 1, 2, 3], f"0 to 2, and the folder that is being listed: {e['fds']}"
        assert int(e["ignored"][0].split()[1], 16) & 1 << signal.SIGPIPE - 1 == 1 << signal.SIGPIPE - 1, "Python ignores SIGPIPE by itself"
        assert re.fullmatch("[0-9a-f]{64}", e["SLIPWAY_RUN_TOKEN"]) and 0 < int(e["MASTER_PORT"]) < 65536
    for same in ("MASTER_PORT", "SLIPWAY_RUN_TOKEN", "TORCHELASTIC_RUN_ID"):
        assert len({e[same] for e in seen.values()}) == 1, same
    assert len({e["TORCHELASTIC_ERROR_FILE"] for e in seen.values()}) == 3
    assert launch("--", "sh", "-c", "kill -PIPE $$")[0] == 128 + signal.SIGPIPE, "SIGPIPE is as it was before the launch"
    code, out, _ = launch("--nproc", 2, "--", "sh", "-c", "echo $OMP_NUM_THREADS", env=PLAIN | {"OMP_NUM_THREADS": "5"})
    assert sorted(out.splitlines()) == ["[0] 5", "[1] 5"], out
    if not list(pathlib.Path("/dev").glob("nvidia[0-9]*")):
        assert launch("--", "sh", "-c", "echo $WORLD_SIZE")[1] == "[0] 1\n"
    nothing_is_left(str(TEMPORARY))


def it_starts_without_libtorch() -> None:
    begin = time.monotonic()
    for _ in range(10):
        assert launch("--", "true")[0] == 0
    print(f"  a launch of `true`: {(time.monotonic() - begin) * 100:.1f} ms")
    process = start("--", "sleep", "100")
    wait_for(lambda: pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[1:], "a rank")
    maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
    assert "libtorch" not in maps and "libstdc++" in maps, "loading LibTorch costs a quarter of a second and 200 MB"
    process.terminate()
    assert ended(process)[0] == 128 + signal.SIGTERM


# ---- what they print ------------------------------------------------------------------------------------------------

def lines_are_never_torn() -> None:
    ranks, lines = 4, 10_000
    text = rank_program(f"""import os
for i in range({lines}):
    os.write(1, f'out {{i}} '.encode()); os.write(1, b'x' * (i % 97) + b'\\n')
    if i % 4 == 0: os.write(2, f'err {{i}} {{"y" * (i % 97)}}\\n'.encode())""")
    both = file_of("both")
    with both.open("w") as file:  # both streams into one file, as `2>&1`
        code, _, _ = launch("--nproc", ranks, *text, stdout=file, stderr=file)
    assert code == 0
    next_out, next_err = [0] * ranks, [0] * ranks
    for line in lines_of(both):
        found = re.fullmatch(r"\[(\d)\] (?:out (\d+) (x*)|err (\d+) (y*))", line)
        assert found, f"torn: {line!r}"
        rank, is_out = int(found[1]), found[2] is not None
        number, filling = int(found[2] if is_out else found[4]), found[3] if is_out else found[5]
        assert len(filling) == number % 97, line
        expected = next_out if is_out else next_err
        assert number == expected[rank], f"rank {rank}: {number} after {expected[rank] - 1}"
        expected[rank] += 1 if is_out else 4
    assert next_out == [lines] * ranks and next_err == [lines] * ranks, (next_out, next_err)
    code, out, err = launch("--nproc", 2, *rank_program("print('no end', end=''); print('e' * 200_000, file=sys.stderr, end='')"))
    assert code == 0 and sorted(out.splitlines()) == ["[0] no end", "[1] no end"], out
    assert sorted(err.splitlines()) == [f"[{k}] " + "e" * 200_000 for k in range(2)]


def a_reader_that_leaves_ends_nothing() -> None:
    done = file_of("done")
    process = start("--nproc", 2, *rank_program(f"for i in range(3000): print('x' * 100)\nopen({str(done)!r}, 'a').write('done\\n')"))
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 0 and lines_of(done) == ["done"] * 2
    process.stderr.close()


def a_reader_that_waits_keeps_nobody_from_watching() -> None:
    process = start("--nproc", 2, "--grace", 1, *rank_program("while True: print('x' * 1000)"))
    process.stdout.readline()
    time.sleep(0.3)  # until all pipes are full
    process.terminate()
    wait_for(lambda: len(processes_with(f"TMPDIR={TEMPORARY}")) <= 2, "the ranks end, and leave the launch and its keeper")
    assert process.wait(timeout=10) == 128 + signal.SIGTERM, "it waits for its reader, but not longer than it said"
    process.stdout.close()
    process.stderr.close()
    nothing_is_left(str(TEMPORARY))


def rank_0_keeps_the_terminal() -> None:
    go = file_of("go")
    text = f"""import fcntl, termios, struct
if rank == 0:
    rows, columns = struct.unpack('HHHH', fcntl.ioctl(2, termios.TIOCGWINSZ, bytes(8)))[:2]
    print('terminal', os.isatty(1), os.isatty(2), rows, columns)
    for i in range(3): os.write(2, b'\\r\\033[K bar %d' % i); time.sleep(0.05)
    open({str(go)!r}, 'w')
    while os.path.exists({str(go)!r}): time.sleep(0.01)
    os.write(2, b'\\r\\033[K bar 3\\n')
else:
    while not os.path.exists({str(go)!r}): time.sleep(0.01)
    print('from', os.isatty(1), '\\033[31m'); time.sleep(0.1); os.remove({str(go)!r})"""
    shown = Terminal("/usr/bin/env", "-u", "RANK", f"TMPDIR={TEMPORARY}", PROGRAM, "launch", "--nproc", "2", *rank_program(text))
    import fcntl, struct, termios
    fcntl.ioctl(shown.end, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    assert shown.ended() == 0, shown.text()
    assert "terminal True True" in shown.text(), shown.text()
    assert "\r\033[K bar 2\r\033[K[1] from False \\x1b[31m\n\r\033[K bar 2" in shown.text(), repr(shown.text())
    assert shown.text().endswith("\r\033[K bar 3\n"), repr(shown.text())


def ctrl_c_on_a_terminal() -> None:
    shown = Terminal("/usr/bin/env", f"TMPDIR={TEMPORARY}", PROGRAM, "launch", "--nproc", "2",
                     *rank_program("signal.signal(signal.SIGINT, lambda *_: (print('saving', rank), time.sleep(0.2), sys.exit(85)))\nprint('ready', rank)\nsignal.pause(); time.sleep(9)"))
    shown.until(b"ready 0")
    shown.until(b"ready 1")
    shown.type(b"\x03")
    assert shown.ended() == 85 and "saving 0" in shown.text() and "[1] saving 1" in shown.text(), shown.text()
    assert "SIGINT is passed on to 2 ranks; a second one kills what is left" in shown.text(), shown.text()


def logs_are_whole() -> None:
    logs = SCRATCH / "logs/deep"
    code, out, _ = launch("--nproc", 2, "--log-dir", logs, *rank_program("print('a', rank); print('b', rank, file=sys.stderr); print('c', end='')"))
    assert code == 0 and "[1] a 1" in out
    assert {p.name: p.read_text() for p in logs.iterdir()} == {"rank-0.out": "a 0\nc\n", "rank-0.err": "b 0\n", "rank-1.out": "a 1\nc\n", "rank-1.err": "b 1\n"}
    launch("--log-dir", logs, *rank_program("print('again')"))
    assert (logs / "rank-0.out").read_text() == "a 0\nc\nagain\n", "what was there stays"
    code, _, err = launch("--log-dir", "/proc/nowhere", "--", "true")
    assert code == 1 and "/proc/nowhere" in err, (code, err)


# ---- how they end ---------------------------------------------------------------------------------------------------

def the_first_that_fails_is_named() -> None:
    waits = "time.sleep(100)"
    code, _, err = launch("--nproc", 3, *rank_program(f"sys.exit(7) if rank == 1 else {waits}"))
    assert code == 7 and re.search(r"slipway: rank 1 \(process \d+\) failed with exit code 7; the other ranks are asked to end, and have 30 s\n", err), (code, err)
    code, _, err = launch("--nproc", 2, *rank_program(f"os.kill(os.getpid(), 9) if rank == 1 else {waits}"))
    assert code == 137 and re.search(r"rank 1 \(process \d+\) was killed by SIGKILL", err), (code, err)
    code, _, err = launch("--nproc", 2, *rank_program(f"os.abort() if rank == 0 else {waits}"))
    assert code == 134 and "was ended by SIGABRT" in err, (code, err)
    says = "json.dump({'message': {'message': 'RuntimeError: no room\\x1b[2J', 'extraInfo': {}}}, open(os.environ['TORCHELASTIC_ERROR_FILE'], 'w')); sys.exit(1)"
    code, _, err = launch("--nproc", 2, *rank_program(f"if rank == 1: {says}\n{waits}"))
    assert code == 1 and "failed with exit code 1: RuntimeError: no room\\x1b[2J;" in err, (code, err)
    code, _, err = launch("--nproc", 2, "--", "sh", "-c", "exit 0")
    assert (code, err) == (0, "")


def state_of(pid: int) -> str:
    """T of a stopped process, Z of one that ended and was not waited for."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def a_lost_process_is_a_consequence() -> None:
    ready = file_of("ready")
    code, _, err = launch("--nproc", 2, *rank_program(f"""signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), 11))
if rank == 1: open({str(ready)!r}, 'w')
while rank == 0 and not os.path.exists({str(ready)!r}): time.sleep(0.01)
sys.exit(75) if rank == 0 else time.sleep(100)"""))
    assert code == 139 and "rank 0" in err and "lost another process of the run (exit code 75)" in err and "rank 1" in err.splitlines()[1] and "SIGSEGV" in err, (code, err)
    code, _, err = launch("--nproc", 3, *rank_program("sys.exit(75) if rank == 0 else time.sleep(100)"))
    assert code == 75, (code, err)
    hung = file_of("hung")
    process = start("--nproc", 2, "--grace", 0.5, *rank_program(f"signal.signal(signal.SIGUSR1, lambda *_: sys.exit(75) if rank == 0 else None)\nopen({str(hung)!r}, 'a').write(f'{{rank}} {{os.getpid()}}\\n')\nwhile True: time.sleep(100)"))
    pid = int(dict(line.split() for line in wait_for(lambda: len(lines_of(hung)) == 2 and lines_of(hung), "both ranks"))["1"])
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: state_of(pid) == "T", "rank 1 to be stopped")
    process.send_signal(signal.SIGUSR1)
    code, _, err = ended(process)
    assert code == 75 and "rank 1" in err and "has not ended in 0.5 s, and is killed" in err, (code, err)


def stopped_ranks_are_killed_after_the_grace() -> None:
    for how in ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "os.kill(os.getpid(), signal.SIGSTOP)"):
        ready = file_of("ready")
        process = start("--nproc", 2, "--grace", 0.4, *rank_program(f"if rank == 0: signal.signal(signal.SIGTERM, lambda *_: sys.exit(85))\nopen({str(ready)!r}, 'a').write(f'{{rank}} {{os.getpid()}}\\n')\nif rank == 1: {how}\nopen({str(ready)!r}, 'a').write('on\\n')\ntime.sleep(100)"))
        wait_for(lambda: len(lines_of(ready)) == (3 if "STOP" in how else 4), "both ranks")  # one that stops says no more
        pid = int(next(line.split()[1] for line in lines_of(ready) if line.startswith("1 ")))
        wait_for(lambda: "STOP" not in how or state_of(pid) == "T", "rank 1 to be stopped")
        begin = time.monotonic()
        process.terminate()
        code, _, err = ended(process)
        assert code == 137 and 0.3 < time.monotonic() - begin < 3 and "rank 1" in err and "has not ended in 0.4 s, and is killed" in err, (code, err)


def who_hangs_when_the_work_is_done_is_named() -> None:
    """Of a command of its own a launch knows that the first rank ends last, or with the others."""
    folder = SCRATCH / "stand-in"
    folder.mkdir()
    shutil.copy(PROGRAM, folder / "front")
    ranks = folder / "slipway"  # what a launch starts lies beside it

    def launched(text: str, *arguments: str) -> tuple[int, str]:
        ranks.write_text(f"#!{sys.executable}\n{RANK}{text}")
        ranks.chmod(0o755)
        process = subprocess.Popen([folder / "front", "launch", "--nproc", "2", *arguments, "train", "run.toml"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=PLAIN)
        code, _, err = ended(process)
        return code, err

    code, err = launched("if rank == 1: os.kill(os.getpid(), signal.SIGSTOP)", "--grace", "0.5")
    assert code == 137 and re.search(r"rank 1 \(process \d+\) has not ended in 0.5 s after rank 0 had done its work, and is killed", err) and "memory" not in err, (code, err)
    code, err = launched("if rank == 1 and life == 0: os.kill(os.getpid(), signal.SIGSTOP)", "--grace", "0.5", "--max-restarts", "1")
    assert code == 0 and "all ranks are started again (1 of 1 restarts)" in err, (code, err)
    code, err = launched("if rank == 0: time.sleep(0.6)", "--grace", "0.2")
    assert code == 0 and not err, (code, err)


def signals_are_passed_on_once() -> None:
    for number, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT"), (signal.SIGHUP, "SIGHUP"), (signal.SIGQUIT, "SIGQUIT")):
        got = file_of("got")
        process = start("--nproc", 2, *rank_program(f"""n = []
def take(number, _):
    n.append(number)
    open({str(got)!r}, 'a').write(f'{{rank}} {{number}}\\n')
for s in (1, 2, 3, 10, 12, 15): signal.signal(s, take)
open({str(got)!r}, 'a').write('ready\\n')
while not set(n) & {{1, 2, 3, 15}}: time.sleep(0.01)
time.sleep(0.2); sys.exit(85)"""))
        wait_for(lambda: len(lines_of(got)) == 2, "both ranks")
        process.send_signal(signal.SIGUSR1)
        wait_for(lambda: len(lines_of(got)) == 4, "a warning reaches both")
        process.send_signal(number)
        wait_for(lambda: len(lines_of(got)) >= 6, "it reaches both")
        if number != signal.SIGINT:
            process.send_signal(number)
        code, _, err = ended(process)
        assert code == 85 and f"{name} is passed on to 2 ranks" in err, (code, err)
        assert sorted(lines_of(got)) == sorted(["ready", "ready", f"0 {10}", "1 10", f"0 {number.value}", f"1 {number.value}"]), lines_of(got)


def a_second_ctrl_c_kills() -> None:
    ready = file_of("ready")
    process = start("--nproc", 2, *rank_program(f"signal.signal(signal.SIGINT, signal.SIG_IGN); open({str(ready)!r}, 'a').write('x\\n'); time.sleep(100)"))
    wait_for(lambda: len(lines_of(ready)) == 2, "both ranks")
    process.send_signal(signal.SIGINT)
    assert "a second one kills what is left" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process, 5)
    assert code == 130 and "a second SIGINT: the ranks are killed" in err, (code, err)


def nohup_stays() -> None:
    ready = file_of("ready")
    process = start("--", "sh", "-c", f"echo x >{ready}; sleep 0.5", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_for(lambda: lines_of(ready), "the rank")
    process.send_signal(signal.SIGHUP)
    assert ended(process) == (0, "", "")


def a_stopped_launch_stops_its_ranks() -> None:
    ready = file_of("ready")
    process = start("--", "sh", "-c", f"echo $$ >{ready}; sleep 100 & wait")
    rank = int(wait_for(lambda: lines_of(ready), "the rank")[0])
    process.send_signal(signal.SIGTSTP)
    wait_for(lambda: state_of(rank) == "T" and state_of(process.pid) == "T", "both stop")
    process.send_signal(signal.SIGCONT)
    wait_for(lambda: state_of(rank) != "T" and state_of(process.pid) != "T", "both go on")
    process.terminate()
    assert ended(process)[0] == 143


def a_killed_launch_leaves_nothing() -> None:
    for number in (signal.SIGKILL, signal.SIGSEGV):
        ready = file_of("ready")
        process = start("--nproc", 2, "--", "sh", "-c", f"trap '' TERM INT HUP; sleep 1000 & sh -c 'trap \"\" TERM; sleep 1000' & echo x >>{ready}; wait; sleep 1000")
        wait_for(lambda: len(lines_of(ready)) == 2, "both ranks")
        process.send_signal(number)
        process.wait(timeout=5)
        nothing_is_left(str(TEMPORARY))
        process.stdout.close()
        process.stderr.close()


def without_its_keeper_the_kernel_kills_the_ranks() -> None:
    process = start("--nproc", 2, "--", "sleep", "1000")
    children = lambda: pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    named = lambda name: [int(c) for c in children() if pathlib.Path(f"/proc/{c}/comm").read_text() == name + "\n"]
    ranks = wait_for(lambda: len(named("sleep")) == 2 and named("sleep"), "both ranks")
    (keeper,) = wait_for(lambda: named("slipway-keeper"), "the keeper has its name")
    os.kill(keeper, signal.SIGKILL)
    wait_for(lambda: len(children()) == 2, "the keeper is reaped")
    assert process.poll() is None and all(os.path.exists(f"/proc/{rank}") for rank in ranks)
    process.kill()
    process.communicate()
    wait_for(lambda: not processes_with(f"TMPDIR={TEMPORARY}"), "the ranks end", 5)
    shutil.rmtree(TEMPORARY)  # nobody was left to remove the folder
    TEMPORARY.mkdir()


def a_killed_rank_takes_its_own_with_it() -> None:
    ready = file_of("ready")
    process = start("--nproc", 2, "--", "sh", "-c", f"sleep 1000 & echo $RANK $$ >>{ready}; wait")
    ranks = dict(line.split() for line in wait_for(lambda: len(lines_of(ready)) == 2 and lines_of(ready), "both ranks"))
    os.kill(int(ranks["1"]), signal.SIGKILL)
    code, _, err = ended(process)
    assert code == 137 and f"rank 1 (process {ranks['1']}) was killed by SIGKILL" in err, (code, err)
    nothing_is_left(str(TEMPORARY))
    code, _, _ = launch("--", "sh", "-c", "sleep 1000 & exit 0")
    assert code == 0
    nothing_is_left(str(TEMPORARY))


def a_launch_that_is_the_first_process_reaps_what_it_inherits() -> None:
    """As in a container: what a rank leaves behind is handed to the launch."""
    import ctypes
    reaper = lambda: ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, which outlives exec
    go, ready = file_of("go"), file_of("ready")
    process = start("--", "sh", "-c", f"sh -c 'sleep 0.01 & echo $! >{ready}'; while ! [ -e {go} ]; do sleep 0.01; done", preexec_fn=reaper)
    orphan = int(wait_for(lambda: lines_of(ready), "the orphan")[0])
    wait_for(lambda: not os.path.exists(f"/proc/{orphan}"), "the orphan is reaped")
    assert process.poll() is None
    go.touch()
    assert ended(process)[0] == 0


def streams_that_a_stranger_holds_open_are_not_waited_for() -> None:
    ready, begin = file_of("ready"), time.monotonic()
    code, out, _ = launch("--", "sh", "-c", f"setsid sh -c 'echo out; echo x >{ready}; exec sleep 30' & while ! [ -e {ready} ]; do sleep 0.01; done")
    assert code == 0 and out == "[0] out\n" and time.monotonic() - begin < 5, (code, out)
    for process in processes_with(f"TMPDIR={TEMPORARY}"):
        os.kill(process, signal.SIGKILL)
    nothing_is_left(str(TEMPORARY))


def what_the_system_does_not_give_is_an_error() -> None:
    import resource
    code, _, err = launch("--nproc", 40, "--", "sleep", "100", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))
    assert code == 1 and "no pipe for the output of rank" in err and "ulimit -n" in err, (code, err)
    code, _, err = launch("--", "true", env=PLAIN | {"TMPDIR": "/proc"})
    assert code == 1 and "no temporary folder can be made" in err and "TMPDIR" in err, (code, err)
    nothing_is_left(str(TEMPORARY))
    closed = subprocess.run(["sh", "-c", '"$0" launch --nproc 2 -- sh -c "ls -l /proc/self/fd" 0<&- 1>&-', PROGRAM], env=PLAIN, capture_output=True, text=True)
    assert closed.returncode == 0, closed


def a_rank_that_has_ended_is_no_zombie() -> None:
    go, ready = file_of("go"), file_of("ready")
    process = start("--nproc", 2, *rank_program(f"open({str(ready)!r}, 'a').write(f'{{os.getpid()}}\\n')\nwhile rank == 1 and not os.path.exists({str(go)!r}): time.sleep(0.01)"))
    wait_for(lambda: len(lines_of(ready)) == 2, "both ranks")
    wait_for(lambda: sum(os.path.exists(f"/proc/{pid}") for pid in lines_of(ready)) == 1, "the one that has ended is reaped")
    go.touch()
    assert ended(process)[0] == 0


run_launch_checks([each_rank_has_its_place, it_starts_without_libtorch, lines_are_never_torn, a_reader_that_leaves_ends_nothing,
                   a_reader_that_waits_keeps_nobody_from_watching, rank_0_keeps_the_terminal, ctrl_c_on_a_terminal, logs_are_whole, the_first_that_fails_is_named,
                   a_lost_process_is_a_consequence, stopped_ranks_are_killed_after_the_grace, who_hangs_when_the_work_is_done_is_named, signals_are_passed_on_once, a_second_ctrl_c_kills, nohup_stays,
                   a_stopped_launch_stops_its_ranks, a_killed_launch_leaves_nothing, without_its_keeper_the_kernel_kills_the_ranks, a_killed_rank_takes_its_own_with_it,
                   a_rank_that_has_ended_is_no_zombie, a_launch_that_is_the_first_process_reaps_what_it_inherits, streams_that_a_stranger_holds_open_are_not_waited_for,
                   what_the_system_does_not_give_is_an_error])
