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


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-search-") as name:
        root = pathlib.Path(name)
        text = pathlib.Path("tests/e2e/tiny_search.toml").read_text()
        space = text[text.index("[search.space]"): text.index("[run]")]
        text = text.replace(space, '[search.space]\n"train.seed" = [1, 2]\n"train.num_train_epochs" = { low = 1, high = 2 }\n\n').replace("trials = 3", "trials = 4")
        for path in ('config = "', 'tokenizer = "', 'train = ["'):
            text = text.replace(path, path + str(pathlib.Path("tests/e2e").resolve()) + "/")
        (root / "search.toml").write_text(text)
        out = subprocess.run([sys.argv[1], "search", str(root / "search.toml"), "--json", *sets(root / "search")], check=True, stdout=subprocess.PIPE).stdout
        trials = json.loads(out)["trials"]
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
        assert drawn == {1, 2}, f"the search drew only {drawn}; choose another search.seed"
        print(f"{len(trials)} trials of seeds {sorted(drawn)}, each with the model that its seed makes")


if __name__ == "__main__":
    main()
