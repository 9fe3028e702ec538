import polars as pl

from instructrec_jax.data.formats import literals


def test_lists_as_python_and_json_write_them():
  lists = [["Julie Strain"], ["a, b", 'O\'Brien "x"'], [" twice ", "twice"], []]
  values = pl.Series(
    [
      *map(repr, lists),
      None,
      "",
      "Plain",
      "['cut",
      "{'a': 1}",
      "[1, 'x']",
      '["a", null, "b"]',
      r"['\ud800']",
      "[{[]: 1}]",
    ]
  )
  assert literals.texts(values).to_list() == [
    ["Julie Strain"],
    ["a, b", 'O\'Brien "x"'],
    ["twice"],
    [],
    [],
    [],
    ["Plain"],
    ["['cut"],
    ["{'a': 1}"],
    ["1", "x"],
    ["a", "b"],
    ["?"],
    ["[{[]: 1}]"],
  ]
