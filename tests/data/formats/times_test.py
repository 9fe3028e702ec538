"""Times of all units and forms, against Python's datetime."""

import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.data.formats import times
from instructrec_jax.data.formats.text import LINE, Field
from instructrec_jax.errors import InputError

_INSTANTS = st.datetimes(
  datetime.datetime(1973, 4, 1), datetime.datetime(2099, 12, 31)
)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
# The year 2024, as text in each form that is read.
_FORMS = {
  "2024-05-01 10:00:00+00:00": 0,
  "2024-05-01T12:30:00.250+02:00": 30 * 60 + 0.25,
  "2024-05-01 11:00:00+00": 3600,
  "2024-05-01T11:30:00Z": 5400,
  "2024-05-01 10:00:00 UTC": 0,
  "2024-05-01 10:00:00 -0400": 4 * 3600,
  "2024-05-01T10:00:00.123456-03:30": 3.5 * 3600 + 0.123456,
  "2024-05-01 10:00": 0,
  "2024/05/01 10:00": 0,
  "2024-05-01": -10 * 3600,
  "20240501": -10 * 3600,
  "1714557600": 0,
  "1714557600.5": 0.5,
  "1.7145576e9": 0,
}
_BASE = 1_714_557_600_000_000


def _microseconds(instant):
  utc = instant.replace(tzinfo=datetime.UTC)
  epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
  return (utc - epoch) // datetime.timedelta(microseconds=1)


def _read(values, tmp_path, dtype=pl.String, **settings):
  rows = pl.DataFrame(
    {"when": pl.Series(values, dtype=dtype), "user": ["u"] * len(values)}
  ).with_row_index(LINE, offset=2)
  column = times.Times("when", **settings)
  table, bad = column.parse(rows, tmp_path / "log.csv", {"user": Field("user")})
  return table["timestamp"].to_list(), [(b.reason, b.rows) for b in bad]


@pytest.mark.parametrize("text", _FORMS)
def test_each_form_is_read_as_utc(text, tmp_path):
  found, bad = _read([text], tmp_path)
  assert found == [_BASE + round(_FORMS[text] * 1_000_000)]
  assert not bad


@pytest.mark.parametrize("unit", times.UNITS)
@given(instant=_INSTANTS)
def test_the_size_of_a_number_tells_its_unit(unit, instant):
  number = _microseconds(instant) * _PER_SECOND[unit] // 10**6
  frame = pl.DataFrame({"when": [number]})
  fields = times.Times("when").fields(pl.Int64())
  row = frame.select(**{name: f.value for name, f in fields.items()}).row(0)
  assert row == (number * 10**6 // _PER_SECOND[unit], unit)


@given(instant=_INSTANTS, minutes=st.integers(-14 * 60, 14 * 60))
def test_iso_dates_with_offsets_agree_with_datetime(instant, minutes):
  zone = datetime.timezone(datetime.timedelta(minutes=minutes))
  there = instant.replace(tzinfo=zone)
  frame = pl.DataFrame({"when": [there.isoformat(), str(there)]})
  found = frame.select(times.of_dates(pl.col("when")))["when"]
  utc = there.astimezone(datetime.UTC).replace(tzinfo=None)
  assert found.to_list() == [_microseconds(utc)] * 2


def test_columns_of_dates(tmp_path):
  """Parquet has dates and times with zones."""
  noon = datetime.datetime(2024, 5, 1, 10)
  for dtype in (pl.Datetime("ns"), pl.Datetime("ms", "UTC")):
    assert _read([noon], tmp_path, dtype)[0] == [_BASE]
  zoned = pl.Series([noon]).dt.replace_time_zone("America/New_York")
  found, _ = _read(zoned, tmp_path, zoned.dtype)
  assert found == [_BASE + 4 * 3600 * 1_000_000]
  assert _read([noon.date()], tmp_path, pl.Date)[0] == [_BASE - 36_000_000_000]


def test_numbers_that_only_count_are_an_order(tmp_path):
  assert _read(["1", "3", "2"], tmp_path)[0] == [
    1_000_000,
    3_000_000,
    2_000_000,
  ]


def test_a_number_among_times_that_is_none_is_left_out(tmp_path):
  found, bad = _read(["1714557600", "-1", "0", "soon", "nan", ""], tmp_path)
  assert found == [_BASE]
  assert bad == [
    ("when is missing", 1),
    ("when is not a time", 2),
    ("when is a number, but not a time as in other rows", 2),
  ]


@pytest.mark.parametrize(
  ("values", "settings", "expected"),
  [
    (
      ["1714557600", "1714557600000"],
      {},
      r"different units, such as 1714557600 \(seconds, 2024-05-01 10:00:00\) "
      r"and 1714557600000 \(milliseconds, ",
    ),
    (
      ["1714557600"],
      {"unit": "ms"},
      "as milliseconds it would be in the year 1970. Give time_unit=s",
    ),
    (["1714557600000"], {"unit": "s"}, "in the year 563.*Give time_unit=ms"),
    (["1"], {"unit": "h"}, "time_unit is 'h': expected one of s, ms, us, ns"),
    (
      ["05/01/2024 10:00"] * 2,
      {},
      "log.csv:2: when '05/01/2024 10:00' cannot be read as a time. What is "
      "read: .*2024-05-01.* time_format",
    ),
    (["1. Mai"], {"form": "%d.%m.%Y"}, "What is read: '%d.%m.%Y'"),
  ],
)
def test_what_is_refused(values, settings, expected, tmp_path):
  with pytest.raises(InputError, match=expected):
    _read(values, tmp_path, **settings)


def test_a_form_of_one_s_own(tmp_path):
  form = "%d.%m.%Y %H:%M"
  assert _read(["01.05.2024 10:00"], tmp_path, form=form)[0] == [_BASE]
  found = _read(["1 May 2024 12:00 +0200"], tmp_path, form="%d %B %Y %H:%M %z")
  assert found[0] == [_BASE]
