"""Reads what a run writes, with the standard library alone."""

import json
import math
import pathlib
import pickle
import struct
import zipfile

# What differs between two runs that are equal.
TIMES = {"time", "seconds", "generate_seconds", "train_seconds", "tokens_per_second", "mfu", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "train_runtime",
         "train_samples_per_second", "train_steps_per_second"}


def read_safetensors(path: pathlib.Path) -> dict[str, list[float]]:
    blob = path.read_bytes()
    size = struct.unpack_from("<Q", blob)[0]
    header = json.loads(blob[8 : 8 + size])
    header.pop("__metadata__", None)
    return {
        name: list(
            struct.unpack_from(
                f"<{(e['data_offsets'][1] - e['data_offsets'][0]) // 4}f",
                blob,
                8 + size + e["data_offsets"][0],
            )
        )
        for name, e in header.items()
    }


class TorchFile(pickle.Unpickler):
    """torch.load without torch: tensors become flat lists."""

    def __init__(self, path: pathlib.Path):
        self.zip = zipfile.ZipFile(path)
        self.root = next(n for n in self.zip.namelist() if n.endswith("/data.pkl"))[:-8]
        super().__init__(self.zip.open(self.root + "data.pkl"))

    def persistent_load(self, reference):
        data = self.zip.read(f"{self.root}data/{reference[2]}")
        return list(struct.unpack(f"<{len(data) // 4}f", data))

    def find_class(self, module, name):
        if name == "_rebuild_tensor_v2":
            return lambda storage, offset, shape, *_: storage[offset : offset + math.prod(shape)]
        return dict if name == "OrderedDict" else name


def read_rows(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]
