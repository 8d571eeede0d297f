"""How the benchmark takes turns, compares and refuses to: no program is measured. usage: bench_test.py"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import bench  # noqa: E402
import exchanged  # noqa: E402
import quiet  # noqa: E402
import scaling  # noqa: E402
import table  # noqa: E402
import targets  # noqa: E402
from measure import run  # noqa: E402
from side import best_ratio, figures  # noqa: E402
from works import precision, sampling, smollm2, training  # noqa: E402
from works.setting import Setting  # noqa: E402
from works.work import Side, Turn, Work  # noqa: E402

PEAK = {"float32": {"1": 200.0, "all": 400.0, "instructions": "avx512"}, "bfloat16": {"1": 2000.0, "all": 4000.0, "instructions": "amx"}, "int8": None}
LIMITS = {"peak": PEAK, "read_gb_s": {"1": 10.0, "all": 20.0}, "square": {"1": 100.0, "all": 200.0},
          "products": {"SmolLM2-135M": {"32": {"sgemm": 100.0, "float32": 300.0, "bfloat16": None}}},
          "packed": {"32": {"float32": 170.0, "bfloat16": 480.0, "int8": 580.0}}}


def work(values: dict[tuple[str, str], float], busy: tuple[str, ...] = (), **more: object) -> dict:
    """The figures of a work whose sides gave one value each; those in `busy` beside other work."""
    sides = [Side(program, name, lambda: Turn(), "float32" if name == "float32" else "bfloat16") for program, name in values]
    turns = {side.name: [Turn([value], memory=2.0 * value, others=0.5 if side.name in busy else 0.01)] for side, value in zip(sides, values.values())}
    return figures(Work("dense", "SFT", "tokens/s", sides, flop_rate=lambda side: side["value"] * 1e9, **more), turns, LIMITS)


def record(figures_of_dense: dict, flags: tuple[str, ...] = ("avx2", "avx512f", "avx512_bf16")) -> dict:
    machine = {"cpu": "A processor", "cores": 2, "flags": list(flags), "memory_gb": 8, "gpu": None, "busy_at_start": 0.0}
    return {"machine": machine, "versions": {"torch": "2"}, "limits": LIMITS, "quick": False, "device": "cpu", "works": {"dense": figures_of_dense}}


FOUR = {("Slipway", "float32"): 300.0, ("Slipway", "bf16"): 800.0, ("HF Trainer", "float32"): 200.0, ("HF Trainer", "bf16"): 500.0}


class Sides(unittest.TestCase):
    def test_shares_are_of_the_peak_of_the_sides_own_arithmetic(self) -> None:
        sides = work(FOUR)["sides"]
        self.assertAlmostEqual(sides["Slipway float32"]["peak_share"], 300 / 400)
        self.assertAlmostEqual(sides["Slipway bf16"]["peak_share"], 800 / 4000)
        self.assertAlmostEqual(sides["HF Trainer bf16"]["peak_share"], 500 / 4000)

    def test_one_thread_is_held_against_one_threads_peak_and_is_nobodys_best(self) -> None:
        side = Side("Slipway", "float32", lambda: Turn(), bytes_per_weight=2, threads=1)
        done = figures(Work("long", "", "", [side], flop_rate=lambda s: s["value"] * 1e9, byte_rate=lambda s, f: s.bytes_per_weight * f["value"] * 1e9),
                       {side.name: [Turn([4.0])]}, LIMITS)
        self.assertEqual(side.name, "Slipway float32, 1 thread")
        self.assertAlmostEqual(done["sides"][side.name]["peak_share"], 4 / 200)
        self.assertAlmostEqual(done["sides"][side.name]["reading_share"], 2 * 4 / 10)
        self.assertEqual(done["best"], {})

    def test_what_counts_is_the_fastest_form_of_each(self) -> None:
        done = work(FOUR)
        self.assertEqual(done["best"], {"Slipway": "Slipway bf16", "HF Trainer": "HF Trainer bf16"})
        self.assertAlmostEqual(best_ratio(done, "HF Trainer"), 1.6)
        self.assertAlmostEqual(best_ratio(done, "HF Trainer", ours="Slipway float32"), 0.6)
        lower = work(FOUR, lower_is_better=True)
        self.assertEqual(lower["best"], {"Slipway": "Slipway float32", "HF Trainer": "HF Trainer float32"})
        self.assertAlmostEqual(best_ratio(lower, "HF Trainer"), 200 / 300)

    def test_a_side_that_failed_costs_its_line_alone(self) -> None:
        side = [Side("Slipway", "float32", lambda: Turn()), Side("HF Trainer", "bf16", lambda: Turn())]
        done = figures(Work("dense", "SFT", "tokens/s", side), {side[0].name: [Turn([1.0])], side[1].name: [Turn(error="no bfloat16")]}, LIMITS)
        self.assertIn("SFT, HF Trainer bf16: no bfloat16", table.rows(done))
        self.assertIn("| Slipway float32 | 1.00 |", table.rows(done))


class Busy(unittest.TestCase):
    def test_a_ratio_with_a_busy_turn_is_no_number(self) -> None:
        done = work(FOUR, busy=("HF Trainer float32",))
        self.assertIn("| HF Trainer float32 | 200 (busy) | busy | 50 % |  | 400 | 4.00 |", table.rows(done))
        self.assertIn("| HF Trainer bf16 | 500 | 1.60 |", table.rows(done))
        # Undisturbed it might have been the fastest.
        self.assertIsNone(best_ratio(done, "HF Trainer"))
        self.assertAlmostEqual(best_ratio(done, "HF Trainer", "memory_ratio"), 1.6)
        said = table.what_counts(record(done))
        self.assertIn("dense: Slipway bf16 to HF Trainer bf16: busy", said)
        said = table.what_was_busy(record(done))
        self.assertIn("more than 5 % of the cores", said)
        self.assertIn("  dense: HF Trainer float32", said)

    def test_a_quiet_table_says_nothing_of_it(self) -> None:
        self.assertEqual(table.what_was_busy(record(work(FOUR))), "")
        said = table.rows(work(FOUR)) + table.what_counts(record(work(FOUR)))
        self.assertNotIn("busy", said)
        self.assertIn("dense: Slipway bf16 to HF Trainer bf16: 1.60", said)

    def test_waits_for_quiet_and_no_longer_than_a_minute(self) -> None:
        shares, clock = iter([0.9, 0.4, 0.01, 0.9]), iter(range(1000))
        self.assertEqual(quiet.wait_for_quiet(60, lambda: next(shares), lambda: next(clock)), 0.01)
        clock = iter(range(0, 1000, 10))
        asked = []
        self.assertEqual(quiet.wait_for_quiet(60, lambda: asked.append(1) or 0.9, lambda: next(clock)), 0.9)
        self.assertEqual(len(asked), 6)

    def test_turns_of_all_sides_alternate_and_each_tells_what_else_ran(self) -> None:
        # before and after each turn
        order, turns = self.turns([0.01, 0.01, 0.3, 0.01, 0.01, 0.01, 0.01, 0.2], patience=0)
        self.assertEqual(order, ["float32", "bf16", "bf16", "float32"])
        self.assertEqual(turns, [[0.02, 0.2], [0.3, 0.02]])

    def test_a_turn_that_was_disturbed_is_taken_again_and_not_for_ever(self) -> None:
        order, turns = self.turns([0.01, 0.5, 0.01, 0.01, *[0.01, 0.4] * 3, *[0.01] * 4], patience=1e-9)
        self.assertEqual(order, ["float32", "float32", "bf16", "bf16", "bf16", "bf16", "float32"])
        self.assertEqual(turns, [[0.02, 0.02], [0.4, 0.02]])

    def turns(self, shares: list[float], patience: float) -> tuple[list[str], list[list[float]]]:
        """Two turns of two sides: their order, and what others took of each where `shares` is what they have when asked."""
        order, left = [], iter(shares)
        sides = [Side("Slipway", name, lambda name=name: order.append(name) or Turn([1.0])) for name in ("float32", "bf16")]
        others, quiet.Watch.others = quiet.Watch.others, lambda self: 0.02
        try:
            turns = bench.measure_work(Work("dense", "", "", sides), 2, patience, lambda: next(left))
        finally:
            quiet.Watch.others = others
        self.assertEqual(list(left), [])
        return order, [[turn.others for turn in each] for each in turns.values()]

    def test_cores_that_are_halves_of_one_for_a_while_are_taken_by_others(self) -> None:
        rates = iter([{"one": 118, "all": 118}, {"one": 118, "all": 236}, {"one": 118, "all": 118}, {"one": 120, "all": 236}])
        cores = quiet.Cores(lambda: next(rates))
        # What it never was more than is what it has: threads that share a core from the beginning are no disturbance.
        self.assertEqual([round(cores.lacking(), 2) for _ in range(4)], [0.0, 0.0, 0.5, 0.02])

    def test_a_program_that_is_not_there_costs_its_row(self) -> None:
        def measure() -> Turn:
            run([HERE / "no such program"], pathlib.Path("/dev/null"))
            return Turn([1.0])

        turn = bench.turn_of(Side("before", "float32", measure), 0, lambda: 0.0)
        self.assertIn("no such program cannot be started: No such file", turn.error)

    def test_a_program_that_measures_the_machine_must_be_there(self) -> None:
        with tempfile.TemporaryDirectory() as folder, self.assertRaisesRegex(SystemExit, "slipway_bench_cores cannot be started: No such file"):
            bench.printed_by("slipway_bench_cores", Setting(HERE / "slipway", HERE, pathlib.Path(folder), quick=True))

    def test_what_this_process_and_its_children_take_is_not_other_work(self) -> None:
        watch = quiet.Watch()
        subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"], check=True)
        every, idle = (after - before for after, before in zip(quiet.ticks(), watch.begin))
        # Own work is at least a tick of it, whatever else runs.
        self.assertLess(watch.others(), (every - idle) / every)


class Targets(unittest.TestCase):
    def verdict(self, text: str, kept: dict) -> str:
        return next(line for line in targets.judged(kept).splitlines() if text in line)

    def test_reached_or_not_by_the_fastest_forms(self) -> None:
        self.assertIn("measured 1.6: reached", self.verdict("dense SFT, times HF Trainer's best", record(work(FOUR))))
        slow = work(FOUR | {("HF Trainer", "bf16"): 700.0})
        self.assertIn("measured 1.14: NOT reached", self.verdict("dense SFT, times HF Trainer's best", record(slow)))
        self.assertIn("measured 0.75: reached", self.verdict("dense SFT in float32, share of the multiply-add peak", record(work(FOUR))))

    def test_busy_is_not_judged(self) -> None:
        self.assertIn("busy, not judged", self.verdict("dense SFT, times HF Trainer's best", record(work(FOUR, busy=("Slipway bf16",)))))
        self.assertIn("busy, not judged", self.verdict("dense SFT in float32, share", record(work(FOUR, busy=("Slipway float32",)))))

    def test_each_for_its_processor(self) -> None:
        avx2 = record(work({key: value for key, value in FOUR.items() if key[1] == "float32"}), flags=("avx2",))
        self.assertIn("not for this processor", self.verdict("dense SFT, times HF Trainer's best", avx2))
        self.assertIn("measured 1.5: reached", self.verdict("dense SFT in float32, times HF Trainer", avx2))
        self.assertIn("not for this processor", self.verdict("dense SFT in float32, times HF Trainer", record(work(FOUR))))

    def test_every_target_names_a_work(self) -> None:
        for target in targets.TARGETS:
            self.assertIn(target.work, bench.WORKS)
        self.assertIn("not measured", self.verdict("RAFT iteration, times TRL", record(work(FOUR))))


class Precisions(unittest.TestCase):
    def setting(self, peak: dict, device: str = "cpu") -> Setting:
        return Setting(pathlib.Path("slipway"), pathlib.Path("python"), pathlib.Path("/nowhere"), True, device, LIMITS | {"peak": peak})

    def names(self, setting: Setting, build) -> list[str]:
        return [side.name for side in build(setting)]

    def test_bfloat16_where_the_processor_has_it(self) -> None:
        def sides(setting: Setting) -> list[Side]:
            return [*training.slipway_sides(setting, "", lambda *_: Turn()), *training.hugging_face_sides(setting, {}, lambda *_: Turn())]

        both = ["Slipway float32", "Slipway bf16", "HF Trainer float32", "HF Trainer bf16"]
        self.assertEqual(self.names(self.setting(PEAK), sides), both)
        self.assertEqual(self.names(self.setting(PEAK | {"bfloat16": None}), sides), both[::2])
        self.assertEqual(self.names(self.setting(PEAK, "cuda"), sides), both[::2])

    def test_sampling_has_every_storage_and_each_peers_best_form(self) -> None:
        before, sampling.prompts = sampling.prompts, lambda setting, count: ["prompt"] * count
        write, Setting.write_rows = Setting.write_rows, lambda *_: pathlib.Path("rows.jsonl")
        try:
            with_bf16 = sampling.build(self.setting(PEAK), "sample32", 4, 8).sides
            without = sampling.build(self.setting(PEAK | {"bfloat16": None}), "sample32", 4, 8).sides
            with_int8 = sampling.build(self.setting(PEAK | {"int8": PEAK["bfloat16"]}), "sample32", 4, 8).sides
        finally:
            sampling.prompts, Setting.write_rows = before, write
        self.assertEqual([side.name for side in with_bf16],
                         ["Slipway float32", "Slipway bfloat16", "Slipway int8", "HF generate float32", "HF generate bf16", "HF generate_batch bf16",
                          "llama.cpp F32", "llama.cpp BF16", "llama.cpp Q8_0"])
        self.assertEqual([side.name for side in without],
                         ["Slipway float32", "Slipway bfloat16", "Slipway int8", "HF generate float32", "HF generate_batch float32", "llama.cpp F32",
                          "llama.cpp Q8_0"])
        self.assertEqual({side.arithmetic for side in without}, {"float32"})
        self.assertEqual({side.name: side.arithmetic for side in with_bf16 if side.arithmetic != "float32"},
                         {"Slipway bfloat16": "bfloat16", "HF generate bf16": "bfloat16", "HF generate_batch bf16": "bfloat16",
                          "llama.cpp BF16": "bfloat16"})
        self.assertEqual([side.name for side in with_int8 if side.arithmetic == "int8"], ["Slipway int8", "llama.cpp Q8_0"])
        self.assertEqual({side.name: side.bytes_per_weight for side in with_bf16}["llama.cpp Q8_0"], 34 / 32)

    def test_a_run_in_bf16_says_so(self) -> None:
        file = training.run_file("", "", max_steps=1)
        self.assertNotIn("bf16", file)
        self.assertEqual(training.in_bf16(file).count("[train]\nbf16 = true\n"), 1)

    def test_a_model_of_135_million(self) -> None:
        self.assertAlmostEqual(smollm2.WEIGHTS / 1e6, 134.5, places=1)
        self.assertEqual(set(precision.GGUF_TYPES), {"F32", "BF16", "Q8_0"})


class Before(unittest.TestCase):
    def test_each_side_is_held_against_its_own_counterpart(self) -> None:
        done = work({("Slipway", "float32"): 300.0, ("before", "float32"): 299.0, ("Slipway", "bf16"): 700.0, ("before", "bf16"): 800.0})
        self.assertEqual(bench.slower(record(done)), ["dense: Slipway bf16: 0.875 of before"])
        self.assertIn("| before float32 | 299 | 1.00 |", table.rows(done))
        self.assertIn("| before bf16 | 800 | 0.88 |", table.rows(done))
        busy = work({("Slipway", "float32"): 300.0, ("before", "float32"): 299.0}, busy=("before float32",))
        self.assertEqual(bench.slower(record(busy)), ["dense: Slipway float32: busy"])


class Heading(unittest.TestCase):
    def test_peaks_and_sgemm_stand_apart(self) -> None:
        said = table.heading(record(work(FOUR)))
        self.assertIn("float32 200 on 1 thread, 400 on all (avx512); bfloat16 2000 on 1 thread, 4000 on all (amx); int8 none", said)
        self.assertIn("32 rows: sgemm 100, Slipway 300 (75 % of the peak)", said)
        self.assertIn("32 rows: float32 170, bfloat16 480, int8 580", said)

    def test_list_names_every_work(self) -> None:
        said = subprocess.run([sys.executable, HERE / "bench.py", "--list"], check=True, capture_output=True, text=True).stdout
        self.assertEqual([line.split()[0] for line in said.splitlines()], list(bench.WORKS))


class Scaling(unittest.TestCase):
    """In units: a wire moves a value a second, and a step computes for 12."""

    MODEL = exchanged.Model(block=1.0, blocks=2, embedding=4.0)
    WIRE = exchanged.Wire(rate=1.0, latency=0.0)

    def test_what_two_ranks_send(self) -> None:
        self.assertEqual([exchanged.bytes_sent(self.MODEL, stage, 2) for stage in exchanged.STAGES], [6, 9, 6, 11])
        self.assertEqual([exchanged.bytes_sent(self.MODEL, stage, 2, passes=3) for stage in exchanged.STAGES], [6, 9, 12, 33])
        self.assertEqual([exchanged.exchanges(self.MODEL, stage) for stage in exchanged.STAGES], [4, 8, 8, 12])
        self.assertEqual([exchanged.bytes_kept(self.MODEL, stage, 2) for stage in exchanged.STAGES], [(6, 6, 12), (6, 6, 6), (6, 3, 6), (3, 3, 6)])

    def test_what_is_hidden_costs_nothing(self) -> None:
        took = [exchanged.step_seconds(self.MODEL, stage, 2, 12.0, self.WIRE) for stage in exchanged.STAGES]
        self.assertEqual(took, [16, 19, 17, 16.5])  # beside 12: a sum of 4 is 4, half of it scattered 2; weights of 6 are 3, gathered
        alone = [exchanged.step_seconds(self.MODEL, stage, 1, 12.0, self.WIRE) for stage in exchanged.STAGES]
        self.assertEqual(alone, [12, 12, 12, 12])

    def test_what_takes_longer_than_the_pass_is_not(self) -> None:
        took = [exchanged.step_seconds(self.MODEL, stage, 2, 0.0, self.WIRE) for stage in exchanged.STAGES]
        self.assertEqual(took, [exchanged.bytes_sent(self.MODEL, stage, 2) for stage in exchanged.STAGES])

    def test_within_a_machine_only_slices_go_over_the_network(self) -> None:
        slow = exchanged.Wire(rate=0.5, latency=0.0)
        took = exchanged.step_seconds(self.MODEL, 2, 2, 0.0, self.WIRE, machines=2, network=slow)
        self.assertEqual(took, 6 + 2 / 2 * (6 / 2) / 0.5)

    def test_the_page_has_a_place_for_each_table(self) -> None:
        done = scaling.tables({(1, 0): 4.0, (2, 0): 5.0}, {2: exchanged.Wire(1e9, 1e-4)}, cores=2)
        page = scaling.with_tables((scaling.ROOT / "docs/scaling.md").read_text(), done)
        self.assertIn("| 2 | 0 | 5.00 s | ", page)
        self.assertIn("| 2 | 3 |  | ", page)  # not measured


if __name__ == "__main__":
    unittest.main()
