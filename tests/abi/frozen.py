"""What was released stays: each frozen layout is the beginning of today's, whatever a commit does to header and list at once.

usage: frozen.py FROZEN GOLDEN     FROZEN: tests/abi/frozen; GOLDEN: plugin_api/abi/v1.txt
"""
import pathlib
import sys


def faults(frozen: list[str], now: list[str]) -> list[str]:
    out = [f"line {i + 1}: \"{then}\" was released, \"{here}\" stands there now" for i, (then, here) in enumerate(zip(frozen, now)) if then != here]
    return out + [f"line {i + 1}: \"{line}\" was released, and is gone" for i, line in enumerate(frozen) if i >= len(now)]


def main() -> None:
    frozen, golden = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).read_text().splitlines()
    minors = sorted(path.name for path in frozen.iterdir() if path.is_dir())
    assert len(minors) >= 3, minors
    # The check can fail: a changed, a removed and an inserted line are found, an appended one is not.
    assert faults(["a", "b"], ["a", "b", "c"]) == [] and faults(["a", "b"], ["a", "x"]) and faults(["a", "b"], ["a"]) and faults(["a", "b"], ["n", "a", "b"])
    wrong = [f"{minor}: {fault}" for minor in minors for fault in faults((frozen / minor / "v1.txt").read_text().splitlines(), golden)]
    for each in wrong[:20]:
        print(each)
    print(f"{len(minors)} released layouts ({', '.join(minors)}), {len(wrong)} lines changed since")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
