"""The teacher that answers by rules."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.teacher.annotation import texts
from instructrec_jax.teacher.checks import validate
from instructrec_jax.teacher.protocol import AUDIENCE, INSTANCE, INTEREST
from instructrec_jax.teacher.rules import audiences, interests
from instructrec_jax.teacher.rules.extractive import Extractive

_COUNT = 12


_OF = {INTEREST.name: interests, AUDIENCE.name: audiences}


def _frame(kind, rows):
  columns = {name for row in rows for name in row}
  return pl.DataFrame(
    {name: [row.get(name) for row in rows] for name in columns},
    schema_overrides={name: kind.inputs[name] for name in columns},
  ).select(pl.int_range(pl.len()).alias(INSTANCE), pl.all())


def _texts(kind, **row):
  """Returns what is written of one request, by many draws."""
  frame = _frame(kind, [row] * _COUNT)
  drawn = [number * 2_654_435_761 % 2**32 for number in range(_COUNT)]
  [field] = kind.outputs
  return _OF[kind.name].write(frame, drawn)[field].to_list()


def test_nothing_known_is_nothing_said():
  assert _texts(AUDIENCE, thing="video", title="So this is why")[0] is None
  row = {"title": ["Bread", "Hammer"], "liked": [False, False]}
  assert _texts(INTEREST, **row)[0] is None
  frame = _frame(AUDIENCE, [{"thing": "video", "title": "So this is why"}])
  keys = frame.select(INSTANCE, item=INSTANCE)
  written = texts.write(Extractive("v", 0, keys), AUDIENCE, frame)
  assert written["absent"].to_list() == ["nothing says whom the item is for"]


def test_wordings_vary_and_follow_from_the_key_alone():
  row = {"thing": "movie", "title": "Qx", "categories": ["Comedy", "Drama"],
         "year": 1987}  # fmt: skip
  frame = _frame(AUDIENCE, [row] * 200)
  keys = frame.select(INSTANCE, item=pl.col(INSTANCE) + 5)
  all_of_them = texts.write(Extractive("d", 0, keys), AUDIENCE, frame)
  assert all_of_them["text"].n_unique() >= 6
  some = [150, 3, 77]
  few = texts.write(Extractive("d", 0, keys), AUDIENCE, frame[some])
  assert few["text"].to_list() == all_of_them["text"][some].to_list()
  other = texts.write(Extractive("d", 1, keys), AUDIENCE, frame)
  assert (other["text"] != all_of_them["text"]).any()


_WORDS = st.sampled_from(
  [
    "Green",
    "Tea",
    "History",
    "War",
    "Puzzle",
    "Drama",
    "Fern",
    "Night",
    "Comedy",
  ]
)


_NAMES = st.lists(_WORDS, min_size=1, max_size=3).map(" ".join)


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_a_title_is_never_named(data):
  many = data.draw(st.integers(1, 5))
  names = st.lists(_NAMES, min_size=many, max_size=many)
  labels = st.lists(_NAMES, max_size=3)
  marks = st.lists(st.booleans(), min_size=many, max_size=many)
  row = {
    "thing": "book",
    "title": data.draw(names),
    "categories": [data.draw(labels) for _ in range(many)],
    "brand": data.draw(names),
    "liked": data.draw(marks),
  }  # fmt: skip
  one = {k: row[k][0] for k in ("title", "categories", "brand")}
  for kind, told, titles in (
    (INTEREST, row, row["title"]),
    (AUDIENCE, one, row["title"][:1]),
  ):
    [field] = kind.outputs
    written = [text for text in _texts(kind, **told) if text is not None]
    rows = pl.DataFrame(
      {"text": written, "titles": [titles] * len(written)},
      schema={"text": pl.String, "titles": pl.List(pl.String)},
    )
    assert not validate.named(rows, field).any()
