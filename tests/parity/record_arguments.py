"""Records the names, types and defaults of transformers' TrainingArguments.

usage: python tests/parity/record_arguments.py   (needs tests/parity/requirements.txt; writes tests/parity/data/training_arguments.json)
"""
import dataclasses
import enum
import json
import pathlib

import transformers


def plain(value: object) -> object:
    return value.value if isinstance(value, enum.Enum) else value


def main() -> None:
    out = {}
    for field in dataclasses.fields(transformers.TrainingArguments):
        if not field.init:
            continue
        default = field.default_factory() if field.default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING else field.default
        out[field.name] = {"type": str(getattr(field.type, "__name__", field.type)) if isinstance(field.type, type) else str(field.type), "default": plain(default)}
    record = {"transformers": transformers.__version__, "arguments": out}
    (pathlib.Path(__file__).parent / "data/training_arguments.json").write_text(json.dumps(record, indent=0) + "\n")
    print(f"{len(out)} arguments of transformers {transformers.__version__}")


if __name__ == "__main__":
    main()
