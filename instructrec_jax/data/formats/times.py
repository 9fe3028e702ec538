"""Reads times: numbers of any unit and ISO dates, as microseconds.

All tables hold times as int64 microseconds since 1970-01-01 UTC, so that two
events of one second keep their order.
"""

import dataclasses
import datetime
from pathlib import Path

import polars as pl

from instructrec_jax import parquet
from instructrec_jax.data.formats import text
from instructrec_jax.data.formats.raw import Bad
from instructrec_jax.data.formats.text import Field
from instructrec_jax.errors import InputError

# Microseconds of a unit; a nanosecond is less than one.
_SCALES = {"s": 1_000_000, "ms": 1_000, "us": 1}
UNITS = (*_SCALES, "ns")
# A number of seconds between these is a date from 1973 to 2100. The same limits
# in other units do not overlap, so such a number shows its unit by its size.
_EARLIEST, _LATEST = 100_000_000, 4_102_444_800
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
# What a value was read as, in the column beside it.
UNIT = "__unit"
_NUMBER, _DATE = "number", "date"
_UNIT_TYPE = pl.Enum([*UNITS, _NUMBER, _DATE])
# Rows by which it is checked whether times can be read.
_SAMPLE = 1000
_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds",
          "ns": "nanoseconds"}  # fmt: skip
_ISO = (
  "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y%m%d",
)  # fmt: skip
_OFFSET = r"([+-]\d{2})(?::?(\d{2}))?$"
FORMS = (
  "a number of seconds, milliseconds, microseconds or nanoseconds since 1970, "
  "2024-05-01, 2024-05-01 10:00, 2024-05-01 10:00:00.250 (also with T, Z, UTC "
  "or an offset such as +02:00), 2024/05/01 and 20240501"
)


