"""Requests of ITDR's two kinds, as a teacher is asked them."""

import polars as pl

from instructrec_jax.teacher.protocol import AUDIENCE, INSTANCE, INTEREST

GOOD = (
  "The user enjoys quiet puzzles and long stories, and cares less for anything "
  "that is loud."
)


def requests(kind, **columns):
  frame = pl.DataFrame(
    columns, schema_overrides={c: kind.inputs[c] for c in columns}
  )
  return frame.with_row_index(INSTANCE)


def interests():
  return requests(
    INTEREST,
    thing=["game"] * 3,
    title=[["Lantern Harbour", "Ash Arena"], ["Owl Post"], ["Tin Parade"]],
    liked=[[True, False], [True], [None]],
    hours=[[12.25, 0.5], [None], [3.0]],
    review=[
      ["Write to jo@example.org!<br/>Lovely.", None], [None], ["Fine fun."]
    ],
  )  # fmt: skip


def audiences():
  return requests(
    AUDIENCE,
    title=["Lantern Harbour", "Owl Post", "Tin Parade"],
    categories=[["Puzzle"], [], None],
    reviews=[
      [GOOD.replace("user", "man")], ["Call 555-123-4567 now."], None
    ],
  )  # fmt: skip
