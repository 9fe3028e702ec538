"""Requests of all kinds in the files of a batch."""

import pathlib

import polars as pl

from instructrec_jax.teacher.annotation import texts
from instructrec_jax.teacher.annotation.choosing import Choice
from instructrec_jax.teacher.protocol import (
  AUDIENCE,
  INSTANCE,
  INTEREST,
)

_GOOD = (
  "The user enjoys quiet puzzles and long stories, and cares less for anything "
  "that is loud."
)


def _requests(kind, **columns):
  frame = pl.DataFrame(
    columns, schema_overrides={c: kind.inputs[c] for c in columns}
  )
  return frame.with_row_index(INSTANCE)


def _interests():
  return _requests(
    INTEREST,
    thing=["game"] * 3,
    title=[["Lantern Harbour", "Ash Arena"], ["Owl Post"], ["Tin Parade"]],
    liked=[[True, False], [True], [None]],
    hours=[[12.25, 0.5], [None], [3.0]],
    review=[
      ["Write to jo@example.org!<br/>Lovely.", None], [None], ["Fine fun."]
    ],
  )  # fmt: skip


def _audiences():
  return _requests(
    AUDIENCE,
    title=["Lantern Harbour", "Owl Post", "Tin Parade"],
    categories=[["Puzzle"], [], None],
    reviews=[
      [_GOOD.replace("user", "man")], ["Call 555-123-4567 now."], None
    ],
  )  # fmt: skip


def test_requests_of_both_kinds_go_into_batch_files(tmp_path):
  asked = [
    (kind, texts.batches(kind, requests))
    for kind, requests in ((INTEREST, _interests()), (AUDIENCE, _audiences()))
  ]
  options = {"model": "toy", "write_requests": tmp_path / "out"}
  done = Choice("api", tmp_path, options).instead(asked)
  assert done.counts["requests"] == 6
  [file] = done.counts["files"]
  assert "example.org" not in pathlib.Path(file).read_text()