def of_unit(value: pl.Expr, unit: str) -> pl.Expr:
  """Returns numbers of a unit as microseconds, int64; null if not finite.

  Args:
    value: integers, floats or text. Integers are converted without rounding.
    unit: one of UNITS.
  """
  whole = value.cast(pl.Int64, strict=False)
  real = value.cast(pl.Float64, strict=False)
  real = pl.when(real.is_finite()).then(real)
  if unit == "ns":
    return pl.coalesce(whole // 1000, (real / 1000).floor().cast(pl.Int64))
  scale = _SCALES[unit]
  return pl.coalesce(
    whole * scale, (real * scale).floor().cast(pl.Int64, strict=False)
  )


def of_dates(dates: pl.Expr, form: str | None = None) -> pl.Expr:
  """Returns dates as microseconds, int64; null if they cannot be read.

  A date without an offset is in UTC.

  Args:
    dates: strings.
    form: a format of `strftime`; None for the ISO forms among FORMS.
  """
  if form is not None:
    zoned = "%z" in form or "%#z" in form
    dtype = pl.Datetime("us", "UTC" if zoned else None)
    return dates.str.strptime(dtype, form, strict=False).dt.epoch("us")
  return dates.map_batches(_of_known_dates, pl.Int64, is_elementwise=True)


def _of_known_dates(dates: pl.Series) -> pl.Series:
  """Reads the dates that are not null, in the ISO forms among FORMS.

  Each step looks only at what is left, since most columns have one form.
  """
  found = pl.repeat(None, dates.len(), dtype=pl.Int64, eager=True)
  there = dates.is_not_null().arg_true()
  if not there.len():
    return found
  plain = (
    dates.gather(there)
    .str.strip_chars()
    .str.replace_all("/", "-", literal=True)
    .str.replace(r"^(\S+)T", "$1 ")
    .str.replace(r" ?(Z|UTC|GMT)$", "")
  )
  # The hyphens of a date alone are no offset.
  shifted = (
    plain.str.contains(_OFFSET) & plain.str.contains(":", literal=True)
  ).arg_true()
  ahead = _ahead(plain.gather(shifted))
  plain = plain.scatter(
    shifted, plain.gather(shifted).str.replace(f" ?{_OFFSET}", "")
  )
  for iso in _ISO:
    left = found.gather(there).is_null()
    if not left.any():
      break
    times = plain.filter(left).str.strptime(
      pl.Datetime("us"), iso, strict=False
    )
    found = found.scatter(there.filter(left), times.dt.epoch("us"))
  at = there.gather(shifted)
  return found.scatter(at, found.gather(at) - ahead)


def _ahead(dates: pl.Series) -> pl.Series:
  """Returns the microseconds by which the offset of each date is ahead."""
  groups = dates.str.extract_groups(_OFFSET).struct
  hours, minutes = groups.field("1"), groups.field("2").fill_null("0")
  sign = 1 - 2 * hours.str.starts_with("-").cast(pl.Int64)
  ahead = hours.cast(pl.Int64, strict=False) * 60
  ahead += sign * minutes.cast(pl.Int64, strict=False)
  return ahead * 60_000_000


@dataclasses.dataclass(frozen=True)
class Times:
  """How a file's column of times is read, when its unit may not be known.

  Attributes:
    column: its name.
    unit: one of UNITS, or None to tell it by the size of the numbers.
    form: a format of `strftime` for dates, or None for FORMS.
  """

  column: str
  unit: str | None = None
  form: str | None = None

  def __post_init__(self):
    """Checks the unit.

    Raises:
      InputError: it is unknown.
    """
    if self.unit is not None and self.unit not in UNITS:
      raise InputError(
        f"time_unit is {self.unit!r}: expected one of {', '.join(UNITS)}"
      )

  def fields(self, dtype: pl.DataType) -> dict[str, Field]:
    """Returns the fields "timestamp" and UNIT of a table.

    Args:
      dtype: the column's type in the file.
    """
    given = pl.col(self.column)
    value, unit = self._values(given, dtype)
    return {
      "timestamp": Field(self.column, pl.Int64, required=True, value=value),
      UNIT: Field(self.column, _UNIT_TYPE, value=unit, what="a time"),
    }

  def _values(
    self, given: pl.Expr, dtype: pl.DataType
  ) -> tuple[pl.Expr, pl.Expr]:
    """Returns microseconds, and what each value was read as."""
    date = pl.lit(_DATE, _UNIT_TYPE)
    if dtype.is_temporal():
      zone = dtype.time_zone if isinstance(dtype, pl.Datetime) else None
      to = pl.Datetime("us", zone)
      return given.cast(to).dt.epoch("us"), date
    is_text = dtype == pl.String
    if is_text and self.form is not None:
      return of_dates(given, self.form), date
    number = given.cast(pl.Float64, strict=False)
    unit = pl.coalesce(
      *(
        pl.when(number.is_between(_EARLIEST * n, _LATEST * n)).then(
          pl.lit(name, _UNIT_TYPE)
        )
        for name, n in _PER_SECOND.items()
      ),
      pl.when(number.is_finite()).then(pl.lit(_NUMBER, _UNIT_TYPE)),
    )
    value = of_unit(given, self.unit or "s")
    for name in UNITS:
      value = pl.when(unit == name).then(of_unit(given, name)).otherwise(value)
    words = given if is_text else given.cast(pl.String)
    is_day = number.is_between(19_000_101, 21_001_231)
    is_day &= words.str.contains(r"^\d{8}$")
    if self.unit is None and not dtype.is_float():
      day = of_dates(pl.when(is_day).then(words))
      value, unit = (
        pl.when(day.is_not_null()).then(new).otherwise(old)
        for new, old in ((day, value), (date, unit))
      )
    if is_text:
      found = of_dates(pl.when(number.is_null()).then(given))
      value = pl.coalesce(value, found)
      unit = pl.coalesce(unit, pl.when(found.is_not_null()).then(date))
    return value, unit

  def parse(
    self,
    rows: pl.DataFrame | pl.LazyFrame,
    path: Path,
    fields: dict[str, Field],
  ) -> tuple[pl.DataFrame, list[Bad]]:
    """Reads a table with its times; see `text.parse`.

    Args:
      rows: raw columns and LINE.
      path: the file, for messages.
      fields: the other columns to make.

    Returns:
      The usable rows with "timestamp", and the rows left out.

    Raises:
      InputError: most times cannot be read, or have different units.
    """
    rows = rows.lazy()
    made = self.fields(rows.collect_schema()[self.column])
    self.check_readable(rows, path, made["timestamp"])
    table, bad = text.parse(rows, path, fields | made)
    table, dropped = self.checked(table, path)
    if dropped:
      reason = f"{self.column} is a number, but not a time as in other rows"
      bad = [*bad, Bad(reason, dropped, path.name)]
    return table, bad

  def check_readable(
    self, rows: pl.LazyFrame, path: Path, field: Field
  ) -> None:
    """Raises InputError if most times of the first rows cannot be read."""
    first = rows.head(_SAMPLE).select(
      text.LINE, given=pl.col(self.column), time=field.value
    )
    first = first.filter(~pl.col("given").cast(pl.String).is_in(["", "nan"]))
    with parquet.reading(path):
      first = first.collect()
    wrong = first.filter(pl.col("time").is_null())
    if 2 * wrong.height > first.height:
      line, value = wrong.row(0)[:2]
      tried = FORMS if self.form is None else f"{self.form!r}"
      raise InputError(
        f"{path.name}:{line}: {self.column} {value!r} cannot be read as a "
        f"time. What is read: {tried}. For other dates give time_format, such "
        "as '%d.%m.%Y %H:%M'"
      )

  def checked(self, rows: pl.DataFrame, path: Path) -> tuple[pl.DataFrame, int]:
    """Checks that all numbers of a file have one unit.

    Args:
      rows: "timestamp" and UNIT, and other columns.
      path: the file, for messages.

    Returns:
      The rows without UNIT, and without those whose number is no date although
      others are; and how many those are.

    Raises:
      InputError: units are mixed, or another unit was given.
    """
    counts = dict(rows[UNIT].value_counts().rows())
    known = [unit for unit in UNITS if unit in counts]
    if len(known) > 1:
      first, second = (_shown(rows, unit) for unit in known[:2])
      raise InputError(
        f"{path}: {self.column} has times of different units, such as {first} "
        f"and {second}. Write all of them in one unit"
      )
    if not known and _DATE not in counts:
      return rows.drop(UNIT), 0
    if self.unit is not None and known and known != [self.unit]:
      [unit] = known
      raise InputError(
        f"{path}: {self.column} is {_shown(rows, unit)}; as "
        f"{_NAMES[self.unit]} it would be in the year "
        f"{_year(rows, unit, self.unit)}. Give time_unit={unit}"
      )
    rows = rows.filter(pl.col(UNIT) != _NUMBER).drop(UNIT)
    return rows, counts.get(_NUMBER, 0)


def _first(rows: pl.DataFrame, unit: str) -> int:
  """Returns the first time that was read as a unit, in microseconds."""
  return rows.filter(pl.col(UNIT) == unit)["timestamp"][0]


def _number(rows: pl.DataFrame, unit: str) -> int:
  """Returns the first time that was read as a unit, in that unit."""
  return _first(rows, unit) * _PER_SECOND[unit] // 10**6


def _shown(rows: pl.DataFrame, unit: str) -> str:
  """Returns the first time that was read as a unit, in words."""
  date = datetime.datetime.fromtimestamp(_first(rows, unit) / 1e6, datetime.UTC)
  return f"{_number(rows, unit)} ({_NAMES[unit]}, {date:%Y-%m-%d %H:%M:%S})"


def _year(rows: pl.DataFrame, unit: str, taken_for: str) -> int:
  """Returns the year of such a number if it were in another unit."""
  seconds = _number(rows, unit) / _PER_SECOND[taken_for]
  return int(1970 + seconds / 31_556_952)
