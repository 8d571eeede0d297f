"""Bad input of every sort, and the message that a user gets: the table at the top is the specification.

usage: bad_input_test.py SLIPWAY
Each row: name, what is changed, exit code, and what the message must hold. A message must not look like a crash.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GGUF = ROOT / "build/assets/SmolLM2-135M-Instruct.Q4_1.gguf"

GOOD = """[run]
algorithm = "raft"
output_dir = "out"
[model]
config = "model.json"
tokenizer = "{gguf}"
[data]
train = ["data.jsonl"]
[generation]
max_new_tokens = 4
[raft]
iterations = 1
prompts_per_iteration = 2
samples_per_prompt = 2
[[reward]]
use = "length"
options = {{ target = 10 }}
[train]
learning_rate = 1e-3
"""

# name, (find, replace) in the run file, extra arguments, exit code, pattern
RUN_FILE = [
    ("unknown key", ("learning_rate", "learnin_rate"), [], 2, r'run\.toml:19: unknown key "learnin_rate" in \[train\], did you mean "learning_rate"\?'),
    ("unknown section", ("[generation]", "[generatoin]"), [], 2, r'run\.toml:9: unknown section \[generatoin\], did you mean "generation"\?'),
    ("wrong type", ("1e-3", '"fast"'), [], 2, r'run\.toml:19: train\.learning_rate is "fast" \(text\), a number is needed'),
    ("fraction where a whole number is needed", ("iterations = 1", "iterations = 1.5"), [], 2, r"run\.toml:12: raft\.iterations is 1\.5"),
    ("out of range", ("iterations = 1", "iterations = 0"), [], 2, r"run\.toml:12: raft\.iterations is 0, at least 1 is needed"),
    ("not among the choices", ('"raft"', '"rafft"'), [], 2, r'run\.toml:2: run\.algorithm is "rafft", one of sft raft is needed, did you mean "raft"\?'),
    ("missing key", ('output_dir = "out"\n', ""), [], 2, r"run\.toml: run\.output_dir is missing"),
    ("several faults at once", ("[train]\nlearning_rate", "[train]\nseeed = 1\nlearnin_rate"), [], 2, r'(?s)"seeed".*did you mean "seed".*"learnin_rate"'),
    ("malformed TOML", ("iterations = 1", "iterations ="), [], 2, r"run\.toml:12"),
    ("missing data file", ("data.jsonl", "dta.jsonl"), [], 2, r'run\.toml:8: data\.train = "dta\.jsonl": no such file or folder'),
    ("missing model file", ("model.json", "modl.json"), [], 2, r'run\.toml:5: model\.config = "modl\.json": no such file'),
    ("unknown plugin", ('use = "length"', 'use = "lenght"'), [], 2, r'run\.toml:16: no reward plugin "lenght", did you mean "length"\?'),
    ("plugin of another kind", ('use = "length"', 'use = "console"'), [], 2, r'run\.toml:16: no reward plugin "console"'),
    ("unknown plugin option", ("target = 10", "traget = 10"), [], 2, r'run\.toml:17: plugin org\.slipway\.reward\.length has no option "traget", did you mean "target"\?'),
    ("plugin option of a wrong type", ("target = 10", 'target = "ten"'), [], 2, r'run\.toml:17: option "target" is "ten"'),
    ("plugin option out of range", ("target = 10", "target = 0"), [], 2, r'run\.toml:17: option "target"'),
    ("no reward", ('[[reward]]\nuse = "length"\noptions = { target = 10 }\n', ""), [], 2, r"needs at least one \[\[reward\]\]"),
    ("single brackets for a list of plugins", ("[[reward]]", "[reward]"), [], 2, r"write \[\[reward\]\], with two brackets"),
    ("a device that is no choice", ("[train]\n", '[train]\ndevice = "gpu"\n'), [], 2, r'run\.toml:19: train\.device is "gpu", one of cpu cuda is needed'),
    ("a device that cannot train", ("[train]\n", '[train]\ndevice = "cuda"\n'), [], 2, r'run\.toml:19: train\.device = "cuda": .*; use device = "cpu"|run\.toml:19: train\.device = "cuda": this build has no CUDA module .*or use device = "cpu"'),
    ("unknown loss", ("[train]", '[loss]\nuse = "vocal"\n[train]'), [], 2, r'run\.toml:19: no loss plugin "vocal", did you mean "focal"\?'),
    ("unknown option of a loss", ("[train]", '[loss]\nuse = "focal"\noptions.gama = 1\n[train]'), [], 2, r'run\.toml:20: plugin org\.slipway\.loss\.focal has no option "gama", did you mean "gamma"\?'),
    ("a loss without a name", ("[train]", "[loss]\noptions = {}\n[train]"), [], 2, r'\[loss\] needs use = "PLUGIN"'),
    ("several losses", ("[train]", '[[loss]]\nuse = "focal"\n[train]'), [], 2, r"run\.toml:18: \[loss\] must be a table"),
    ("label smoothing beside a loss", ("[train]", '[loss]\nuse = "focal"\n[train]\nlabel_smoothing_factor = 0.1'), [], 2, r"run\.toml:21: train\.label_smoothing_factor: \[loss\] says the whole loss"),
    ("more smoothing than loss", ("[train]", "[train]\nlabel_smoothing_factor = 1.5"), [], 2, r"train\.label_smoothing_factor is 1\.5, at most 1\.0 is allowed"),
    ("unknown argument of activation checkpointing", ("[train]", "[train]\nactivation_checkpointing_kwargs = { every_n_layer = 2 }"), [], 2, r'run\.toml:19: train\.activation_checkpointing_kwargs: nothing is called "every_n_layer", did you mean "every_n_layers"\?'),
    ("activation checkpointing of no block", ("[train]", "[train]\nactivation_checkpointing_kwargs = { every_n_layers = 0 }"), [], 2, r"every_n_layers = 0: a whole number from 1 is needed"),
    ("offloaded activations", ("[train]", "[train]\nactivation_checkpointing_kwargs = { offload = true }"), [], 2, r"offload = true: what is kept lies in the processor's memory already"),
    ("a metric in a raft run", ("[[reward]]", '[[metric]]\nuse = "f1"\n[[reward]]'), [], 2, r"run\.toml:16: \[\[metric\]\] measures what sft evaluates"),
    ("a metric that is none", ("[[reward]]", '[[metric]]\nuse = "acuracy"\n[[reward]]'), [], 2, r'run\.toml:16: no metric plugin "acuracy", did you mean "accuracy"\?'),
    ("named sets with raft", ("[data]", '[data]\neval = { a = "data.jsonl" }'), [], 2, r"run\.toml:8: raft scores answers to one set of prompts"),
    ("a set whose name is none", ("[data]", '[data]\neval = { "a b" = "data.jsonl" }'), [], 2, r'run\.toml:8: data\.eval: "a b" is not a valid name for a set'),
    ("missing environment variable", ('"out"', '"${SLIPWAY_NOT_SET}"'), [], 2, r"run\.toml:3: .*SLIPWAY_NOT_SET"),
    ("bad discard rule", ("iterations = 1", 'iterations = 1\ndiscard = ["emtpy"]'), [], 2, r'run\.toml:13: raft\.discard: "emtpy" is not a rule .*did you mean "empty"\?'),
    ("stop rule without held-out prompts", ("iterations = 1", "iterations = 1\nstop_reward = 0.5"), [], 2, r"raft\.stop_reward: needs held-out prompts"),
    ("max_steps with raft", ("[train]", "[train]\nmax_steps = 5"), [], 2, r"train\.max_steps: raft runs by raft\.iterations"),
    ("more held-out rows than rows", ("[data]", "[data]\neval_rows = 50"), [], 2, r"data\.eval_rows = 50 leaves no row to train on: data\.train gives 3"),
    ("bad --set key", None, ["--set", "train.learnin_rate=1"], 2, r'--set: unknown key "learnin_rate".*did you mean "learning_rate"'),
    ("bad --set form", None, ["--set", "train.learning_rate"], 2, r"--set.*KEY=VALUE"),
    ("missing run file", None, ["FILE=absent.toml"], 2, r"absent\.toml: No such file"),
    ("unknown option", None, ["--resum"], 2, r'unknown option "--resum", did you mean "--resume"\?'),
    ("resume from nothing", None, ["--resume=nowhere"], 1, r"--resume=nowhere: no such folder"),
    ("resume from a folder that is no checkpoint", None, ["--resume=."], 1, r"has no manifest\.json"),
    ("raft from a checkpoint of the Hugging Face Trainer", None, [f"--resume={ROOT}/tests/parity/data/resume/checkpoint-20"], 1, r"checkpoint-20: is a checkpoint of the Hugging Face Trainer, which knows nothing of RAFT"),
    ("a text in the model's place", None, ["--set", "model.weights=data.jsonl", "--set", 'model.tokenizer=""', "--set", 'model.config=""'], 1, r"data\.jsonl: is not a model; a model folder of Hugging Face's, or a \.gguf file, is needed"),
    ("every prompt too long", ("[data]", "[data]\nmax_prompt_tokens = 1"), [], 1, r"no prompt is left"),
    ("the loss explodes", ("learning_rate = 1e-3", "learning_rate = 1e30\nmax_grad_norm = 0\nnum_train_epochs = 5"), [], 1, r"step \d+: the loss is .*lower train\.learning_rate"),
]

# name, file, content (None: see corrupt()), run-file change, exit code, pattern
FILES = [
    ("malformed JSON row", "data.jsonl", '{"prompt": "a b"}\n{"prompt": \n', None, 1, r"data\.jsonl:2"),
    ("row without a prompt", "data.jsonl", '{"promt": "a b"}\n', None, 1, r'data\.jsonl:1: no "prompt".*did you mean "prompt"\?'),
    ("prompt that is no text", "data.jsonl", '{"prompt": 5}\n', None, 1, r'data\.jsonl:1: "prompt" is number, text is needed'),
    ("empty data file", "data.jsonl", "", None, 1, r"data\.jsonl: the file is empty"),
    ("malformed model config", "model.json", "{", None, 1, r"model\.json:1"),
    ("impossible model config", "model.json", '{"model_type": "llama"}', None, 1, r"plugin org\.slipway\.model\.llama.*(hidden_size|vocab_size)"),
    ("truncated GGUF", "broken.gguf", "GGUF", ("{gguf}", "broken.gguf"), 1, r"broken\.gguf"),
    ("no GGUF at all", "broken.gguf", "PK\x03\x04 something else", ("{gguf}", "broken.gguf"), 1, r"broken\.gguf: .*GGUF"),
    ("malformed tokenizer", "tokenizer.json", '{"model": 5}', ("{gguf}", "tokenizer.json"), 1, r"tokenizer\.json"),
    ("output folder is a file", "out", "x", None, 1, r"out: is a file; a folder is needed \(run\.output_dir\)"),
]

COMMANDS = [
    ("no command", [], 2, r"usage: slipway COMMAND"),
    ("unknown command", ["trian"], 2, r'unknown command "trian", did you mean "train"\?'),
    ("train without a file", ["train"], 2, r"FILE is missing"),
    ("generate without a model", ["generate"], 2, r"--model is missing"),
    ("generate from nowhere", ["generate", "--model", "nowhere", "--prompt", "x"], 2, r"nowhere: no such file or folder"),
    ("generate with a negative temperature", ["generate", "--model", ".", "--prompt", "x", "--temperature=-1"], 2, r"--temperature must not be negative"),
    ("generate with text for a number", ["generate", "--model", ".", "--prompt", "x", "--top-k", "many"], 2, r'--top-k is "many", a whole number is needed'),
    ("generate from a folder without weights", ["generate", "--model", ".", "--prompt", "x"], 1, r"(config\.json|model\.safetensors)"),
    ("plugin info of nothing", ["plugin", "info", "sentimnt"], 1, r'"sentimnt", did you mean "sentiment"\?'),
    ("plugin without a verb", ["plugin"], 2, r"usage: slipway plugin list"),
    ("config check of a bad file", ["config", "check", "bad.toml"], 2, r'bad\.toml:1: unknown section \[trian\], did you mean "train"\?'),
    ("a run file taken for the trace", ["train", "--profile", "bad.toml"], 2, r'FILE is missing \("bad\.toml" was taken as the value of --profile\)'),
    ("a trace with a run file's name", ["train", "bad.toml", "--profile", "bad.toml"], 2, r'--profile: "bad\.toml" was taken as the trace.*ends in \.json'),
    ("generate with a trace that is a folder", ["generate", "--model", ".", "--prompt", "x", "--profile", "folder.json"], 1, r"folder\.json: is a folder"),
    ("evaluate nothing", ["evaluate"], 2, r"WHAT is missing"),
    ("evaluate from nowhere", ["evaluate", "nowhere"], 2, r"nowhere: no such file or folder"),
    ("evaluate a folder without data", ["evaluate", "."], 2, r"names no data: give --data FILE"),
    ("evaluate on missing data", ["evaluate", ".", "--data", "dta.jsonl"], 2, r"--data dta\.jsonl: no such file or folder"),
    ("evaluate on data with and without names", ["evaluate", ".", "--data", "data.jsonl", "--data", "a=data.jsonl"], 2, r"either every --data has a name, NAME=FILE, or none"),
    ("evaluate by a metric that there is not", ["evaluate", ".", "--data", "data.jsonl", "--metric", "perplexiti"], 2, r'^--metric: no metric plugin "perplexiti", did you mean "perplexity"\?'),
    ("predict with an output that is none", ["predict", ".", "--ignore-keys", "logprob"], 2, r'there is no output "logprob", did you mean "logprobs"\?'),
    ("predict logits as text", ["predict", ".", "--logits"], 2, r"logits need a file whose name ends in \.safetensors"),
    ("doctor with an argument", ["doctor", "me"], 2, r"too many arguments"),
    ("search without [search]", ["search", "bad.toml"], 2, r"has no \[search\]"),
]

CRASH = re.compile(r"defect in Slipway|terminate called|Segmentation|what\(\)|core dumped|Traceback", re.I)


def prepare(folder: pathlib.Path) -> None:
    folder.mkdir()
    shutil.copy(ROOT / "tests/e2e/tiny_llama.json", folder / "model.json")
    (folder / "data.jsonl").write_text("".join('{"prompt": "%s"}\n' % p for p in ("the film was", "it is a story of", "three men in a")))


def run(program: str, arguments: list, folder: pathlib.Path) -> tuple[int, str]:
    environment = {k: v for k, v in os.environ.items() if k != "SLIPWAY_NOT_SET"}
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, env=environment)
    return done.returncode, done.stderr + done.stdout


def main() -> None:
    program = os.path.abspath(sys.argv[1])
    failures, checked = [], 0
    with tempfile.TemporaryDirectory(prefix="slipway-bad-") as root:
        def check(name: str, arguments: list, folder: pathlib.Path, code: int, pattern: str) -> None:
            nonlocal checked
            checked += 1
            got, text = run(program, arguments, folder)
            if got != code or not re.search(pattern, text) or CRASH.search(text):
                failures.append(f"{name}: exit code {got} (expected {code}), message:\n    " + text.strip().replace("\n", "\n    ") + f"\n  expected: {pattern}")

        good = GOOD.format(gguf=GGUF)
        folder = pathlib.Path(root) / "good"
        prepare(folder)
        (folder / "run.toml").write_text(good)
        code, text = run(program, ["train", "run.toml"], folder)
        if code != 0:
            sys.exit(f"the good run file must work, but: {text}")
        for i, (name, change, more, code, pattern) in enumerate(RUN_FILE):
            folder = pathlib.Path(root) / f"run{i}"
            prepare(folder)
            if change and change[0] not in good:
                sys.exit(f"{name}: nothing to replace")
            (folder / "run.toml").write_text(good.replace(change[0], change[1], 1) if change else good)
            files = [a[5:] for a in more if a.startswith("FILE=")] or ["run.toml"]
            check(name, ["train", *files, *[a for a in more if not a.startswith("FILE=")]], folder, code, pattern)
        for i, (name, file, content, change, code, pattern) in enumerate(FILES):
            folder = pathlib.Path(root) / f"file{i}"
            prepare(folder)
            (folder / file).write_text(content)
            (folder / "run.toml").write_text(GOOD.replace(change[0], change[1]).format() if change else good)
            check(name, ["train", "run.toml"], folder, code, pattern)
        folder = pathlib.Path(root) / "commands"
        prepare(folder)
        (folder / "bad.toml").write_text("[trian]\nx = 1\n")
        (folder / "folder.json").mkdir()
        for name, arguments, code, pattern in COMMANDS:
            check(name, arguments, folder, code, pattern)
    for failure in failures:
        print(failure)
    print(f"{checked} sorts of bad input, {len(failures)} refused in another way than the table says")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
