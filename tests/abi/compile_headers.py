"""Each header of the contract alone, under every standard it promises, by every compiler at hand, without one warning.

usage: compile_headers.py INCLUDE_DIR CC CXX TORCH_INCLUDE_DIR
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import time

WARNINGS = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
C_STANDARDS, CXX_STANDARDS, SUGAR_STANDARDS = ["c99", "c11", "c17"], ["c++11", "c++14", "c++17", "c++20"], ["c++17", "c++20"]


def compile_one(command: list, text: str) -> str:
    run = subprocess.run(command + ["-"], input=text, text=True, capture_output=True)
    return "" if run.returncode == 0 else f"{' '.join(command)}\n{text}{run.stderr}"


def main() -> None:
    include, cc, cxx = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
    compilers = [(cc, cxx)]
    if shutil.which("clang") and shutil.which("clang++"):
        compilers.append(("clang", "clang++"))
    else:
        print("clang absent")
    here = pathlib.Path(__file__).resolve().parent
    base = include / "slipway"
    c_headers = sorted(str(path.relative_to(include)) for path in base.rglob("*.h"))
    torch_sugar = ["slipway/blocks.hpp", "slipway/decoder.hpp", "slipway/decoder_parameters.hpp", "slipway/operators.hpp", "slipway/plugin_torch.hpp", "slipway/torch_build.hpp"]  # LibTorch's headers want C++20
    native_sugar = ["slipway/plugin_native.hpp"]  # and take half a minute
    sugar = sorted(h for path in base.rglob("*.hpp") if (h := str(path.relative_to(include))) not in torch_sugar + native_sugar)
    if len(c_headers) < 10 or not sugar:
        sys.exit(f"only {len(c_headers)} C headers and {len(sugar)} C++ headers in {base}")
    jobs = []
    for c, cpp in compilers:
        # Twice: the guards must hold.
        texts = [f'#include "{h}"\n#include "{h}"\nextern int not_empty;\n' for h in c_headers] + ['#include "use_contract.h"\n']
        for text in texts:
            jobs += [([c, "-x", "c", f"-std={s}"], text) for s in C_STANDARDS] + [([cpp, "-x", "c++", f"-std={s}"], text) for s in CXX_STANDARDS]
            jobs.append(([c, "-x", "c", "-std=c99", "-DSLW_PARSE"], text))
        # plugin.hpp includes the others: alone they are only parsed once more.
        jobs += [([cpp, "-x", "c++", f"-std={s}"], f'#include "{h}"\n#include "{h}"\n') for h in sugar for s in SUGAR_STANDARDS]
        jobs += [([cpp, "-x", "c++", "-std=c++20", "-isystem", sys.argv[4]], f'#include "{h}"\n#include "{h}"\n') for h in torch_sugar]
    api = f"{sys.argv[4]}/torch/csrc/api/include"
    jobs += [([compilers[0][1], "-x", "c++", "-std=c++20", "-isystem", sys.argv[4], "-isystem", api], f'#include "{h}"\n#include "{h}"\n') for h in native_sugar]
    begin = time.monotonic()
    flags = WARNINGS + [f"-I{include}", f"-I{here}"]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        faults = [f for f in pool.map(lambda job: compile_one(job[0] + flags, job[1]), jobs) if f]
    for _, cpp in compilers:
        if not compile_one([cpp, "-x", "c++", "-std=c++17", "-DCOUNT_MAY_THROW"] + flags, '#include "use_contract.h"\n'):
            faults.append(f"{cpp}: a function that may throw was taken into a table\n")
    if faults:
        sys.exit("\n".join(faults[:10]) + f"\n{len(faults)} of {len(jobs)} compilations failed")
    print(f"{len(c_headers)} C headers, {len(sugar + torch_sugar + native_sugar)} C++ headers, {len(jobs)} compilations by {', '.join(c for c, _ in compilers)}: "
          f"no warning, {time.monotonic() - begin:.1f} s")


if __name__ == "__main__":
    main()
