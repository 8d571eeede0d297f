"""Compares chat templates rendered by Slipway with those that transformers renders: every template of TRL's wheel and of
llama-cpp-python's source package, on conversations of every form.

usage: python tests/parity/check_chat_templates.py [PACKAGES]
       PACKAGES: a folder with these two files; without it pip fetches them (tests/parity/chat_templates.txt) into build/parity.
       Needs tests/parity/requirements.txt, and the test program: ./slipway build render_templates.

No template is copied into this repository; the tests that always run use templates of their own
(tests/unit/text/jinja_parity_test.cc, recorded by record_jinja.py).
"""
import ast
import datetime
import json
import pathlib
import subprocess
import sys
import tarfile
import zipfile

from transformers.utils import chat_template_utils as peer

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/release/tests/render_templates"
PACKAGES = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/parity/chat_templates"
OWN = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
TOOLS = [{"type": "function", "function": {
    "name": "weather", "description": "The weather of a place, \"now\" & <here>.",
    "parameters": {"type": "object", "required": ["place"], "properties": {
        "place": {"type": "string", "description": "Where – e.g. Zürich"},
        "unit": {"type": "string", "enum": ["c", "f"]},
        "days": {"type": "array", "items": {"type": "integer"}}}},
    "return": {"type": "string"}}},
    {"type": "function", "function": {"name": "clock", "description": "", "parameters": {"type": "object", "properties": {}}}}]


def message(role, content, **more):
    return {"role": role, "content": content, **more}


def call(name, arguments, number="call00001"):
    return {"id": number, "type": "function", "function": {"name": name, "arguments": arguments}}


CHATS = {
    "one": [message("user", "  Hi, “you” & <b>!\n")],
    "system": [message("system", "Be brief."), message("user", "2 + 2?"), message("assistant", " 4. "), message("user", "And 3?")],
    "answered": [message("user", "a"), message("assistant", "b"), message("user", "c\n\nd"), message("assistant", "e")],
    "empty": [message("user", ""), message("assistant", "")],
    "parts": [message("user", [{"type": "text", "text": "look"}, {"type": "text", "text": " there"}]), message("assistant", "Yes")],
    "image": [message("user", [{"type": "image"}, {"type": "text", "text": "what?"}])],
    "assistant first": [message("assistant", "I begin"), message("user", "no")],
    "two users": [message("user", "a"), message("user", "b")],
    "thinking": [message("user", "q"), message("assistant", "<think>\nhm\n</think>\n\nanswer"), message("user", "r"),
                 message("assistant", "<think>so</think>it is")],
    "reasoning": [message("user", "q"), message("assistant", "answer", reasoning_content="let me see"), message("user", "r"),
                  message("assistant", "done", reasoning_content="again")],
    "calls": [message("system", "Tools."), message("user", "weather in Bern?"),
              message("assistant", "", tool_calls=[call("weather", {"place": "Bern", "unit": "c", "days": [1, 2]})]),
              message("tool", '{"temp": 21}', name="weather", tool_call_id="call00001"), message("assistant", "21 °C")],
    "call without content": [message("user", "time"), {"role": "assistant", "tool_calls": [call("clock", {})]},
                             message("tool", "noon", name="clock", tool_call_id="call00001")],
    "two calls": [message("user", "both"), message("assistant", "I look", reasoning_content="two", tool_calls=[
        call("weather", {"place": "O'Hare \"x\""}), call("clock", {}, "call00002")]),
        message("tool", "fine", name="weather", tool_call_id="call00001"), message("tool", "noon", name="clock", tool_call_id="call00002")],
    "arguments as text": [message("user", "t"), message("assistant", None, tool_calls=[call("weather", '{"place": "Bern"}')])],
    "developer": [message("developer", "Rules."), message("user", "x")],
    "unknown role": [message("poet", "x"), message("user", "y")],
}


def grid():
    out = []
    for name, chat in CHATS.items():
        for tools in (None, TOOLS):
            for prompt in (False, True):
                for more in ({}, {"enable_thinking": False}, {"reasoning_effort": "low", "date_string": "1 Jan 2020"}):
                    chat_ = [{k: v for k, v in m.items() if v is not None} for m in chat]
                    out.append({"messages": peer._alias_reasoning_fields(chat_), "tools": tools, "documents": None,
                                "add_generation_prompt": prompt, **more})
    return out


