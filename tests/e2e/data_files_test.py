"""What rows of data become, token by token, and what is said of files and rows that are not what they seem.

usage: data_files_test.py SLIPWAY
"""
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from bad_input_test import CRASH
from tiny_files import CONFIG, tokenizer, weights, write_folder

EOS = 257
failures, checked = [], 0


def check(what: str, good: bool, seen: object = "") -> None:
    global checked
    checked += 1
    if not good:
        failures.append(f"{what}: {seen}")


class Bench:
    def __init__(self, program: str, folder: pathlib.Path):
        self.program, self.folder = program, folder
        write_folder(folder / "model")
        write_folder(folder / "framed", frame=["<s>"])
        ended = write_folder(folder / "ended")  # a post-processor that ends every text, too
        template = tokenizer(["<s>"])
        template["post_processor"]["single"].append({"SpecialToken": {"id": "</s>", "type_id": 0}})
        template["post_processor"]["special_tokens"]["</s>"] = {"id": "</s>", "ids": [EOS], "tokens": ["</s>"]}
        (ended / "tokenizer.json").write_text(json.dumps(template))

    def run(self, *arguments: str, cwd: str = ".", stdin: bytes = b"") -> tuple[int, str, str]:
        done = subprocess.run([self.program, *arguments], cwd=self.folder / cwd, input=stdin, capture_output=True, timeout=60)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def write(self, name: str, content: object) -> str:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else (content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)).encode())
        return name

    def labels(self, name: str, model: str = "model", *more: str) -> tuple[list | None, str]:
        """The ids that each row's loss is on; None where the file is refused. And what was said."""
        code, _, said = self.run("predict", model, "--data", name, "--predictions", "p.jsonl", "--out", ".", "--quiet", *more)
        if code != 0:
            return None, f"{code} {said}"
        return [json.loads(line)["label_ids"] for line in (self.folder / "p.jsonl").read_text().splitlines()], said


def text(ids: str) -> list[int]:
    """The ids of a text in the tiny vocabulary: its characters' places in the alphabet."""
    return [ord(c) if c != " " else 32 for c in ids]


def rows(b: Bench) -> None:
    equal = [
        ("a prompt and its answer", {"prompt": "ab", "completion": "cd"}, text("cd") + [EOS]),
        ("LMFlow's names", {"input": "ab", "output": "cd"}, text("cd") + [EOS]),
        ("Alpaca without an input", {"instruction": "ab", "input": "", "output": "cd"}, text("cd") + [EOS]),
        ("an answer that ends itself", {"prompt": "ab", "completion": "c</s>"}, text("c") + [EOS]),
        ("a number beside them stays a column", {"prompt": "ab", "completion": "cd", "score": 3}, text("cd") + [EOS]),
    ]
    for name, row, ids in equal:
        got, said = b.labels(b.write("row.jsonl", [row]))
        check(name, got == [ids], (got, said))
    refused = [
        ("a row without its answer", {"prompt": "ab", "response": "cd"}, r'row.jsonl:2: no "completion" in the row'),
        ("a preference", {"prompt": "ab", "chosen": "c", "rejected": "d"}, '"chosen" and "rejected"'),
        ("a prompt and a text", {"prompt": "ab", "completion": "c", "text": "d"}, '"text" would be ignored'),
        ("an unknown set of columns", {"question": "ab", "answer": "c"}, 'no "prompt", "text", "input", "instruction" or "messages"'),
        ("two prompts", {"prompt": "ab", "input": "c", "completion": "d"}, 'the row has "prompt" and "input"'),
        ("a prompt that is null", {"prompt": None, "completion": "d"}, '"prompt" is null, text is needed'),
        ("a conversation without an answer", {"messages": [{"role": "user", "content": "x"}]}, "no message of an assistant"),
        ("a conversation without a template", {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}, "the model has no chat template"),
    ]
    good = {"prompt": "ab", "completion": "cd"}
    for name, row, pattern in refused:
        got, said = b.labels(b.write("row.jsonl", [good, row]))
        check(name, got is None and pattern in said and "row.jsonl:2" in said and not CRASH.search(said), (got, said))
    # Alpaca's instruction and input are both in the prompt: its answer is as likely as after the joined prompt.
    def losses(row: dict) -> list:
        b.labels(b.write("row.jsonl", [row]))
        return json.loads((b.folder / "p.jsonl").read_text())["logprobs"]
    joined = losses({"prompt": "ab\ncd", "completion": "e"})
    check("Alpaca's input follows its instruction", losses({"instruction": "ab", "input": "cd", "output": "e"}) == joined != losses({"prompt": "ab", "completion": "e"}))


