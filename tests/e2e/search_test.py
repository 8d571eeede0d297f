"""Every trial of a search is a fresh run with its own values: the seed that a trial draws makes its model, too.

usage: search_test.py SLIPWAY
"""
import json
import pathlib
import subprocess
import sys
import tempfile

SETTINGS = ["data.limit=16", "data.eval_rows=4", "train.learning_rate=0"]  # the model that was made is the one that is saved


def sets(folder: pathlib.Path, *more: str) -> list:
    return [part for setting in [f"run.output_dir={folder}", *SETTINGS, *more] for part in ("--set", setting)]


def pages(search: pathlib.Path, root: pathlib.Path, best: int) -> None:
    """The page of the search, and one that compares two of its trials."""
    def report(*args, code: int = 0) -> str:
        done = subprocess.run([sys.argv[1], "report", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root)
        assert done.returncode == code, (args, done)
        return done.stderr

    assert str(search / "report.html") in report(search)
    page = (search / "report.html").read_text()
    rows = [int(part.split("<")[0]) for part in page.split('">trial ')[1:] if part.split("<")[0].isdigit() and "</span></td>" in part[:20]]
    assert rows[0] == best and sorted(rows) == [0, 1, 2, 3], rows
    assert "eval_loss against train.num_train_epochs" in page and "less is better" in page and "Curves of the best 4 trials" in page
    report(search, "--output", "again.html")
    assert (root / "again.html").read_text() == page
    trials = [search / "trial-0000", search / "trial-0001"]
    report(*trials)
    compared = (root / "comparison.html").read_text()
    assert all(text in compared for text in ("<title>trial-0000, trial-0001", "num_<wbr/>train_<wbr/>epochs", "<h3>Held-out loss</h3>"))
    report(*trials)
    assert (root / "comparison.html").read_text() == compared, "the same folders must give the same page"
    assert "is not a page of a Slipway comparison" in report(*trials, "--output", trials[0] / "report.html", code=1)
    for args, fault in (([*trials, "--picture", "x.svg"], "--picture is of one run"), ([trials[0], "--output", "x.html"], "--output is for several runs"),
                        ([search, trials[0]], "is the folder of a search"), ([root, trials[0]], "no metrics.jsonl there")):
        assert fault in report(*args, code=1 if args[0] == root else 2), args


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-search-") as name:
        root = pathlib.Path(name)
        text = pathlib.Path("tests/e2e/tiny_search.toml").read_text()
        space = text[text.index("[search.space]"): text.index("[run]")]
        text = text.replace(space, '[search.space]\n"train.seed" = [1, 2]\n"train.num_train_epochs" = { low = 1, high = 2 }\n\n').replace("trials = 3", "trials = 4")
        for path in ('config = "', 'tokenizer = "', 'train = ["'):
            text = text.replace(path, path + str(pathlib.Path("tests/e2e").resolve()) + "/")
        (root / "search.toml").write_text(text)
        command = [sys.argv[1], "search", str(root / "search.toml"), "--json", *sets(root / "search")]
        done = subprocess.run([*command, "--set", "search.trials=1"], check=True, capture_output=True, text=True)
        assert len(json.loads(done.stdout)["trials"]) == 1, "--set says how many"
        assert "no checkpoint" not in done.stderr and "warning" not in done.stderr, done.stderr
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        trials = json.loads(out)["trials"]
        assert len(trials) == 4
        for name in ("train", "evaluate"):
            done = subprocess.run([sys.argv[1], name, str(root / "search.toml"), "--set", "search.trials=1"], capture_output=True, text=True)
            assert done.returncode == 2 and "--set search.trials=1: [search] is read by slipway search alone" in done.stderr, done
        done = subprocess.run([*command, "--set", "search.space.train.seeds=[1, 2]"], capture_output=True, text=True)
        assert done.returncode == 2 and 'search.space."train.seeds": no such key of a run file' in done.stderr, done
        alone = {}
        for seed in (1, 2):
            subprocess.run([sys.argv[1], "train", str(root / "search.toml"), "--quiet", *sets(root / f"seed-{seed}", f"train.seed={seed}")], check=True)
            alone[seed] = (root / f"seed-{seed}/model.safetensors").read_bytes()
        assert alone[1] != alone[2]
        assert not json.loads((root / "seed-1/trainer_state.json").read_text())["is_hyper_param_search"]
        drawn = set()
        for i, trial in enumerate(trials):
            folder = root / f"search/trial-{i:04}"
            seed = int(trial["train.seed"])
            drawn.add(seed)
            assert (folder / "model.safetensors").read_bytes() == alone[seed], f"trial {i} did not begin with the model of seed {seed}"
            state = json.loads((folder / "trainer_state.json").read_text())
            assert state["is_hyper_param_search"] and state["trial_name"] == f"trial-{i:04}", state["trial_name"]
            assert set(state["trial_params"]) == {"train.seed", "train.num_train_epochs"} and state["trial_params"]["train.seed"] == seed, state["trial_params"]
        values = [trial["eval_loss"] for trial in trials]
        pages(root / "search", root, values.index(min(values)))
        # a page in its folder does not stand in a search's way
        again = subprocess.run([sys.argv[1], "search", str(root / "search.toml"), "--json", *sets(root / "search")], check=True, stdout=subprocess.PIPE).stdout
        assert json.loads(again)["trials"] == trials
        assert drawn == {1, 2}, f"the search drew only {drawn}; choose another search.seed"
        print(f"{len(trials)} trials of seeds {sorted(drawn)}, each with the model that its seed makes")


if __name__ == "__main__":
    main()
