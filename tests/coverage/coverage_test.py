"""Checks docs/coverage.md: every documented name of RaftTrainer has one row, no cell is empty, and what a row names exists.

usage: coverage_test.py SOURCE_DIR BUILD_DIR
"""
import pathlib
import re
import subprocess
import sys

ROOT, BUILD = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
PAGE = ROOT / "docs/coverage.md"
KINDS = {"Class parameters": ("parameter",), "Attributes": ("attribute", "prose"), "Methods": ("method",), "Names of the module": ("module",)}
# A row without a test says which of these it is.
REASONS = ("dead upstream: ", "nothing to do here: ")


def documented() -> list[tuple[str, str]]:
    lines = (ROOT / "tests/coverage/raft_trainer_names.txt").read_text().splitlines()
    return [tuple(line.split(" ")) for line in lines if line and not line.startswith("#")]


def rows(text: str) -> list[tuple[int, str, list[str]]]:
    """(line, section, cells) of every row of a table."""
    out, section = [], ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            section = line[3:]
        if line.startswith("|") and section in KINDS and not re.match(r"^\|[-| ]+\|$", line) and not line.startswith("| name |"):
            out.append((number, section, [cell.strip() for cell in line.strip("|").split("|")]))
    return out


def sources(folder: str, *endings: str) -> str:
    return "\n".join(p.read_text(errors="replace") for p in sorted((ROOT / folder).rglob("*")) if p.suffix in endings)


class Tree:
    """What may be named."""

    def __init__(self) -> None:
        tests = subprocess.run(["ctest", "--test-dir", BUILD, "-N"], capture_output=True, text=True, check=True).stdout
        self.ctests = set(re.findall(r"^ *Test +#\d+: (\S+)$", tests, re.M))
        self.gtests = {f"{suite}.{case}" for suite, case in re.findall(r"^ *TEST(?:_F|_P)?\((\w+), *(\w+)\)", sources("tests/unit", ".cc"), re.M)}
        schema = (ROOT / "host/config/schema.cc").read_text()
        self.keys = {f"{section}.{name}" for section, name in re.findall(r'^ *\{"(\w+)", "(\w+)"', schema, re.M)}
        self.refused = set(re.findall(r'^ *\{"(\w+)", ', (ROOT / "host/config/training_arguments.cc").read_text(), re.M))
        self.commands = set(re.findall(r'^ *\{"(\w+)", \w+_command,', (ROOT / "host/app/command_table.cc").read_text(), re.M))
        self.code = sources("host", ".h", ".hpp") + sources("plugin_api", ".h", ".hpp")

    def is_test(self, token: str) -> bool:
        return token in self.ctests or token in self.gtests or (token.startswith("tests/") and (ROOT / token).is_file())

    def fault_of(self, token: str) -> str:
        """Why `token` cannot be named; "" when it can, or is no name that can be checked."""
        if re.fullmatch(r"(unit|e2e|abi|gpu)\.[\w.]+", token):
            return "" if token in self.ctests else "no such test of ctest"
        if re.fullmatch(r"[A-Z]\w*\.[A-Z]\w*", token):
            return "" if token in self.gtests else "no such test in tests/unit"
        if re.fullmatch(r"(host|tests|plugins|plugin_api|docs|configs|cmake)/\S+", token):
            return "" if (ROOT / token).exists() else "no such file"
        if re.fullmatch(r"(run|model|data|generation|raft|train|plugins|metric)\.\w+", token):
            return "" if token in self.keys or (token[6:] in self.refused and token.startswith("train.")) else "no such key of a run file"
        if command := re.fullmatch(r"slipway (\w+).*", token):
            return "" if command[1] in self.commands else "no such command"
        if member := re.fullmatch(r"(\w+)::(\w+)(\(\))?", token):
            return "" if all(re.search(rf"\b{part}\b", self.code) for part in member.groups()[:2]) else "no such thing in a header"
        if re.fullmatch(r"SLW_\w+", token):
            return "" if re.search(rf"\b{token}\b", self.code) else "not in the plugin contract"
        return ""


def faults_of(text: str, tree: Tree) -> list[str]:
    faults, seen = [], {}
    wanted = documented()
    for line, section, cells in rows(text):
        at = f"docs/coverage.md:{line}"
        name = cells[0].strip("`")
        if len(cells) != 3 or not all(cells):
            faults.append(f"{at}: {name}: three cells, none of them empty, are needed: {cells}")
            continue
        if not any((kind, name) in wanted for kind in KINDS[section]):
            faults.append(f"{at}: {name} is not documented among the {section.lower()}")
        if (section, name) in seen:
            faults.append(f"{at}: {name} has a row already, in line {seen[section, name]}")
        seen[section, name] = line
        for token in re.findall(r"`([^`]+)`", " ".join(cells[1:])):
            if fault := tree.fault_of(token):
                faults.append(f"{at}: {name}: `{token}`: {fault}")
        if not cells[2].startswith(REASONS) and not any(tree.is_test(t) for t in re.findall(r"`([^`]+)`", cells[2])):
            faults.append(f"{at}: {name}: the last cell names no test, and begins with none of {', '.join(REASONS)}")
    for kind, name in wanted:
        section = next(s for s, kinds in KINDS.items() if kind in kinds)
        if (section, name) not in seen:
            faults.append(f"docs/coverage.md: {kind} {name} has no row under \"{section}\"")
    return faults


def it_would_be_noticed(text: str, tree: Tree) -> None:
    """Each kind of fault, made on purpose."""
    row = next(line for line in text.splitlines() if line.startswith("| `add_callback` |"))
    first, second, third = (cell.strip() for cell in row.strip("|").split("|"))
    for change, expected in ((text.replace(row + "\n", ""), "add_callback has no row"), (text.replace(row, row + "\n" + row), "has a row already"),
                             (text.replace(row, f"| {first} | | {third} |"), "none of them empty"), (text.replace(row, f"| {first} | {second} | seen |"), "names no test"),
                             (text.replace(row, f"| {first} | {second} | `Trainer.DoesWhatNobodyWrote` |"), "no such test in tests/unit"),
                             (text.replace(row, f"| {first} | `host/nowhere.cc` | {third} |"), "no such file"), (text.replace(row, f"| {first} | `train.learnin_rate` | {third} |"), "no such key"),
                             (text.replace(row, row.replace("add_callback", "add_calback", 1)), "is not documented")):
        found = faults_of(change, tree)
        assert any(expected in fault for fault in found), (expected, found)


def main() -> None:
    tree, text = Tree(), PAGE.read_text()
    faults = faults_of(text, tree)
    if faults:
        sys.exit("\n".join(faults))
    it_would_be_noticed(text, tree)
    print(f"{len(rows(text))} rows, {len(documented())} documented names")


if __name__ == "__main__":
    main()
