"""Sampling with 128 rows: 16 prompts x 8 samples, 24 new tokens."""
from . import sampling
from .setting import Setting
from .work import Work


def work(setting: Setting) -> Work:
    return sampling.build(setting, "sample128", 16, setting.size(24, 4))
