"""What a kit says to a machine that it cannot start on, what it takes from one that it can, what packing refuses.

usage: kit_test.py PROGRAM, one of an ordinary build. Needs no GPU, and builds nothing.
"""

import importlib.machinery
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import elf  # noqa: E402
import small_model  # noqa: E402


def pack():
    loader = importlib.machinery.SourceFileLoader("pack", str(HERE / "pack"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("pack", loader))
    loader.exec_module(module)
    return module


def a_kit(folder: pathlib.Path, **about: str) -> pathlib.Path:
    (folder / "parts").mkdir(parents=True)
    shutil.copy(HERE / "parts/libtorch.py", folder / "parts")
    (folder / "kit.json").write_text(json.dumps({"torch": "2.11.0", "glibc": "2.17", **about}))
    return folder


def a_site(folder: pathlib.Path, version: str, library: bool = True) -> pathlib.Path:
    """What Python's folder of packages looks like; importing this torch would fail."""
    (folder / "torch/lib").mkdir(parents=True)
    (folder / "nvidia/cu13/lib").mkdir(parents=True)
    (folder / "torch/__init__.py").write_text("raise RuntimeError('imported')\n")
    (folder / "torch/version.py").write_text(f"__version__ = '{version}'\ndebug = False\n")
    if library:
        (folder / "torch/lib/libtorch_cpu.so").write_bytes(b"")
    return folder


def started(
    kit: pathlib.Path, site: pathlib.Path | None, *command: str, **more: str
) -> subprocess.CompletedProcess:
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "LD_LIBRARY_PATH")}
    environment = {**kept, **({"PYTHONPATH": str(site)} if site else {}), **more}
    # -S: this machine's own packages, which may have a torch, stay out of it.
    return subprocess.run(
        [sys.executable, "-S", kit / "parts/libtorch.py", *command],
        env=environment,
        capture_output=True,
        text=True,
    )


def says_what_is_wrong(root: pathlib.Path) -> None:
    right = a_site(root / "right", "2.11.0+cu130")
    for told, kit, site in (
        (
            "the kit needs glibc 9.1 or later, this machine has glibc 2.",
            a_kit(root / "new", glibc="9.1"),
            right,
        ),
        ("has no torch: install torch==2.11.0", a_kit(root / "a"), None),
        ("is 2.15.0: install torch==2.11.0", a_kit(root / "b"), a_site(root / "other", "2.15.0")),
        (
            "has no libtorch_cpu.so: install torch==2.11.0 anew",
            a_kit(root / "c"),
            a_site(root / "empty", "2.11.0", library=False),
        ),
    ):
        done = started(kit, site, "true")
        assert done.returncode == 1 and told in done.stderr, (told, done)


def starts_with_the_machines_libraries(root: pathlib.Path) -> None:
    site, kit = a_site(root / "site", "2.11.1+cu130"), a_kit(root / "kit")
    done = started(kit, site, "sh", "-c", "echo $LD_LIBRARY_PATH; exit 7", LD_LIBRARY_PATH="/before")
    assert (
        done.returncode == 7 and done.stdout.strip() == f"{site}/torch/lib:{site}/nvidia/cu13/lib:/before"
    ), done


def run_says_that_it_cannot_start() -> None:
    """What `run` tells of a kit on this machine: the same faults, but for a Python without torch."""
    sys.path.insert(0, str(HERE / "parts"))
    import place

    too_new, fits = {"torch": "2.11.0", "glibc": "9.1"}, {"torch": "2.11.0", "glibc": "2.17"}
    assert "the kit needs glibc 9.1" in place.kit_faults(too_new, None)[0]
    assert "the kit needs glibc 9.1" in place.kit_faults(too_new, pathlib.Path("/some/torch"))[0]
    assert place.kit_faults(fits, pathlib.Path("/some/torch")) == []
    found = place.libtorch.torch_folder
    place.libtorch.torch_folder = lambda: None
    assert place.kit_faults(fits, None) == [] and place.torch_folders(None) == []
    place.libtorch.torch_folder = found


def merges_are_the_frequent_pairs() -> None:
    learnt = small_model.learn_merges(["low low low lower", "newest newest"], 4)
    assert learnt == [("o", "w"), ("l", "ow"), ("\u0120", "low"), ("w", "e")], learnt
    assert small_model.learn_merges(["aaaa aaaa"], 2) == [("a", "a"), ("aa", "aa")]


def packing_takes_what_is_needed_and_refuses_what_is_of_here(
    root: pathlib.Path, program: pathlib.Path
) -> None:
    module = pack()
    (root / "bin").mkdir(parents=True)
    shutil.copy(shutil.which("readelf") or sys.exit("no readelf"), root / "bin/tool")
    module.check_run_paths(root)
    module.carry_libraries(root)
    carried = {path.name for path in (root / "lib").iterdir()}
    assert carried and not carried & module.GLIBC, carried
    assert all(
        name in carried | module.GLIBC
        for path in root.rglob("*")
        if path.is_file()
        for name in elf.needed(path)
    ), carried
    assert (2, 2) < max(elf.glibc(path) for path in (root / "lib").iterdir()) < (3,)
    assert elf.run_paths(program)[1][0].startswith("/"), elf.run_paths(program)
    shutil.copy(program, root / "bin")
    try:
        module.check_run_paths(root)
    except SystemExit as fault:
        assert f"bin/{program.name} has RUNPATH /" in str(fault), fault
    else:
        raise AssertionError("a folder of this machine was let into the kit")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        says_what_is_wrong(root / "faults")
        starts_with_the_machines_libraries(root / "starts")
        run_says_that_it_cannot_start()
        merges_are_the_frequent_pairs()
        packing_takes_what_is_needed_and_refuses_what_is_of_here(root / "packed", pathlib.Path(sys.argv[1]))
    print("a kit says what is missing, and takes what is there")


if __name__ == "__main__":
    main()