def end_tokens(b: Bench) -> None:
    for model in ("framed", "ended"):
        got, said = b.labels(b.write("e.jsonl", [{"prompt": "ab", "completion": "cd"}, {"text": "xy"}, {"text": "z</s>"}]), model)
        # Of a text by itself the first token, <s>, has nothing before it.
        check(f"one end token, {model}", got == [text("cd") + [EOS], text("xy") + [EOS], text("z") + [EOS]], (got, said))
    b.labels(b.write("e.jsonl", [{"prompt": "ab", "completion": "cd"}]), "framed")
    expected = json.loads((b.folder / "p.jsonl").read_text())["logprobs"]
    b.labels("e.jsonl", "ended")
    check("no end token between prompt and answer", json.loads((b.folder / "p.jsonl").read_text())["logprobs"] == expected)

    # A model that says <pad> after everything: it ends where generation_config.json lists <pad>.
    tensors = weights()
    head = tensors["lm_head.weight"][1]
    tensors["model.norm.weight"] = ([16], [0.0] * 15 + [1.0])
    tensors["model.embed_tokens.weight"] = ([259, 16], [1.0] * (259 * 16))
    tensors["lm_head.weight"] = ([259, 16], [0.0] * (258 * 16) + [0.0] * 15 + [50.0])
    del head
    several = write_folder(b.folder / "several", tensors=tensors)
    (several / "generation_config.json").write_text(json.dumps({"eos_token_id": [EOS, 258]}))
    code, out, said = b.run("generate", "--model", "several", "--prompt", "hi", "--max-new-tokens", "8", "--temperature", "0", "--json")
    row = json.loads(out) if code == 0 else {}
    check("every end token ends an answer", row == {"prompt": "hi", "completion": "", "finished": True}, (code, out, said))
    (several / "generation_config.json").unlink()
    code, out, said = b.run("generate", "--model", "several", "--prompt", "hi", "--max-new-tokens", "8", "--temperature", "0", "--json")
    check("and no other", code == 0 and json.loads(out)["finished"] is False, (code, out, said))


def files(b: Bench) -> None:
    row = '{"text": "ab"}\n'
    whole = [text("b") + [EOS]]
    for name in ("rows.ndjson", "ROWS.JSONL"):
        got, said = b.labels(b.write(name, row))
        check(f"{name} holds JSON Lines", got == whole and "JSON Lines" in said, (got, said))
    refused = [("rows.csv", "text\nab\n", "comma-separated"), ("rows.parquet", b"PAR1\x15", "is a table"), ("rows.jsonl.gz", gzip.compress(row.encode()), "is compressed"),
               ("packed.jsonl", gzip.compress(row.encode()), "is compressed"), ("utf16.txt", "ab\n".encode("utf-16"), "UTF-16"), ("latin1.txt", "caf\xe9\n".encode("latin-1"), "latin1.txt:1: is not UTF-8"),
               ("nul.txt", b"a\0b\n", "NUL byte"), ("lines.json", row + row, 'data.format = "jsonl"'), ("array.jsonl", '[{"text": "ab"}]\n', 'data.format = "json"'),
               ("pointer.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"), ("rubbish.jsonl", '{"text": "ab"} x\n', "rubbish.jsonl:1"),
               ("empty.jsonl", " \n", "the file is empty")]
    for name, content, pattern in refused:
        got, said = b.labels(b.write(name, content))
        check(name, got is None and pattern in said and name in said and not CRASH.search(said), (got, said))
    got, said = b.labels("array.jsonl", "model", "--set", "data.format=json")
    check("data.format = json takes a list of rows", got == whole, (got, said))
    for name, content in (("bom.txt", b"\xef\xbb\xbfab\r\ncd\r\n"), ("bom.tsv", b"\xef\xbb\xbfab\r\ncd\r\n"), ("bom.jsonl", b'\xef\xbb\xbf{"text": "ab"}\r\n{"text": "cd"}\r\n')):
        got, said = b.labels(b.write(name, content))
        check(f"{name}: neither a mark nor carriage returns", got == [text("b") + [EOS], text("d") + [EOS]], (got, said))
    code, out, said = b.run("generate", "--model", "model", "--max-new-tokens", "1", "--temperature", "0", "--json", stdin=b"\xef\xbb\xbfab\r\ncd\r\n")
    check("nor on standard input", code == 0 and [json.loads(line)["prompt"] for line in out.splitlines()] == ["ab", "cd"], (code, out, said))


RUN = """[run]
algorithm = "sft"
output_dir = "{out}"
[model]
weights = "{model}"
[data]
train = ["data.jsonl"]
{data}
[train]
max_steps = 2
save_steps = 1
learning_rate = 1e-4
"""


