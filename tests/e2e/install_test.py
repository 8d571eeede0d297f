"""`cmake --install` into a scratch folder, moved to another one: the program runs from / with an empty environment, and the plugin
example and the library's example build against the package there.

usage: install_test.py BUILD_DIR CXX
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(ROOT / "tests/gpu"))
import elf  # noqa: E402

PLUGIN = """cmake_minimum_required(VERSION 3.25)
project(shout CXX)
find_package(slipway 99 QUIET)
if(slipway_FOUND)
  message(FATAL_ERROR "a version that is not there was found")
endif()
find_package(slipway @VERSION@ REQUIRED)
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/words.txt "LOUD")
slipway_add_plugin(shout SOURCES shout.cc DATA ${CMAKE_CURRENT_BINARY_DIR}/words.txt)
"""


def call(*command, cwd="/", code: int = 0, **how) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=300, **how)
    assert done.returncode == code, (command, done.returncode, done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout + done.stderr


def install(folder: pathlib.Path) -> pathlib.Path:
    call("cmake", "--install", BUILD, "--prefix", folder / "first")
    tree = folder / "another place" / "slipway"
    tree.parent.mkdir()
    os.rename(folder / "first", tree)
    return tree


def nothing_names_a_folder_of_this_machine(tree: pathlib.Path) -> None:
    own = [p for p in tree.rglob("*") if p.is_file() and not p.is_symlink() and not {"torch", "nvidia"} & set(p.relative_to(tree).parts) and elf.is_elf(p)]
    names = {p.name for p in own}
    assert {"slipway", "slipway-run", "sentiment.so", "llama.so"} <= names and any(n.startswith("libslipway.so.") for n in names), names
    for path in own:
        _, folders = elf.run_paths(path)
        assert all(f.startswith("$ORIGIN") for f in folders), (path, folders)
    libraries = call("ldd", tree / "bin/slipway-run", env={"PATH": "/usr/bin:/bin"})
    taken = [line.split()[2] for line in libraries.replace("another place", "another_place").splitlines() if "libtorch_cpu" in line or "libc10" in line]
    assert len(taken) == 2 and all("another_place/slipway" in t for t in taken), libraries
    for text in (tree / "lib/cmake/slipway").iterdir():
        for machine in (str(BUILD), str(ROOT)):
            assert machine not in text.read_text(), f"{text.name} names {machine}"
    print(f"{len(own)} programs and libraries with relative run paths")


def the_program_runs_from_anywhere(tree: pathlib.Path, folder: pathlib.Path, version: str) -> None:
    def slipway(*arguments, code: int = 0) -> str:
        return call(tree / "bin/slipway", *arguments, code=code, env={})

    assert slipway("--version") == f"slipway {version}\n"
    assert "plugins" in slipway("doctor", "--quick").lower()
    plugins = slipway("plugin", "list")
    for name in ("sentiment", "llama", "early_stopping", "torchscript"):
        assert name in plugins, (name, plugins)
    tiny = (ROOT / "tests/e2e/tiny_raft.toml").read_text()
    assert "../../build" in tiny and 'use = "length"\noptions = { mode = "longer", target = 60 }\n' in tiny
    run = folder / "run.toml"
    run.write_text(tiny.replace("../../build", f"{ROOT}/build").replace('"tiny_llama.json"', f'"{ROOT}/tests/e2e/tiny_llama.json"')
                   .replace('use = "length"\noptions = { mode = "longer", target = 60 }\n', 'use = "sentiment"\n'))
    small = ["--set", f"run.output_dir={folder}/run", "--set", "raft.iterations=1", "--set", "data.limit=40", "--quiet"]
    slipway("train", run, *small)
    assert (folder / "run/model.safetensors").exists()
    words = tree / "lib/slipway/plugins/sentiment"
    notice = (words / "LICENSE.vader.txt").read_text()
    assert "Copyright (c) 2016 C.J. Hutto" in notice and "Permission is hereby granted" in notice, notice
    words.rename(words.with_name("elsewhere"))
    failed = slipway("train", run, *small, code=1)
    assert f"{words}/" in failed, f"the words were read somewhere else: {failed}"
    words.with_name("elsewhere").rename(words)
    slipway("search", ROOT / "tests/e2e/tiny_search.toml", "--set", "search.trials=1", "--set", f"run.output_dir={folder}/search", "--set", "data.limit=24")


def build(source: pathlib.Path, tree: pathlib.Path) -> list:
    """The commands; those of two projects run beside each other."""
    return [subprocess.Popen(f"cmake -S '{source}' -B '{source}/build' -DCMAKE_PREFIX_PATH='{tree}' -DCMAKE_CXX_COMPILER={sys.argv[2]} && cmake --build '{source}/build'",
                             shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)]


def the_examples_build_against_it(tree: pathlib.Path, folder: pathlib.Path, version: str) -> None:
    plugin, library = folder / "plugin", folder / "library"
    plugin.mkdir()
    shutil.copy(ROOT / "plugins/examples/shout/shout.cc", plugin)
    (plugin / "CMakeLists.txt").write_text(PLUGIN.replace("@VERSION@", version))
    shutil.copytree(ROOT / "host/api/example", library)
    for process in build(plugin, tree) + build(library, tree):
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0, out
    assert "org.example.shout" in call(tree / "bin/slipway", "plugin", "info", "org.example.shout", "--plugin-path", plugin / "build", env={})
    assert (plugin / "build/shout/words.txt").read_text() == "LOUD", "a plugin's data lies in its folder beside it"
    program = library / "build/train"
    wanted = [n for n in elf.needed(program) if "slipway" in n]
    assert wanted == [f"libslipway.so.{version.rsplit('.', 1)[0]}"], wanted
    out = call(program, ROOT / "tests/e2e/tiny_sft.toml", f"run.output_dir={folder}/library-run", "data.limit=32", "data.eval_rows=4", "train.save_strategy=no", env={})
    assert "The film is" in out and (folder / "library-run/copy/model.safetensors").exists(), out


def inside_another_project_warnings_are_no_errors(folder: pathlib.Path, torch: str) -> None:
    outer = folder / "outer"
    outer.mkdir()
    (outer / "CMakeLists.txt").write_text(f'cmake_minimum_required(VERSION 3.25)\nproject(outer CXX C)\nadd_subdirectory("{ROOT}" slipway)\n'
                                          "add_executable(train ../library/train.cc)\ntarget_link_libraries(train PRIVATE slipway::slipway)\n")
    call("cmake", "-S", outer, "-B", outer / "build", f"-DSLIPWAY_TORCH={torch}", "-DSLIPWAY_CUDA=OFF", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
    theirs, ours = ((place / "compile_commands.json").read_text() for place in (outer / "build", BUILD))
    assert "host/app/main.cc" in theirs and "-Wextra" in theirs and "-Werror" not in theirs and "_test.cc" not in theirs
    assert "-Werror" in ours, "our presets treat warnings as errors"


def main() -> None:
    cache = (BUILD / "CMakeCache.txt").read_text()
    version = next(line.split("=")[1] for line in cache.splitlines() if line.startswith("CMAKE_PROJECT_VERSION:"))
    torch = next(line.split("=")[1] for line in cache.splitlines() if line.startswith("LIBTORCH_CPU:")).rsplit("/lib/", 1)[0]
    (BUILD / "scratch").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD / "scratch", prefix="install-") as temporary:  # where LibTorch can be linked to
        folder = pathlib.Path(temporary)
        begin = time.monotonic()
        tree = install(folder)
        print(f"installed and moved: {time.monotonic() - begin:.1f} s")
        for check, arguments in ((nothing_names_a_folder_of_this_machine, (tree,)), (the_program_runs_from_anywhere, (tree, folder, version)),
                                 (the_examples_build_against_it, (tree, folder, version)), (inside_another_project_warnings_are_no_errors, (folder, torch))):
            begin = time.monotonic()
            check(*arguments)
            print(f"{check.__name__}: {time.monotonic() - begin:.1f} s", flush=True)


if __name__ == "__main__":
    main()
