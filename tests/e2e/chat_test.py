"""Conversations: as rows to train on, as prompts of RAFT, as what a model is asked, and shown as the model sees them.

usage: chat_test.py SLIPWAY
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from tiny_files import write_folder  # noqa: E402

BOS, EOS = 256, 257
# A turn is <s>, the first letter of its role, a colon, its words, </s>.
TEMPLATE = ("{% for m in messages %}{{ bos_token }}{{ m.role[0] }}:{{ m.content }}{{ eos_token }}{% endfor %}"
            "{% if add_generation_prompt %}{{ bos_token }}a:{% endif %}")
MARKED = ("{% for m in messages %}{{ bos_token }}{{ m.role[0] }}:{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ eos_token }}"
          "{% endgeneration %}{% else %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}")
TALK = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "rr"}, {"role": "user", "content": "s</s>"}, {"role": "assistant", "content": "t"}]


def ids(text: str) -> list[int]:
    out = []
    for i, part in enumerate(text.split("|")):  # "<", ">" stand for the special tokens
        out += [{"<": BOS, ">": EOS}.get(c, ord(c)) for c in part]
    return out


class Bench:
    def __init__(self, program: str, folder: pathlib.Path):
        self.program, self.folder = program, folder
        write_folder(folder / "chat", settings={"chat_template": TEMPLATE})
        write_folder(folder / "plain")

    def write(self, name: str, rows: list) -> str:
        (self.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return name

    def run(self, *arguments: str, given: str = "", fails: bool = False) -> subprocess.CompletedProcess:
        done = subprocess.run([self.program, *arguments], input=given, cwd=self.folder, capture_output=True, text=True, timeout=120)
        assert (done.returncode != 0) == fails, (arguments, done.stdout, done.stderr)
        return done

    def shown(self, row: dict, *more: str, model: str = "chat") -> list[tuple[int, bool]]:
        """(id, whether it carries loss) of each token of a row's example."""
        self.write("row.jsonl", [row])
        out = self.run("data", "show", "row.jsonl", "--model", model, "--tokens", *more).stdout
        tokens = [line.split() for line in out.splitlines()[1:] if line.strip()]
        return [(int(t[1]), len(t) > 2 and t[2] == "*") for t in tokens]


def spread(tokens: list[tuple[int, bool]]) -> tuple[list[int], str]:
    return [t for t, _ in tokens], "".join("*" if loss else "." for _, loss in tokens)


