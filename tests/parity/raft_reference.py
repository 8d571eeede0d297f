"""RAFT a second time, plainly: what tests/e2e/raft_reference_test.py holds every number of a run against.

Sample K answers for each prompt, score, rank by reward - beta * log(p / p0), keep the best, fine-tune on those, repeat; with the numbers
that README.md and docs/structure.md promise (torch's permutations, counter-based draws, the Hugging Face Trainer's steps and rates).
`Reference(run, ...).go()` fills `rows` (metrics.jsonl), `answers` and `held_out` (samples/*.jsonl), `checkpoints` and the model.
"""

import math
from dataclasses import dataclass, field

from plain_llama import AdamW, Chooser, Llama, permutation, uniform
from plain_schedules import Plateau, rate_factor

EOS = 0
ALPHABET = "\0 abcdefghijklmnopqrstuvwxyz0123"  # token i is the i-th letter; the first ends a text
HELD_OUT_KEY = 0xFFFFFFFF
SEED_STRIDE = 7919  # each iteration's training shuffles with seeds of its own


def encode(text: str) -> list[int]:
    return [ALPHABET.index(letter) for letter in text]


def decode(ids: list[int]) -> str:
    return "".join(ALPHABET[i] for i in ids if i != EOS)


def letter_sum(prompt: str, answer: str) -> float:
    """tests/unit/plugin/fixtures/letter_sum.cc"""
    return sum((7 * ord(c) + 3 * i + 5 * ord(prompt[-1])) % 32 for i, c in enumerate(answer)) / 64


def near_length(target: int):
    """plugins/rewards/length, mode near."""
    return lambda prompt, answer: max(1 - abs(len(answer) - target) / target, 0)


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0


def deviation(values: list[float]) -> float:
    return math.sqrt(mean([(v - mean(values)) ** 2 for v in values]))