class Friday(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 2, 2, 15, 4)


def expected(template, variables):
    try:
        compiled = peer._compile_jinja_template(template)
        text, spans = peer._render_with_assistant_indices(
            compiled, variables["messages"], variables["tools"], variables["documents"], variables["add_generation_prompt"],
            **OWN, **{k: v for k, v in variables.items() if k not in ("messages", "tools", "documents", "add_generation_prompt")})
        return {"text": text, "spans": spans}
    except Exception as e:  # whatever a template does
        return {"error": f"{type(e).__name__}: {e}"}


def ours(templates, cases):
    asked = "".join(json.dumps({"template": t, "own": OWN, "cases": cases}) + "\n" for t in templates)
    done = subprocess.run([PROGRAM], input=asked.encode(), capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def templates():
    """Names and texts of all templates in the packages."""
    if not PACKAGES.is_dir():
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "llama-cpp-python", "--require-hashes",
                        "-r", ROOT / "tests/parity/chat_templates.txt", "-d", PACKAGES], check=True)
    out = {}
    for wheel in PACKAGES.glob("trl-*.whl"):
        with zipfile.ZipFile(wheel) as z:
            out |= {"TRL's " + pathlib.Path(n).name: z.read(n).decode() for n in z.namelist() if n.startswith("trl/chat_templates/") and n.endswith(".jinja")}
    for source in PACKAGES.glob("llama_cpp_python-*.tar.gz"):
        with tarfile.open(source) as t:
            for member in t:
                if "/models/templates/" in member.name and member.name.endswith(".jinja"):
                    out["llama.cpp's " + pathlib.Path(member.name).name] = t.extractfile(member).read().decode()
                elif member.name.endswith("/llama_cpp/llama_chat_format.py"):
                    constants = {}
                    for line in t.extractfile(member).read().decode().splitlines():
                        if "_CHAT_TEMPLATE = \"" in line:
                            name, text = line.split(" = ", 1)
                            constants[name] = ast.literal_eval(text)
                    out |= {"llama-cpp-python's " + n: v for n, v in constants.items() if n.endswith("_CHAT_TEMPLATE")}
    assert len(out) > 140, f"{PACKAGES}: {len(out)} templates found"
    return out


def main():
    peer.datetime = Friday
    found = templates()
    files, sources = [*found], [*found.values()]
    cases = grid()
    equal = refused = both = spans_equal = spans_all = 0
    faults = []
    for file, source, answers in zip(files, sources, ours(sources, cases)):
        for case, answer in zip(cases, answers):
            wanted = expected(source, case)
            if "error" in wanted:
                if "error" in answer:
                    both += 1
                else:
                    faults.append((file, case, wanted["error"], "rendered: " + answer["text"][-200:]))
            elif "error" in answer:
                refused += 1
                faults.append((file, case, "rendered", answer["error"]))
            elif answer["text"] != wanted["text"]:
                at = next((i for i, (a, b) in enumerate(zip(answer["text"], wanted["text"])) if a != b), -1)
                faults.append((file, case, wanted["text"][max(0, at - 30):at + 60], answer["text"][max(0, at - 30):at + 60]))
            else:
                equal += 1
                if wanted["spans"]:
                    spans_all += 1
                    text = wanted["text"]
                    merged = []
                    for begin, end in wanted["spans"]:
                        if begin == end:
                            continue
                        begin, end = len(text[:begin].encode()), len(text[:end].encode())
                        if merged and merged[-1][1] == begin:
                            merged[-1][1] = end
                        else:
                            merged.append([begin, end])
                    if merged == answer["generated"]:
                        spans_equal += 1
                    else:
                        faults.append((file, case, f"generation at {merged}", f"{answer['generated']}"))
    print(f"{len(files)} templates x {len(cases)} conversations: {equal} texts equal, {both} refused by both, {refused} refused by us alone; "
          f"{spans_equal} of {spans_all} with equal {{% generation %}} spans")
    seen = set()
    for name, case, wanted, got in faults:
        if (name, wanted[:40]) in seen or len(seen) > 60:
            continue
        seen.add((name, wanted[:40]))
        print(f"  {name}: {json.dumps(case, ensure_ascii=False)[:160]}\n    peer {wanted!r}\n    ours {got!r}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
