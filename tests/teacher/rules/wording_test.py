"""One phrasing of several, filled."""

import numpy as np
import polars as pl
import scipy.stats

from instructrec_jax.teacher.rules import wording


def test_what_is_drawn_follows_from_the_keys_alone():
  def drawn(users, items, seed=0):
    rng = np.random.default_rng(seed)
    return wording.draw(rng, np.array(users), np.array(items)).tolist()

  whole = drawn([1, 2, 3], [7, 7, 9])
  assert drawn([3, 1], [9, 7]) == [whole[2], whole[0]]
  assert len({*whole, *drawn([1, 2, 3], [7, 7, 9], seed=1)}) == 6
  assert drawn([1], [2]) != drawn([2], [1])


def test_what_is_drawn_is_uniform():
  drawn = wording.draw(np.random.default_rng(0), np.arange(6000))
  counts = np.bincount(drawn % 6, minlength=6)
  assert scipy.stats.chisquare(counts).pvalue > 1e-3


def test_phrasings_are_filled_and_null_without_what_they_need():
  frame = pl.DataFrame(
    {"drawn": [0, 1, 2, 0], "who": ["Ann", "Bo", "Cy", None], "what": ["x"] * 4}
  )
  phrasings = ["for {who}", "{what}, {who}"]
  text = wording.fill(phrasings, pl.col("drawn"), ["who", "what"])
  assert frame.select(text=text)["text"].to_list() == [
    "for Ann", "x, Bo", "for Cy", None,
  ]  # fmt: skip


def test_a_sentence_begins_with_a_capital():
  frame = pl.DataFrame({"x": ["éclairs are fine", "", None]})
  found = frame.select(wording.sentence(pl.col("x")))["x"].to_list()
  assert found == ["Éclairs are fine", "", None]
