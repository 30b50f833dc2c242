"""Paths of SVG in few characters."""

from pytest_llm_latency.report.charts import paths


def test_a_line_goes_from_place_to_place_in_steps() -> None:
    """Zeros before a point and blanks before a minus are left out."""
    assert paths.line([(58, 190), (65.1, 185.5), (70, 185.5), (70.5, 190)]) == "M58 190l7.1-4.5 4.9 0 .5 4.5"
    assert paths.line([(1, -2), (0.5, -2.5)]) == "M1-2l-.5-.5"
    assert (paths.line([(3, 4)]), paths.line([])) == ("M3 4", "")


def test_steps_between_rounded_places_do_not_add_up_to_another_place() -> None:
    """A hundred steps of a third of a tenth."""
    steps = paths.line([(number / 30, 0.0) for number in range(101)]).partition("l")[2].split()[::2]
    assert round(sum(map(float, steps)), 1) == 3.3


def test_each_dot_has_no_length() -> None:
    """Round ends make a dot of it."""
    assert paths.dots([(1.5, 2), (3, 1)]) == "M1.5 2h0m1.5-1h0"
    assert (paths.dots([(1, 1)]), paths.dots([])) == ("M1 1h0", "")


def test_a_staircase_rises_where_a_value_stands() -> None:
    """From the height before the first one."""
    assert paths.stairs(190, [(60, 180), (70, 170.5)]) == "M60 190h0v-10h10v-9.5"
