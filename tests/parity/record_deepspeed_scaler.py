"""Records DeepSpeed's loss scales, a step at a time, over steps that overflow and steps that do not.

usage: python tests/parity/record_deepspeed_scaler.py   (needs tests/parity/requirements.txt; writes tests/parity/data/deepspeed_scaler.json)
Of DeepSpeed's source the one file with the scalers is run (deepspeed_source.py). Each entry: what the block "fp16" of a configuration says beside
"enabled", a pattern (x: a step that overflows), and the scale after each step, null where DeepSpeed ends the run. What "fp16" leaves out, and how it
becomes a scaler's arguments, is read from DeepSpeed's own class of that block.
"""
import ast
import json
import pathlib
import types

import torch

from deepspeed_source import VERSION, module, sources

OUT = pathlib.Path(__file__).resolve().parent / "data/deepspeed_scaler.json"
CASES = [
    ({}, "xx.x"),
    ({"loss_scale_window": 3, "initial_scale_power": 6}, ".....x.xx.....x......xx"),
    ({"loss_scale_window": 1, "hysteresis": 1}, "....x..xx..."),
    ({"loss_scale_window": 4, "hysteresis": 3}, "x.x.x.x....xxxx......"),
    ({"loss_scale_window": 4, "hysteresis": 2, "consecutive_hysteresis": True}, "x.x.xx.xxx......x.."),
    ({"initial_scale_power": 3, "hysteresis": 1, "min_loss_scale": 2}, "xx.x"),
    ({"initial_scale_power": 1, "hysteresis": 2, "consecutive_hysteresis": True}, "x.x.xxx"),
    ({"loss_scale": 128}, "..x.xxxx."),
    ({"loss_scale": 1, "initial_scale_power": 3, "hysteresis": 1, "loss_scale_window": 1}, "..x.xxxx."),
]


def defaults() -> dict:
    """Of the class that the block is read into."""
    tree = ast.parse(sources()["runtime/precision_config.py"])
    fields = next(each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == "DeepSpeedFP16Config").body
    return {each.target.id: ast.literal_eval(each.value) for each in fields if isinstance(each, ast.AnnAssign)}


def scaler(scalers: types.ModuleType, block: dict):
    said = types.SimpleNamespace(**defaults() | block)
    dynamic = {scalers.INITIAL_LOSS_SCALE: 2**said.initial_scale_power, scalers.SCALE_WINDOW: said.loss_scale_window, scalers.DELAYED_SHIFT: said.hysteresis,
               scalers.CONSECUTIVE_HYSTERESIS: said.consecutive_hysteresis, scalers.MIN_LOSS_SCALE: said.min_loss_scale}
    return scalers.CreateLossScaler(torch.half, said.loss_scale, said.loss_scale == 0, dynamic)


def record(scalers: types.ModuleType, block: dict, pattern: str) -> dict:
    own, scales = scaler(scalers, block), []
    for step in pattern:
        try:
            own.update_scale(step == "x")
        except Exception:  # its own kind: the scale is the least already
            scales.append(None)
            break
        scales.append(float(own.loss_scale))
    return {"fp16": block, "pattern": pattern, "scales": scales}


def main() -> None:
    config, comm = types.ModuleType("deepspeed.runtime.config_utils"), types.ModuleType("deepspeed.comm")
    config.DeepSpeedConfigObject = object
    comm.get_rank = lambda: 0
    scalers = module("runtime/fp16/loss_scaler.py", runtime=types.ModuleType("deepspeed.runtime"), runtime_config_utils=config, comm=comm)
    cases = [record(scalers, block, pattern) for block, pattern in CASES]
    OUT.write_text(json.dumps({"deepspeed": VERSION, "cases": cases}, separators=(",", ":")).replace('{"fp16"', '\n{"fp16"') + "\n")
    print(f"{len(cases)} scalers of DeepSpeed {VERSION}, {sum(len(each['scales']) for each in cases)} steps: {OUT.name}")


if __name__ == "__main__":
    main()
