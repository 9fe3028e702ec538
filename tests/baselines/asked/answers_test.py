"""Rankings are read from whatever form a model chooses."""

import inspect
import json

import hypothesis
import hypothesis.strategies as st
import pytest

from instructrec_jax.baselines.asked import answers

TITLES = (
  "Halo", "Halo 2", "Doom (1993)", "The Sims: Hot Date", "1942",
  "Tetris, Deluxe", "Zelda > Link", "Hulk - PC", "Pong", "Animal Crossing",
)  # fmt: skip
# Forms in which models write a ranking, of numbers from 1 and titles.
FORMS = {
  "object": lambda ns, ts: json.dumps({"ranking": ns}),
  "array": lambda ns, ts: json.dumps(ns),
  "strings": lambda ns, ts: json.dumps({"ranking": [str(n) for n in ns]}),
  "titles in JSON": lambda ns, ts: json.dumps({"ranking": ts}),
  "another name": lambda ns, ts: json.dumps({"result": {"x": 1}, "order": ns}),
  "objects": lambda ns, ts: json.dumps([{"number": n} for n in ns]),
  "a text": lambda ns, ts: json.dumps({"ranking": ", ".join(map(str, ns))}),
  "fence": lambda ns, ts: (
    "```json\n" + json.dumps({"ranking": ns}, indent=2) + "\n```"
  ),
  "chain": lambda ns, ts: " > ".join(f"[{n}]" for n in ns),
  "bare chain": lambda ns, ts: " > ".join(map(str, ns)),
  "numbers": lambda ns, ts: ", ".join(map(str, ns)),
  "numbers named": lambda ns, ts: f"Ranking: {' '.join(map(str, ns))}.",
  "one a line": lambda ns, ts: "\n".join(map(str, ns)),
  "brackets and titles": lambda ns, ts: "\n".join(
    f"[{n}] {t}" for n, t in zip(ns, ts, strict=True)
  ),
  "numbers and titles": lambda ns, ts: "\n".join(
    f"{n}. {t}" for n, t in zip(ns, ts, strict=True)
  ),
  "places and titles": lambda ns, ts: "\n".join(
    f"{i}. {t}" for i, t in enumerate(ts, 1)
  ),
  "places and numbers": lambda ns, ts: "\n".join(
    f"{i}. [{n}]" for i, n in enumerate(ns, 1)
  ),
  "bullets": lambda ns, ts: "\n".join(f"- **{t}**" for t in ts),
  "in a sentence": lambda ns, ts: "I choose " + ", then ".join(
    f"[{n}]" for n in ns
  ) + " for them.",
}  # fmt: skip
AROUND = (
  "{}",
  "Sure! Here is my ranking of the 10 games:\n\n{}\n\nI hope this helps.",
)


@hypothesis.given(
  st.sampled_from(sorted(FORMS)),
  st.sampled_from(AROUND),
  st.permutations(range(len(TITLES))),
  st.integers(2, len(TITLES)),
)
def test_any_ranking_in_any_form_is_read_back(form, around, columns, number):
  ranked = columns[:number]
  said = FORMS[form]([c + 1 for c in ranked], [TITLES[c] for c in ranked])
  assert answers.read(around.format(said), TITLES) == tuple(ranked)


@hypothesis.given(
  st.text() | st.text("[]{}>0123456789,. \n\"'ranking:"),
  st.lists(st.text(max_size=5), max_size=12),
)
def test_whatever_is_said_gives_distinct_candidates(said, titles):
  found = answers.read(said, titles)
  assert len(set(found)) == len(found)
  assert all(0 <= column < len(titles) for column in found)


@pytest.mark.parametrize(
  "said",
  [
    "", "I cannot rank these games.", "The user likes 3 kinds of games.",
    '{"ranking": []}', '{"ranking": [11, 12, 0, -4]}', "[" * 100_000, "{" * 9,
    "It depends: in 1993 there were 20 of them.", "null", "true",
    '{"ranking": [true, false]}',
  ],
)  # fmt: skip
def test_what_is_no_ranking_gives_none(said):
  assert answers.read(said, TITLES) == ()


@pytest.mark.parametrize(
  ("said", "columns"),
  [
    ('{"ranking": [3, 3, 99, 1]}', (2, 0)),
    ("[2] > [1] > [2]", (1, 0)),
    ("7", (6,)),
    ("3: Doom (1993)\n1: Halo", (2, 0)),
    ("HALO 2\nhalo", (1, 0)),
    # A model that thinks aloud says the last list in the end.
    ('First [1, 2, 3], but then\n{"ranking": [3, 2]}', (2, 1)),
  ],
)
def test_by_hand(said, columns):
  assert answers.read(said, TITLES) == columns


def test_equal_titles_are_told_apart_by_number_and_kept_together_by_title():
  assert answers.read("Pong\nHalo", ["Halo", "Pong", "Halo"]) == (1, 0, 2)
  assert answers.read("[3, 2, 1]", ["Halo", "Pong", "Halo"]) == (2, 1, 0)


def test_the_reader_cannot_know_the_target():
  assert [*inspect.signature(answers.read).parameters] == ["said", "titles"]