def rows(b: Bench) -> None:
    # </s> among a user's words is five letters of them
    whole, loss = ids("<u:q><a:rr><u:s") + [ord(c) for c in "</s>"] + ids("><a:t>"), "...." + "." + "..." + "***" + "........" + "." + "..." + "**"
    assert spread(b.shown({"messages": TALK})) == (whole, loss), spread(b.shown({"messages": TALK}))
    sharegpt = {"conversations": [{"from": {"user": "human", "assistant": "gpt"}[m["role"]], "value": m["content"]} for m in TALK]}
    assert spread(b.shown(sharegpt)) == (whole, loss)
    (b.folder / "marked.jinja").write_text(MARKED)
    assert spread(b.shown({"messages": TALK}, "--set", "data.chat_template=marked.jinja")) == (whole, loss)
    assert spread(b.shown({"messages": TALK}, "--set", "data.assistant_only_loss=false"))[1] == "." + "*" * (len(whole) - 1)
    pair = ids("<s:x><u:q><a:r>"), "." * 13 + "**"
    assert spread(b.shown({"prompt": "q", "completion": "r", "system": "x"}, "--set", "data.apply_chat_template=true")) == pair
    assert spread(b.shown({"prompt": [{"role": "system", "content": "x"}, {"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "r"}]})) == pair
    chosen = {"prompt": "q", "chosen": "r", "rejected": "z", "system": "x"}
    assert spread(b.shown(chosen, "--set", "data.preference=chosen", "--set", "data.apply_chat_template=true")) == pair
    text = b.run("data", "show", "row.jsonl", "--model", "chat", "--set", "data.preference=chosen", "--set", "data.apply_chat_template=true").stdout
    assert "row.jsonl:1: 15 tokens, 2 carry loss" in text and "<s>s:x</s><s>u:q</s><s>a:\u27e6r</s>\u27e7" in text, text
    b.write("row.jsonl", [{"messages": TALK}])
    said = b.run("data", "show", "row.jsonl", "--model", "plain").stdout
    assert "not trained on: row.jsonl:1: is a conversation, and the model has no chat template" in said.replace(str(b.folder) + "/", ""), said


RUN = """
[run]
algorithm = "{algorithm}"
output_dir = "{out}"
[model]
weights = "chat"
[data]
train = ["{data}"]
{more}
[train]
num_train_epochs = 1
per_device_train_batch_size = 2
learning_rate = 0.01
save_strategy = "no"
disable_tqdm = true
"""


def training(b: Bench) -> None:
    b.write("talks.jsonl", [{"messages": TALK}] * 4)
    (b.folder / "sft.toml").write_text(RUN.format(algorithm="sft", out="sft", data="talks.jsonl", more=""))
    b.run("train", "sft.toml", "--quiet")
    predicted = b.run("predict", "chat", "--data", "talks.jsonl", "--predictions", "p.jsonl", "--out", "p", "--quiet")
    first = json.loads((b.folder / "p.jsonl").read_text().splitlines()[0])
    assert first["label_ids"] == ids("rr>t>") and first["prompt"] == "u:qa:", (first, predicted)
    more = '[generation]\nmax_new_tokens = 4\nstop = ["zz"]\nmin_p = 0.01\nrepetition_penalty = 1.1\nmin_new_tokens = 1\n'
    more += '[raft]\niterations = 1\nprompts_per_iteration = 2\nsamples_per_prompt = 2\n[[reward]]\nuse = "length"\n'
    (b.folder / "raft.toml").write_text(RUN.format(algorithm="raft", out="raft", data="talks.jsonl", more=more))
    b.run("train", "raft.toml", "--quiet")
    samples = [json.loads(line) for line in (b.folder / "raft/samples/iteration-0001.jsonl").read_text().splitlines()]
    assert {s["prompt"] for s in samples} == {"<s>u:q</s><s>a:rr</s><s>u:s</s></s><s>a:"}, samples


def asking(b: Bench) -> None:
    once = json.loads(b.run("generate", "--model", "chat", "--prompt", "hi", "--chat", "--system", "x", "--max-new-tokens", "8", "--json").stdout)
    same = json.loads(b.run("generate", "--model", "chat", "--prompt", "<s>s:x</s><s>u:hi</s><s>a:", "--max-new-tokens", "8", "--json").stdout)
    assert once["completion"] == same["completion"], (once, same)
    assert "--system is for --chat" in b.run("generate", "--model", "chat", "--prompt", "x", "--system", "y", fails=True).stderr
    assert "no chat template" in b.run("generate", "--model", "plain", "--prompt", "x", "--chat", fails=True).stderr
    talk = b.run("chat", "chat", "--temperature", "0", "--max-new-tokens", "6", given="one\ntwo\n/new\none\n")
    answers = talk.stdout.split("\n")
    assert len(answers) == 4 and answers[0] == answers[2], talk.stdout
    assert talk.stderr.count("tokens/s") == 3, talk.stderr


def going_on(b: Bench) -> None:
    """Answers that an assistant has begun."""
    chat = ["generate", "--model", "chat", "--prompt", "hi", "--chat", "--max-new-tokens", "8"]
    begun = json.loads(b.run(*chat, "--continue", "so ", "--json").stdout)
    same = json.loads(b.run("generate", "--model", "chat", "--prompt", "<s>u:hi</s><s>a:so ", "--max-new-tokens", "8", "--json").stdout)
    assert begun["completion"] == same["completion"] and begun["prompt"] == "hi", (begun, same)
    assert b.run(*chat, "--continue", "so ").stdout == "so " + begun["completion"] + "\n"
    assert "--continue is for --chat" in b.run("generate", "--model", "chat", "--prompt", "x", "--continue", "y", fails=True).stderr
    assert "--continue is empty" in b.run(*chat, "--continue", "", fails=True).stderr
    (b.folder / "upper.jinja").write_text("{% for m in messages %}{{ m.content | upper }}{% endfor %}")
    said = b.run(*chat, "--continue", "so", "--chat-template", "upper.jinja", fails=True).stderr
    assert "does not hold the last message's text" in said, said
    parts = b.run("chat", "chat", "--temperature", "0", "--max-new-tokens", "3", given="one\n/continue\n/new\none\n")
    answers = parts.stdout.split("\n")
    assert parts.stderr.count("tokens/s") == 3 and answers[0] == answers[2], (parts.stdout, parts.stderr)
    same = json.loads(b.run("generate", "--model", "chat", "--prompt", "one", "--chat", "--continue", answers[0], "--temperature", "0", "--max-new-tokens", "3", "--json").stdout)
    assert answers[1] == same["completion"], (answers, same)
    assert "no answer is there to go on with" in b.run("chat", "chat", given="/continue\n", fails=True).stderr
    key = ("--set", "data.continue_final_message=true")
    b.run("train", "raft.toml", "--quiet", *key, "--set", "run.output_dir=going")
    samples = [json.loads(line) for line in (b.folder / "going/samples/iteration-0001.jsonl").read_text().splitlines()]
    assert {s["prompt"] for s in samples} == {"<s>u:q</s><s>a:rr</s><s>u:s</s></s><s>a:t"}, samples
    b.write("asked.jsonl", [{"messages": TALK[:3]}])
    said = b.run("data", "show", "raft.toml", *key, "--set", "data.train=['asked.jsonl']").stdout
    assert "the last message is to be continued, but it is not an assistant's" in said, said
    refused = b.run("train", "sft.toml", *key, fails=True).stderr
    assert "data.continue_final_message" in refused and "sft trains on what the rows hold" in refused, refused


def ends(b: Bench) -> None:
    greedy = ["generate", "--model", "chat", "--prompt", "abc", "--temperature", "0", "--json"]
    whole = json.loads(b.run(*greedy, "--max-new-tokens", "12").stdout)["completion"]
    stop = whole[4:6]
    at = whole.find(stop)
    cut = json.loads(b.run(*greedy, "--max-new-tokens", "12", "--stop", stop).stdout)
    assert cut["completion"] == whole[:at] and cut["finished"], (whole, stop, cut)
    streamed = b.run("generate", "--model", "chat", "--prompt", "abc", "--temperature", "0", "--max-new-tokens", "12", "--stop", stop, "--stream").stdout
    assert streamed == "abc" + whole[:at] + "\n", streamed
    penalized = json.loads(b.run(*greedy, "--max-new-tokens", "12", "--repetition-penalty", "1000").stdout)["completion"]
    letters = [c for c in penalized if c.isascii()]  # others are bytes that are no character
    assert len(set(letters)) == len(letters) and not set(letters) & set("abc"), penalized
    assert "--min-p must lie in [0, 1]" in b.run(*greedy, "--min-p", "2", fails=True).stderr


def main(program: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(program, pathlib.Path(folder))
        for test in (rows, training, asking, going_on, ends):
            test(bench)
            print(f"{test.__name__}: good")


if __name__ == "__main__":
    main(str(pathlib.Path(sys.argv[1]).resolve()))
