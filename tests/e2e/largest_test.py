"""What tests bound their differences by: no number is lost, wherever it stands. usage: largest_test.py"""
import math

from largest import largest_of


def main() -> None:
    assert largest_of([0.0, 3.0, 2]) == 3 and largest_of(abs(value) for value in (-1.0, 0.5)) == 1
    assert largest_of([1.0, math.inf, 2.0]) == math.inf
    for values in ([math.nan], [math.nan, 1.0], [1.0, math.nan], [2.0, math.nan, 1.0], [math.inf - math.inf, 1.0]):
        assert largest_of(values) == math.inf, values
    largest = 0.0
    for each in (1.0, math.nan, 2.0):  # as tests keep it, where numbers follow
        largest = largest_of([largest, each])
    assert largest == math.inf
    assert largest_of([], default=0.0) == 0 and largest_of([math.nan], default=0.0) == math.inf
    try:
        largest_of([])
    except ValueError:
        return
    raise AssertionError("nothing was compared, and nobody was told")


if __name__ == "__main__":
    main()