def distinct(texts: list[list[int]], n: int) -> float:
    grams = [tuple(ids[i : i + n]) for ids in texts for i in range(len(ids) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0


@dataclass
class Answer:
    prompt: int  # of the iteration's
    sample: int
    ids: list[int]
    logprob: float
    reward: float = 0
    ranking: float = 0
    discarded: bool = False
    kept: bool = False
    scores: dict = field(default_factory=dict)  # of each reward

    @property
    def text(self) -> str:
        return decode(self.ids)

    @property
    def finished(self) -> bool:
        return self.ids[-1] == EOS


@dataclass
class Checkpoint:
    weights: dict
    moments: tuple  # (steps, exp_avg, exp_avg_sq)
    iteration: int
    training: bool
    stage_step: int
    selected: list = field(default_factory=list)


def discards(rule: str, answer: Answer) -> bool:
    name, _, value = rule.partition(":")
    return {
        "empty": lambda: answer.text.strip(" ") == "",
        "unfinished": lambda: not answer.finished,
        "contains": lambda: value in answer.text,
        "shorter": lambda: len(answer.text) < int(value),
    }[name]()


class Reference:
    def __init__(self, run: dict, model: Llama, train: list[str], held_out: list[str], rewards: list):
        self.run, self.model, self.start, self.train, self.held_out_prompts, self.rewards = (
            run,
            model,
            model.copy(),
            train,
            held_out,
            rewards,
        )
        self.raft, self.tune, sampling = run["raft"], run["train"], run["generation"]
        self.chooser = Chooser(sampling["temperature"], sampling["top_k"], sampling["top_p"])
        self.optimizer = AdamW(model, 0.9, 0.999, self.tune["adam_epsilon"], self.tune["weight_decay"])
        self.global_step, self.epoch, self.iteration, self.closest_ranking = 0, 0.0, 0, math.inf
        self.rows, self.answers, self.held_out, self.checkpoints, self.permutations = [], [], {}, {}, []
        self.unlogged: list[dict] = []
        self.plateau = (
            Plateau(**self.tune["lr_scheduler_kwargs"])
            if self.tune["lr_scheduler_type"] == "reduce_lr_on_plateau"
            else None
        )
        self.base_distinct, self.last_reward, self.iteration_start = 0.0, 0.0, -1

    # ---- sampling -----------------------------------------------------------------------------------------------

    def write(self, prompt: list[int], iteration: int, key: int, sample: int) -> tuple[list[int], float]:
        state, ids, logprob = self.model.begin(), [], 0.0
        for token in prompt:
            logits = self.model.feed(state, token)
        while True:
            ids.append(
                self.chooser.choose(logits, uniform(self.tune["seed"], iteration, key, sample, len(ids)))
            )
            top = max(logits)
            logprob += logits[ids[-1]] - top - math.log(sum(math.exp(v - top) for v in logits))
            if ids[-1] == EOS or len(ids) == self.run["generation"]["max_new_tokens"]:
                return ids, logprob
            logits = self.model.feed(state, ids[-1])

    def score(self, prompt: str, answer: str) -> tuple[float, dict]:
        """The weighted sum, and each reward's own score."""
        each = {name: reward(prompt, answer) for name, _, reward in self.rewards}
        return sum(weight * each[name] for name, weight, _ in self.rewards), each

    def figures(self, each: list[dict], prefix: str) -> dict:
        """What every reward said, under TRL's names."""
        out = {}
        for name, _, _ in self.rewards:
            scores = [one[name] for one in each]
            out[f"{prefix}rewards/{name}/mean"] = mean(scores)
            out[f"{prefix}rewards/{name}/std"] = deviation(scores)
        return out

    def draw_prompts(self) -> list[str]:
        """Positions follow on over the passes; each pass is a permutation of its own."""
        n, count, out = len(self.train), self.raft["prompts_per_iteration"], []
        for position in range(self.iteration * count, (self.iteration + 1) * count):
            order = permutation(n, self.tune["seed"] + position // n)
            out.append(self.train[order[position % n]])
        return out

    def sample(self, prompts: list[str]) -> list[Answer]:
        out = []
        for key, prompt in enumerate(prompts):
            for s in range(self.raft["samples_per_prompt"]):
                ids, logprob = self.write(encode(prompt), self.iteration, key, s)
                reward, each = self.score(prompt, decode(ids))
                out.append(Answer(key, s, ids, logprob, reward, reward, scores=each))
        return out

    # ---- selection ----------------------------------------------------------------------------------------------

    def rank(self, prompts: list[str], answers: list[Answer]) -> dict:
        beta = self.raft["kl_beta"]
        if beta == 0:
            return {}
        apart = []
        for answer in answers:
            prompt = encode(prompts[answer.prompt])
            apart.append(
                answer.logprob - sum(self.start.log_probabilities(prompt + answer.ids, len(prompt)))
            )
            answer.ranking = answer.reward - beta * apart[-1]
        return {"kl": mean(apart)}

    def select(self, prompts: list[str], answers: list[Answer]) -> list[Answer]:
        for answer in answers:
            answer.discarded = any(discards(rule, answer) for rule in self.raft["discard"])
        left = [a for a in answers if not a.discarded]
        if self.raft["kl_beta"] > 0:
            groups = (
                [[a for a in left if a.prompt == p] for p in range(len(prompts))]
                if self.raft["selection"] == "local"
                else [left]
            )
            gaps = [
                abs(a.ranking - b.ranking)
                for group in groups
                for i, a in enumerate(group)
                for b in group[:i]
                if a.ids != b.ids
            ]
            self.closest_ranking = min([self.closest_ranking, *gaps])
        if self.raft["selection"] == "local":
            kept = [
                max((a for a in left if a.prompt == p), key=lambda a: a.ranking)
                for p in range(len(prompts))
                if any(a.prompt == p for a in left)
            ]
        else:
            kept = sorted(left, key=lambda a: -a.ranking)[
                : max(1, math.floor(len(answers) * self.raft["keep"]))
            ]
        for answer in kept:
            answer.kept = True
        return kept

    def measures(self, answers: list[Answer], kept: list[Answer]) -> dict:
        rewards, ids = [a.reward for a in answers], [a.ids for a in answers]
        return {
            "reward_mean": mean(rewards),
            "reward_std": deviation(rewards),
            "policy_reward": mean([a.reward for a in answers if a.sample == 0]),
            "selected_reward": mean([a.reward for a in kept]) if kept else None,
            "distinct_1": distinct(ids, 1),
            "distinct_2": distinct(ids, 2),
            "mean_length": mean([len(i) for i in ids]),
            "cut_share": mean([not a.finished for a in answers]),
            "discarded_share": mean([a.discarded for a in answers]),
            "unscored_share": 0.0,
            "selected": len(kept),
            **self.figures([a.scores for a in answers], ""),
        }

    # ---- training -----------------------------------------------------------------------------------------------

    def steps_of(self, examples: int) -> tuple[int, int]:
        """Micro-batches and optimizer steps of an epoch."""
        size = self.tune["per_device_train_batch_size"]
        micro = examples // size if self.tune["dataloader_drop_last"] else math.ceil(examples / size)
        return micro, max(1, math.ceil(micro / self.tune["gradient_accumulation_steps"]))

    def at_most(self) -> int:
        """Answers that an iteration keeps where none is discarded: what the length of the run is reckoned from."""
        prompts = self.raft["prompts_per_iteration"]
        return (
            prompts
            if self.raft["selection"] == "local"
            else max(1, math.floor(prompts * self.raft["samples_per_prompt"] * self.raft["keep"]))
        )

    def fine_tune(self, selected: list[tuple[list[int], int]]) -> None:
        micro, steps = self.steps_of(len(selected))
        epochs, size, accumulation = (
            self.tune["num_train_epochs"],
            self.tune["per_device_train_batch_size"],
            self.tune["gradient_accumulation_steps"],
        )
        total = math.ceil(epochs * steps)
        whole, offset = total, 0
        if self.raft["scheduler_span"] == "run":
            whole, offset = (
                math.ceil(epochs * self.steps_of(self.at_most())[1]) * self.raft["iterations"],
                self.global_step,
            )
        done, epoch = 0, 0
        while done < total:
            seed = self.tune["data_seed"] if self.tune["data_seed"] >= 0 else self.tune["seed"]
            order = permutation(len(selected), seed + self.iteration * SEED_STRIDE + epoch)
            self.permutations.append(order)
            for first in range(0, micro, accumulation):
                if done == total:
                    break
                last = min(first + accumulation, micro)
                group = [selected[i] for i in order[first * size : last * size]]
                rate = self.tune["learning_rate"] * (
                    self.plateau.factor
                    if self.plateau
                    else rate_factor(
                        self.tune["lr_scheduler_type"], done + offset, self.tune["warmup_steps"], whole
                    )
                )
                done += 1
                self.epoch = epoch + last / micro
                self.optimizer_step(group, rate)
                if self.global_step % self.tune["save_steps"] == 0:
                    self.save(True, done, selected)
            epoch += 1
        self.log_steps()

    def optimizer_step(self, group: list[tuple[list[int], int]], rate: float) -> None:
        labels = sum(len(ids) - max(begin, 1) for ids, begin in group)
        self.model.zero_grad()
        loss = sum(self.model.loss_backward(ids, begin, labels) for ids, begin in group) / labels
        norm = math.sqrt(sum(g * g for rows in self.model.grads.values() for row in rows for g in row))
        clip = self.tune["max_grad_norm"]
        self.optimizer.step(rate, min(1.0, clip / (norm + 1e-6)) if clip > 0 else 1.0)
        self.global_step += 1
        self.unlogged.append({"loss": loss, "grad_norm": norm, "learning_rate": rate})
        if self.global_step % self.tune["logging_steps"] == 0:
            self.log_steps()

    def log_steps(self) -> None:
        if self.unlogged:
            self.log({**self.unlogged[-1], "loss": mean([step["loss"] for step in self.unlogged])})
        self.unlogged = []

    # ---- the loop -----------------------------------------------------------------------------------------------

    def log(self, row: dict, number: int | None = None) -> None:
        self.rows.append(
            {
                **row,
                "iteration": self.iteration + 1 if number is None else number,
                "epoch": self.epoch,
                "global_step": self.global_step,
            }
        )

    def save(self, training: bool, stage_step: int, selected: list) -> None:
        copied = lambda tensors: {name: [row[:] for row in rows] for name, rows in tensors.items()}
        moments = (self.optimizer.steps, copied(self.optimizer.m), copied(self.optimizer.v))
        self.checkpoints[self.global_step] = Checkpoint(
            copied(self.model.weights), moments, self.iteration, training, stage_step, selected
        )

    def evaluate(self, done: int) -> str:
        every = self.raft["eval_every"]
        if not (done in (0, self.raft["iterations"]) or (every > 0 and done % every == 0)):
            return ""
        drawn = [
            self.write(encode(prompt), HELD_OUT_KEY, key, 0)[0]
            for key, prompt in enumerate(self.held_out_prompts)
        ]
        scored = [self.score(prompt, decode(ids)) for prompt, ids in zip(self.held_out_prompts, drawn)]
        rewards = [reward for reward, _ in scored]
        self.held_out[done] = [
            {"prompt": p, "completion": decode(ids), "reward": r, "rewards": each}
            for p, ids, (r, each) in zip(self.held_out_prompts, drawn, scored)
        ]
        self.log(
            {
                "event": "evaluate",
                "eval_reward": mean(rewards),
                "eval_reward_std": deviation(rewards),
                "eval_distinct_1": distinct(drawn, 1),
                "eval_distinct_2": distinct(drawn, 2),
                "eval_mean_length": mean([len(i) for i in drawn]),
                "eval_cut_share": mean([i[-1] != EOS for i in drawn]),
                "eval_unscored_share": 0.0,
                **self.figures([each for _, each in scored], "eval_"),
            },
            done,
        )
        if done == 0:
            self.base_distinct = distinct(drawn, 2)
        if distinct(drawn, 2) < self.raft["min_distinct_2"] * self.base_distinct:
            before = self.checkpoints[self.iteration_start].weights
            for name, rows in self.model.weights.items():
                rows[:] = [row[:] for row in before[name]]
            self.log({"event": "rollback", "to_iteration": done - 1, "eval_reward": self.last_reward}, done)
            return f"stopped: distinct-2 fell under {self.raft['min_distinct_2']:g} of the starting model's"
        self.last_reward = mean(rewards)
        if self.plateau and self.global_step > 0:
            self.plateau.evaluated(self.last_reward)
        if self.last_reward >= self.raft["stop_reward"]:
            return f"stopped: the held-out reward reached {self.raft['stop_reward']:g}"
        return ""

    def go(self) -> "Reference":
        outcome = self.evaluate(0)
        while not outcome and self.iteration < self.raft["iterations"]:
            if (
                self.iteration_start != self.global_step
            ):  # where nothing was trained on, the last one is the same model
                self.iteration_start = self.global_step
                self.save(False, 0, [])
            prompts = self.draw_prompts()
            answers = self.sample(prompts)
            row = {"event": "iteration", **self.rank(prompts, answers)}
            kept = self.select(prompts, answers)
            row.update(self.measures(answers, kept))
            self.answers.append(
                [
                    {
                        "prompt": prompts[a.prompt],
                        "completion": a.text,
                        "reward": a.reward,
                        "ranking": a.ranking,
                        "kept": a.kept,
                        "discarded": a.discarded,
                        "finished": a.finished,
                        "sample": a.sample,
                        "logprob": a.logprob,
                        "rewards": a.scores,
                    }
                    for a in answers
                ]
            )
            selected = []
            for a in kept:
                prompt = encode(prompts[a.prompt])
                selected.append(
                    (prompt + a.ids, len(prompt) if self.run["data"]["completion_only_loss"] else 0)
                )
            if self.steps_of(len(selected))[0] > 0:
                self.fine_tune(selected)
                if self.raft["optimizer_policy"] == "reset":
                    self.optimizer.reset()
            self.log(row)
            outcome = self.evaluate(self.iteration + 1)
            self.iteration += 1
        self.rows.append({"event": "end", "outcome": outcome or "completed"})
        return self
