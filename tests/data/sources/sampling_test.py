"""What the first rows of tables tell."""

import pytest

from instructrec_jax.data.sources import sampling
from instructrec_jax.data.sources.sampling import Column


@pytest.mark.parametrize(
  ("name", "words"),
  [
    ("userId", ["user", "id"]),
    ("User-ID", ["user", "id"]),
    ("review/text", ["review", "text"]),
    ("Lineitem name", ["lineitem", "name"]),
    ("bought_at", ["bought", "at"]),
  ],
)
def test_words_of_a_name(name, words):
  assert sampling.words_of(name) == words


@pytest.mark.parametrize(
  ("values", "is_time", "unit"),
  [
    (["2024-05-01", "2024-05-02T10:00:00Z"], True, None),
    (["2024-05-01 10:00:00 -0400"], True, None),
    (["5/31/2024 9:00"], True, None),
    (["964982703", "1495151335"], True, "s"),
    (["964982703000"], True, "ms"),
    (["964982703000000"], True, "us"),
    (["964982703000000000"], True, "ns"),
    # ISBNs and phone numbers are not times.
    (["0195153448", "0002005018", "1882931173"], False, None),
    (["12", "4"], False, None),
    (["May"], False, None),
  ],
)
def test_times(values, is_time, unit):
  column = Column("x", values, len(values))
  assert (column.is_time, column.unit) == (is_time, unit)


def test_the_first_different_values_are_shown():
  column = Column("x", ["a", "a", "b" * 50, "c", "d"], 5)
  assert column.shown == f"'a', '{'b' * 40}…', 'c'"


def test_a_delimiter_that_the_ending_does_not_tell(tmp_path):
  (tmp_path / "a.csv").write_text("x;y;z\n1;2,5;3\n4;5;6\n")
  (tmp_path / "b.txt").write_text('x,y\n1,"a, b"\n')
  (tmp_path / "c.tsv").write_text('x\ty\n1\t"a\n')
  found = {s.name: s for s in sampling.samples(tmp_path)}
  assert {n: (s.delimiter, s.expected) for n, s in found.items()} == {
    "a.csv": (";", ","),
    "b.txt": (",", None),
    "c.tsv": ("\t", "\t"),
  }
  assert [c.values for c in found["a.csv"].columns][1] == ["2,5", "5"]
  assert found["b.txt"].columns[1].values == ["a, b"]


def test_empty_values_are_left_out(tmp_path):
  (tmp_path / "a.csv").write_text("x,y\n1,\n2,b\n")
  (sample,) = sampling.samples(tmp_path)
  column = sample.columns[1]
  assert (column.values, column.rows, column.filled) == (["b"], 2, 0.5)
