"""Reads numbers as people and shops write them."""

import polars as pl

# Three capitals, or a symbol after at most three letters: EUR, US$, R$, €.
_CURRENCY = r"(?:[A-Z]{3}|[A-Za-z]{0,3}\.?\p{Sc}|(?:[Rr]s|[Kk]r|zł|Kč)\.?)"
# How a number may be written, and the characters that are then removed before
# a comma becomes the decimal point. The first form that fits counts.
_FORMS = (
  (r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$", ""),
  (r"^[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?$", ","),
  (r"^[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+,[0-9]+$", "."),
  (r"^[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,}$", "."),
  (
    r"^[+-]?[1-9][0-9]{0,2}(?:['\x{2019}\s][0-9]{3})+(?:[.,][0-9]+)?$",
    r"['\x{2019}\s]",
  ),
  (r"^[+-]?[0-9]+,[0-9]+$", ""),
)
# Words that programs write where there is no value.
NO_VALUE = (
  r"\N", "NULL", "null", "None", "nan", "NaN", "NA", "N/A", "n/a", "#N/A",
  "<NA>",
)  # fmt: skip


def of(value: pl.Expr, dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
  """Returns numbers of a type; null if a value is no finite number.

  `$1,299.00`, `12.50 EUR`, `4,5` and `1999.0` are read. A comma is a decimal
  point unless three digits follow it, as in `1,299`.

  Args:
    value: text or numbers.
    dtype: a type of floats or integers.
  """
  return value.map_batches(
    lambda series: _read(series, dtype), dtype, is_elementwise=True
  )


def finite(value: pl.Expr) -> pl.Expr:
  """Returns floats with null in place of nan and infinity."""
  return pl.when(value.is_finite()).then(value)


def known(texts: pl.Expr) -> pl.Expr:
  """Returns texts with null in place of the words of NO_VALUE."""
  return pl.when(~texts.is_in(NO_VALUE)).then(texts)


def _read(
  values: pl.Series, dtype: pl.DataType | type[pl.DataType]
) -> pl.Series:
  found = _cast(values, dtype)
  odd = found.is_null() & values.is_not_null()
  # Almost every value is a plain number, so only the others are looked at.
  if values.dtype != pl.String or not odd.any():
    return found
  rest = _cast(_written(values.filter(odd)), dtype)
  return found.scatter(odd.arg_true(), rest)


def _cast(
  values: pl.Series, dtype: pl.DataType | type[pl.DataType]
) -> pl.Series:
  """Casts numbers; null if one is not finite, or not whole as an integer."""
  if values.dtype.is_float() and dtype.is_integer():
    whole = values.to_frame().select(
      pl.when(pl.all() == pl.all().floor()).then(pl.all())
    )
    return whole.to_series().cast(dtype, strict=False)
  found = values.cast(dtype, strict=False)
  if dtype.is_float():
    found = found.to_frame().select(finite(pl.all())).to_series()
  return found


def _written(texts: pl.Series) -> pl.Series:
  """Returns the numbers of texts in one of `_FORMS`, as Float64."""
  text = pl.col(texts.name).str.strip_chars()
  text = text.str.replace(rf"^([+-]?)\s*{_CURRENCY}\s*", "$1")
  text = text.str.replace(rf"\s*{_CURRENCY}$", "")
  plain = pl.lit(None, pl.String)
  for form, removed in reversed(_FORMS):
    number = text
    if removed:
      number = text.str.replace_all(
        removed, "", literal=not removed.startswith("[")
      )
    number = number.str.replace(",", ".", literal=True)
    plain = pl.when(text.str.contains(form)).then(number).otherwise(plain)
  return (
    texts.to_frame().select(plain.cast(pl.Float64, strict=False)).to_series()
  )
