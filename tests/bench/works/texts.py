"""The texts of all works: review snippets, whole, joined to long ones, or cut to prompts of exactly 32 tokens."""
import json

from .setting import SNIPPETS, WEIGHTS, Setting

PROMPT_TOKENS = 32


def snippets() -> list[str]:
    return [line.split("\t")[2].strip() for line in SNIPPETS.read_text(encoding="utf-8").splitlines() if line.count("\t") >= 2]


def long_texts(count: int, characters: int) -> list[str]:
    """Snippets joined until each text has at least so many characters."""
    texts, text = [], ""
    for snippet in snippets():
        text += snippet + " "
        if len(text) >= characters:
            texts.append(text)
            text = ""
        if len(texts) == count:
            break
    return texts


def prompts(setting: Setting, count: int) -> list[str]:
    """Beginnings of snippets that are exactly 32 tokens, so that no side has to pad; cut once, kept in the output folder."""
    file = setting.folder / "prompts.json"
    if not file.exists():
        result, _ = setting.peer("cut_prompts", {"weights": str(WEIGHTS), "texts": snippets(), "tokens": PROMPT_TOKENS, "count": 128})
        file.write_text(json.dumps(result["prompts"]))
    return json.loads(file.read_text())[:count]
