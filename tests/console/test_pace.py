from migrate.console.pace import Pace


def test_the_time_left_is_by_what_moved_since_the_first_word() -> None:
    pace = Pace()
    assert pace.left(2_000, 10_000, 100.0) == ""  # an earlier run left them
    assert pace.left(2_500, 10_000, 101.0) == ""
    assert pace.left(4_000, 10_000, 104.0) == "12 s left"
    assert pace.left(10_000, 10_000, 116.0) == ""


def test_only_the_last_half_minute_counts() -> None:
    pace, said = Pace(), ""
    for second in range(60):
        said = pace.left(second * 1_000, 200_000, float(second))
    assert said == "2 min 21 s left"
    for second in range(60, 100):
        said = pace.left(59_000 + (second - 59) * 100, 200_000, float(second))
    assert said == "22 min 50 s left"


def test_what_is_thrown_away_begins_the_pace_anew() -> None:
    pace = Pace()
    pace.left(0, 10_000, 0.0)
    assert pace.left(5_000, 10_000, 5.0) == "5.0 s left"
    assert pace.left(0, 10_000, 6.0) == ""
    assert pace.left(1_000, 10_000, 10.0) == "36 s left"


def test_nothing_is_said_of_what_stands_or_has_no_end() -> None:
    pace = Pace()
    pace.left(100, 1_000, 0.0)
    assert pace.left(100, 1_000, 50.0) == ""
    assert pace.left(200, None, 60.0) == ""
