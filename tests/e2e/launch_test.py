"""slipway launch, with small programs in the place of ranks, and with a tiny run. usage: launch_test.py SLIPWAY [CHECK...]"""
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

from terminal import Terminal

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.path.abspath(sys.argv[1])
SCRATCH = pathlib.Path(tempfile.mkdtemp(prefix="slipway-launch-test-"))
TEMPORARY = SCRATCH / "tmp"  # where launches make their folders
FOREIGN = re.compile(r"(RANK|LOCAL_RANK|WORLD_SIZE|MASTER_\w+|SLURM_\w+|OMPI_\w+|TORCHELASTIC_\w+|SLIPWAY_\w+|OMP_NUM_THREADS)=")
PLAIN = {k: v for k, v in os.environ.items() if not FOREIGN.match(k + "=")} | {"TMPDIR": str(TEMPORARY)}
RANK = "import os, sys, time, signal, json; rank = int(os.environ['RANK']); life = int(os.environ['TORCHELASTIC_RESTART_COUNT'])\n"


def rank_program(text: str) -> list[str]:
    """A program that knows its rank, as what follows --."""
    return ["--", sys.executable, "-uSc", RANK + text]


def start(*arguments: str, **more) -> subprocess.Popen:
    return subprocess.Popen([PROGRAM, "launch", *map(str, arguments)], **({"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": PLAIN} | more))


def ended(process: subprocess.Popen, seconds: float = 60) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"{process.args} goes on after {seconds} s: {process.communicate()}") from None
    return process.returncode, out, err


def launch(*arguments: str, **more) -> tuple[int, str, str]:
    return ended(start(*arguments, **more))


def wait_for(what, why: str, seconds: float = 60):
    give_up = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < give_up, why
        time.sleep(0.01)
    return found


def file_of(name: str) -> pathlib.Path:
    path = SCRATCH / name
    path.unlink(missing_ok=True)
    return path


def lines_of(path: pathlib.Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def processes_with(mark: str) -> dict[int, str]:
    """Processes whose environment or arguments have the mark, and their states."""
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes() + (process / "cmdline").read_bytes():
                found[int(process.name)] = (process / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
    found.pop(os.getpid(), None)
    return found


def nothing_is_left(mark: str) -> None:
    wait_for(lambda: not processes_with(mark), f"processes are left: {processes_with(mark)}", 5)
    assert not list(TEMPORARY.iterdir()), f"folders are left: {list(TEMPORARY.iterdir())}"


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
    process.send_signal(signal.SIGUSR1)
    code, _, err = ended(process)
    assert code == 75 and "rank 1" in err and "has not ended in 0.5 s, and is killed" in err, (code, err)


def stopped_ranks_are_killed_after_the_grace() -> None:
    for how in ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "os.kill(os.getpid(), signal.SIGSTOP)"):
        ready = file_of("ready")
        process = start("--nproc", 2, "--grace", 0.4, *rank_program(f"if rank == 0: signal.signal(signal.SIGTERM, lambda *_: sys.exit(85))\nopen({str(ready)!r}, 'a').write('x\\n')\nif rank == 1: {how}\ntime.sleep(100)"))
        wait_for(lambda: len(lines_of(ready)) == 2, "both ranks")
        time.sleep(0.1)
        begin = time.monotonic()
        process.terminate()
        code, _, err = ended(process)
        assert code == 137 and 0.3 < time.monotonic() - begin < 3 and "rank 1" in err and "has not ended in 0.4 s, and is killed" in err, (code, err)


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
    state = lambda pid: pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    process.send_signal(signal.SIGTSTP)
    wait_for(lambda: state(rank) == "T" and state(process.pid) == "T", "both stop")
    process.send_signal(signal.SIGCONT)
    wait_for(lambda: state(rank) != "T" and state(process.pid) != "T", "both go on")
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
    (keeper,) = named("slipway-keeper")
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
    assert code == 0 and out.startswith("usage: slipway launch [options] train FILE") and "--node-rank" in out and max(map(len, out.splitlines())) <= 100, out
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


def main() -> None:
    TEMPORARY.mkdir()
    wanted = sys.argv[2:]
    begin_all = time.monotonic()
    try:
        for check in (each_rank_has_its_place, it_starts_without_libtorch, lines_are_never_torn, a_reader_that_leaves_ends_nothing, a_reader_that_waits_keeps_nobody_from_watching, rank_0_keeps_the_terminal,
                      ctrl_c_on_a_terminal, logs_are_whole, the_first_that_fails_is_named, a_lost_process_is_a_consequence, stopped_ranks_are_killed_after_the_grace, signals_are_passed_on_once,
                      a_second_ctrl_c_kills, nohup_stays, a_stopped_launch_stops_its_ranks, a_killed_launch_leaves_nothing, without_its_keeper_the_kernel_kills_the_ranks, a_killed_rank_takes_its_own_with_it, a_rank_that_has_ended_is_no_zombie,
                      a_launch_that_is_the_first_process_reaps_what_it_inherits, streams_that_a_stranger_holds_open_are_not_waited_for, what_the_system_does_not_give_is_an_error,
                      failed_ranks_are_started_again, a_run_goes_on_from_its_own_checkpoint, a_stop_of_one_rank_saves, two_nodes_are_one_group, what_is_wrong_is_said_before_anything_starts,
                      the_examples_start_their_ranks, sagemaker_starts_a_launch_on_each_host, the_job_of_kubernetes_is_well_formed):
            if wanted and check.__name__ not in wanted:
                continue
            begin = time.monotonic()
            check()
            print(f"{check.__name__}: {time.monotonic() - begin:.1f} s", flush=True)
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)
    print(f"all: {time.monotonic() - begin_all:.1f} s")


if __name__ == "__main__":
    main()
