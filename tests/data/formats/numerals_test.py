import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructrec_jax.data.formats import numerals


def _of(values, dtype):
  frame = pl.DataFrame({"x": values})
  return frame.select(numerals.of(pl.col("x"), dtype))["x"].to_list()


@pytest.mark.parametrize(
  ("text", "number"),
  [
    ("12.99", 12.99),
    ("$12.99", 12.99),
    ("US$ 1,299.00", 1299),
    ("-€3", -3),
    ("1.299,00 €", 1299),
    ("1.299.000", 1_299_000),
    ("12 EUR", 12),
    ("Rs. 499", 499),
    ("R$ 4,90", 4.9),
    ("1 299,50 kr", 1299.5),
    ("1'299.50", 1299.5),
    ("1,299", 1299),
    ("4,5", 4.5),
    ("0,500", 0.5),
    (" 7 ", 7),
    ("1e3", 1000),
    ("", None),
    ("-", None),
    ("$", None),
    ("NULL", None),
    (r"\N", None),
    ("N/A", None),
    ("nan", None),
    ("-inf", None),
    ("1e400", None),
    ("12.99-15.99", None),
    ("1,29,9", None),
    ("1999-01-01", None),
    ("٣", None),
    (None, None),
  ],
)
def test_numbers_as_people_write_them(text, number):
  got = _of(["5", text, None], pl.Float64)
  assert got == [5, number if number is None else pytest.approx(number), None]


def test_integers_are_whole():
  assert _of(["1999", "1999.0", "1999.5", "4e9"], pl.Int32) == [
    1999, 1999, None, None,
  ]  # fmt: skip
  assert _of([1999.0, 1999.5, float("nan")], pl.Int32) == [1999, None, None]


@given(value=st.floats(allow_subnormal=False, width=32))
def test_a_number_in_its_own_notation_is_itself_unless_not_finite(value):
  finite = value if abs(value) < float("inf") else None
  assert _of([repr(value)], pl.Float32) == [finite]
  assert _of([value], pl.Float32) == [finite]


@given(text=st.text(max_size=12))
def test_whatever_is_written_is_a_finite_number_or_null(text):
  for dtype in (pl.Float32, pl.Int32):
    (got,) = _of([text], dtype)
    assert got is None or abs(got) < 1e39


def test_words_for_no_value():
  frame = pl.DataFrame({"x": ["NULL", r"\N", "nan", "Null Island", ""]})
  assert frame.select(numerals.known(pl.col("x")))["x"].to_list() == [
    None, None, None, "Null Island", "",
  ]  # fmt: skip