def runs(b: Bench) -> None:
    here, there = b.folder / "here", b.folder / "there"
    here.mkdir(), there.mkdir()
    (there / "run.toml").write_text(RUN.format(out="out", model=b.folder / "model", data=""))
    (there / "data.jsonl").write_text('{"text": "the run file\'s"}\n')
    (here / "data.jsonl").write_text('{"text": "another"}\n')
    code, _, said = b.run("train", "../there/run.toml", "--quiet", cwd="here")
    resolved = (here / "out/config.resolved.toml").read_text() if code == 0 else ""
    check("beside the run file first, and a notice", f'"{there}/data.jsonl"' in resolved and "there is one in the working folder, too" in said, (code, said))
    code, _, said = b.run("train", "../there/run.toml", "--quiet", "--set", 'data.train=["data.jsonl"]', "--set", "run.output_dir=typed", cwd="here")
    check("what is typed is looked for as the shell does", code == 0 and f'"{here}/data.jsonl"' in (here / "typed/config.resolved.toml").read_text(), (code, said))

    for streaming in ("", "streaming = true\n"):
        out = "stream" if streaming else "memory"
        (there / "run.toml").write_text(RUN.format(out=out, model=b.folder / "model", data=streaming + 'append_eos = true'))
        (there / "data.jsonl").write_text("".join(json.dumps({"text": f"row {i}"}) + "\n" for i in range(8)))
        code, _, said = b.run("train", "run.toml", "--quiet", cwd="there")
        check("a run to resume", code == 0, said)
        first = there / out / "checkpoint-1"
        code, _, said = b.run("train", "run.toml", "--quiet", f"--resume={first}", cwd="there")
        check(f"resumed on the same data ({out}): no warning", code == 0 and "differ" not in said, (code, said))
        (there / "data.jsonl").write_text("".join(json.dumps({"text": f"wor {i}"}) + "\n" for i in range(8)))
        code, _, said = b.run("train", "run.toml", "--quiet", f"--resume={first}", cwd="there")
        told = "data.jsonl: is not the file that this run streamed before" if streaming else "the data differ from those this run began with"
        check(f"resumed on other data ({out})", code == (1 if streaming else 0) and "data.jsonl" in said and told in said, (code, said))

    b.write("far.jsonl", [{"text": "ab"}] * 3 + [{"text": "a<pad>"}])
    write_folder(b.folder / "small", config={"vocab_size": 258}, tensors={k: (([258, 16], v[: 258 * 16]) if s == [259, 16] else (s, v)) for k, (s, v) in weights().items()})
    (there / "run.toml").write_text(RUN.format(out="small", model=b.folder / "small", data=""))
    for data in ("", "data.streaming=true"):
        code, _, said = b.run("train", "run.toml", "--quiet", "--set", f'data.train=["{b.folder}/far.jsonl"]', *(["--set", data] if data else []), cwd="there")
        check(f"an id outside of the vocabulary {data}", code == 1 and 'far.jsonl:4: token 258 ("<pad>") is not in the model\'s vocabulary of 258' in said and "Exception" not in said, (code, said))
        if not data:
            check("is told before anything is made", not (there / "small").exists())
    code, _, said = b.run("generate", "--model", "small", "--prompt", "a<pad>", "--max-new-tokens", "1")
    check("in a prompt", code == 1 and "prompt 1: token 258" in said, (code, said))

    long = "x" * (CONFIG["max_position_embeddings"] + 8)
    (there / "data.jsonl").write_text(json.dumps({"text": long}) + "\n")
    (there / "run.toml").write_text(RUN.format(out="long", model=b.folder / "model", data=""))
    code, _, said = b.run("train", "run.toml", "--quiet", cwd="there")
    check("rows longer than the model's positions", "1 of 1 rows have more tokens than the 512 positions" in said, (code, said))
    code, _, said = b.run("train", "run.toml", "--quiet", "--set", "data.streaming=true", "--set", "run.output_dir=long_stream", cwd="there")
    check("of a stream, too", code == 0 and said.count("rows have more tokens than the 512 positions") == 1, (code, said))
    b.write("long.jsonl", [{"prompt": "y" * 300, "completion": "z"}])
    code, _, said = b.run("train", "run.toml", "--quiet", "--set", f'data.eval=["{b.folder}/long.jsonl"]', "--set", "train.eval_strategy=steps", cwd="there")
    check("no row of data.eval left", code == 1 and "data.eval: no row is left to evaluate on" in said, (code, said))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-data-") as name:
        b = Bench(os.path.abspath(sys.argv[1]), pathlib.Path(name).resolve())
        for part in (rows, end_tokens, files, runs):
            part(b)
    for failure in failures:
        print(failure)
    print(f"{checked} checks of data files, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
