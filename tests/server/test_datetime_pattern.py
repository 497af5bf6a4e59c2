"""Java's patterns for dates and times, both ways."""

import pytest

from migrate.server.engines.datetime_pattern import NANOS, Pattern, PatternError, TextError, moment_at

# 2021-07-14 20:05:09.000012345, a Wednesday, the 195th day of its year.
MOMENT = moment_at(1_626_293_109 * NANOS + 12_345)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd HH:mm:ss", "2021-07-14 20:05:09"),
        ("uuuu-M-d", "2021-7-14"),
        ("yy/MM/dd", "21/07/14"),
        ("y", "2021"),
        ("yyyyy", "02021"),
        ("MMM MMMM LLL", "Jul July Jul"),
        ("E EEE EEEE", "Wed Wed Wednesday"),
        ("D DDD", "195 195"),
        ("H HH k K h hh a", "20 20 20 8 8 08 PM"),
        ("s.SSSSSSSSS", "9.000012345"),
        ("SSS n", "000 12345"),
        ("A N", "72309000 72309000012345"),
        ("yyyy-MM-dd'T'HH:mm''", "2021-07-14T20:05'"),
        ("'o''clock' H", "o'clock 20"),
        ("yyyy[-MM[-dd]]", "2021-07-14"),
        ("[''yyyy]", "'2021"),
        ("d. MMM yyyy (EEEE)", "14. Jul 2021 (Wednesday)"),
        ("[yyyy", "2021"),
        ("yyyyyyyyyy", "0000002021"),
        ("MMMMM EEEEE", "J W"),
        ("''''", "'"),
    ],
)
def test_written_as_java_writes(pattern: str, text: str) -> None:
    assert Pattern(pattern).format(MOMENT) == text


@pytest.mark.parametrize(
    ("pattern", "text", "iso"),
    [
        ("yyyyMMddHHmmss", "20210714200509", "2021-07-14 20:05:09"),
        ("yyyy", "2021", "2021-01-01 00:00:00"),
        ("yyyy", "+12345", None),
        ("yyyy", "12345", None),
        ("y-M-d", "987-6-5", "0987-06-05 00:00:00"),
        ("yy", "99", "2099-01-01 00:00:00"),
        ("yyyy-MM-dd", "2021-02-31", "2021-02-28 00:00:00"),
        ("yyyy-MM-dd", "2021-02-32", None),
        ("yyyy-MM-dd", "2021-13-01", None),
        ("yyyy-MM-dd", "2021-1-01", None),
        ("yyyy-DDD", "2020-366", "2020-12-31 00:00:00"),
        ("yyyy-DDD", "2021-366", None),
        ("yyyy HH:mm", "2021 24:00", "2021-01-02 00:00:00"),
        ("yyyy HH:mm", "2021 24:01", None),
        ("yyyy HH", "9999 24", "9999-01-02 00:00:00"),
        ("yyyy-MM-dd HH", "9999-12-31 24", None),
        ("yyyy h a", "2021 12 AM", "2021-01-01 00:00:00"),
        ("yyyy h a", "2021 12 PM", "2021-01-01 12:00:00"),
        ("yyyy h", "2021 7", None),
        ("yyyy kk", "2021 24", "2021-01-01 00:00:00"),
        ("yyyy A", "2021 3600000", "2021-01-01 01:00:00"),
        ("yyyy N", "2021 3600000000000", "2021-01-01 01:00:00"),
        ("E yyyy-MM-dd", "Wed 2021-07-14", "2021-07-14 00:00:00"),
        ("E yyyy-MM-dd", "Thu 2021-07-14", None),
        ("d MMM yyyy", "14 jul 2021", None),
        ("yyyy-MM-dd[ HH:mm]", "2021-07-14", "2021-07-14 00:00:00"),
        ("yyyy-MM-dd[ HH:mm]", "2021-07-14 20:05", "2021-07-14 20:05:00"),
        ("yyyy uuuu", "2021 2022", None),
        ("MM-dd", "07-14", None),
        ("yyyy a", "2021 PM", None),
        ("yyyy h", "2021 12", "2021-01-01 00:00:00"),
        ("yyyy-DDD", "9999-366", None),
        ("[H]H yyyy", "12 2021", None),
        ("Dyyyy", "1952021", None),
        ("yyyy H h", "2021 20 9", None),
        ("yyyy", "0000", None),
    ],
)
def test_read_as_java_reads(pattern: str, text: str, iso: str | None) -> None:
    if iso is None:
        with pytest.raises(TextError):
            Pattern(pattern).parse(text)
    else:
        assert Pattern("yyyy-MM-dd HH:mm:ss").format(Pattern(pattern).parse(text)) == iso


@pytest.mark.parametrize(
    "pattern",
    ["yyyy VV", "G", "w", "'open", "yyyy]", "{", "#", "ddd", "MMMMMM", "EEEEEE", "aa", "SSSSSSSSSS", "[" * 40],
)
def test_a_pattern_that_is_not_served_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        Pattern(pattern)


def test_moments_outside_of_the_calendar() -> None:
    assert moment_at(-1).since_epoch == -1
    with pytest.raises(TextError):
        moment_at(10**21)
