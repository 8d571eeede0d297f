"""Whether the machine is quiet: what a turn gave while something else wanted the cores is no number to compare."""
import dataclasses
import os
import resource
import time
from typing import Callable

LIMIT = 0.05  # of all cores
PATIENCE = 60.0  # seconds


def ticks() -> tuple[int, int]:
    """Of all cores since the machine began: all, and those in which nothing ran."""
    with open("/proc/stat", encoding="utf-8") as file:
        fields = [int(field) for field in file.readline().split()[1:9]]
    return sum(fields), fields[3] + fields[4]


def busy_share(seconds: float = 2) -> float:
    """The share of all cores that something else takes right now. (The load average still remembers the build.)"""
    (all_before, idle_before), _ = ticks(), time.sleep(seconds)
    all_after, idle_after = ticks()
    return 1 - (idle_after - idle_before) / max(1, all_after - all_before)


def wait_for_quiet(patience: float = PATIENCE, share: Callable[[], float] = busy_share, now: Callable[[], float] = time.monotonic) -> float:
    """Returns as soon as the share is within the limit, and after `patience` in any case: the last share."""
    end = now() + patience
    while (taken := share()) > LIMIT and now() < end:
        pass
    return taken


@dataclasses.dataclass
class Cores:
    """What others take of the cores: their time, and the arithmetic of cores that are halves of one for a while."""

    rates: Callable[[], dict]  # what cores.cc prints
    whole: float = 0.0  # the most that all threads got, as a multiple of one's

    def lacking(self) -> float:
        """The share of what all cores have at their best that they lack right now."""
        rates = self.rates()
        now = rates["all"] / rates["one"] if rates["one"] > 0 else 0.0
        self.whole = max(self.whole, now)
        return 1 - now / self.whole if self.whole > 0 else 0.0

    def taken(self) -> float:
        return max(busy_share(), self.lacking())


def own_seconds() -> float:
    """Of processor time that this process and the programs that it ran to their end have taken."""
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


@dataclasses.dataclass
class Watch:
    """From its making to others(): what neither this process nor its children took of all cores."""

    begin: tuple[int, int] = dataclasses.field(default_factory=ticks)
    own: float = dataclasses.field(default_factory=own_seconds)

    def others(self) -> float:
        every, idle = (after - before for after, before in zip(ticks(), self.begin))
        own = (own_seconds() - self.own) * os.sysconf("SC_CLK_TCK")
        return max(0.0, every - idle - own) / every if every > 0 else 0.0
