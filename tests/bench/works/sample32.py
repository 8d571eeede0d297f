"""Sampling with 32 rows: 4 prompts x 8 samples, 64 new tokens."""
from . import sampling
from .setting import Setting
from .work import Work


def work(setting: Setting) -> Work:
    return sampling.build(setting, "sample32", 4, setting.size(64, 8))
