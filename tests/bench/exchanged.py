"""What ranks exchange in a step by each way of cutting, and how long a step takes with it: formulas, from host/loop and host/model/weight_window.h.

A model is its units, whose gradients are complete one after the other in the backward pass. A sum to all moves 2 (n - 1) / n of a unit's bytes over
each rank's wire, a scattered sum or a gathering (n - 1) / n. What waits for the wire alone, beside the pass of one micro-batch:

    stage 0     the last unit's sum
    stage 1     that, and all weights gathered after the update
    stage 2     the last unit's scattered sum, and all weights gathered after the update
    stage 3     the first segment's weights, the last block's at the begin of the backward pass, the last unit's scattered sum

What else is exchanged goes on behind a pass, and takes what it takes longer than that: gathered weights behind the forward pass with stage 3, sums behind
the backward pass, and with stage 3 weights too. With hybrid sharding the n ranks of a machine cut, and each slice is summed over the machines, behind the
backward pass, too.
"""
import dataclasses
import typing

STAGES = (0, 1, 2, 3)


@dataclasses.dataclass
class Model:
    """Bytes in float32. The head is tied to the embedding: its gradient comes last, and its weights are gathered for both ends of the forward pass
    and for the end of the backward pass."""
    block: float
    blocks: int
    embedding: float

    @property
    def whole(self) -> float:
        return self.blocks * self.block + self.embedding


SMOLLM2_135M = Model(block=4 * 3_538_944, blocks=30, embedding=4 * (28_311_552 + 61 * 576))  # norms are with the embedding


@dataclasses.dataclass
class Wire:
    """Bytes a second that each rank sends, and receives, and the seconds of a hop."""
    rate: float
    latency: float

    def gather(self, ranks: int, size: float) -> float:
        return 0.0 if ranks == 1 else (ranks - 1) / ranks * size / self.rate + self.latency

    def sum(self, ranks: int, size: float) -> float:
        return 2 * self.gather(ranks, size)


def bytes_sent(model: Model, stage: int, ranks: int, passes: int = 1) -> float:
    """By each rank in a step of so many passes."""
    gathered = {0: 0.0, 1: model.whole, 2: model.whole, 3: passes * (2 * model.whole + model.embedding)}[stage]
    summed = {0: 2 * model.whole, 1: 2 * model.whole, 2: passes * model.whole, 3: passes * model.whole}[stage]
    return (ranks - 1) / ranks * (gathered + summed)


def exchanges(model: Model, stage: int, passes: int = 1) -> int:
    """Of units, in a step; a few of some numbers come besides. The norms of all blocks are a unit of their own, gathered once a pass."""
    units = model.blocks + 2
    return {0: units, 1: 2 * units, 2: (passes + 1) * units, 3: passes * 3 * units}[stage]


def bytes_kept(model: Model, stage: int, ranks: int) -> tuple[float, float, float]:
    """Weights, gradients, AdamW's state."""
    return tuple(size / (ranks if stage >= least else 1) for size, least in ((model.whole, 3), (model.whole, 2), (2 * model.whole, 1)))


def step_seconds(model: Model, stage: int, ranks: int, alone: float, wire: Wire, machines: int = 1, network: Wire | None = None) -> float:
    """Of a step whose one pass takes `alone` seconds, a third of it the forward pass. `ranks` cut, or are summed over; where there are several
    `machines` of so many ranks, slices are summed over them by the `network`."""
    forward, backward = alone / 3, 2 * alone / 3

    def summed(size: float) -> float:
        if stage < 2:
            return wire.sum(ranks, size)
        return wire.gather(ranks, size) + (network.sum(machines, size / ranks) if network else 0.0)

    def gathered(size: float) -> float:
        return wire.gather(ranks, size)

    def beyond(exchanged: float, computed: float) -> float:
        return max(0.0, exchanged - computed)

    sums, weights = model.blocks * summed(model.block), model.blocks * gathered(model.block)
    if stage == 3:
        first = gathered(model.embedding) + gathered(model.block)
        return (alone + first + summed(model.embedding) + beyond(weights + gathered(model.embedding), forward)
                + beyond(sums + weights - gathered(model.block) + gathered(model.embedding), backward))
    after = 0.0 if stage == 0 else weights + gathered(model.embedding)
    return alone + summed(model.embedding) + beyond(sums, backward) + after


def share(card: Wire, ranks: int, others: int) -> Wire:
    """Of a machine's card, for each of its ranks: a rank sends a part to each of the others, of which so many are elsewhere."""
    return Wire(card.rate / ranks * (ranks + others - 1) / others, card.latency)


def across(card: Wire, ranks: int) -> Wire:
    """The same where all of what each sends goes elsewhere."""
    return Wire(card.rate / ranks, card.latency)


Row = typing.Sequence[str]


def table(heading: Row, rows: typing.Iterable[Row]) -> str:
    """Markdown."""
    return "\n".join(["| " + " | ".join(heading) + " |", "|" + "---|" * len(heading), *("| " + " | ".join(row) + " |" for row in rows)])
