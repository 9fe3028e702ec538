"""What is an answer, and what is around it."""

import pytest

from instructrec_jax.eval.answers import forms


@pytest.mark.parametrize(
  ("text", "said"),
  [
    ("Halo", "Halo"),
    ("<think>Tetris?</think>\nHalo", "Halo"),
    ("<thinking>Tetris?</thinking>Halo", "Halo"),
    ("Tetris? No.</think>Halo", "Halo"),
    ("<think>Tetris? And on", ""),
    ("<think>a</think><think>b</think>Halo", "Halo"),
    ("a <b> c", "a <b> c"),
  ],
)
def test_reasoning_is_no_answer(text, said):
  assert forms.spoken(text) == said


@pytest.mark.parametrize(
  ("text", "titles"),
  [
    ('["a", "b"]', ["a", "b"]),
    ('So ["x"] or rather ["a", "b"].', ["a", "b"]),
    ('{"why": "c", "ranking": ["a", "b"]}', ["a", "b"]),
    ('{"items": [{"Title": "a", "id": 3}, {"name": "b"}]}', ["a", "b"]),
    ('{"title": "a"}', ["a"]),
    ('["a", 3, null]', ["a"]),
    ("[a, b]", []),
    ("[" * 100_000, []),
    ('["a", "b"', []),
  ],
)
def test_titles_of_json(text, titles):
  assert forms.json_titles(text) == titles


def test_rows_of_a_table():
  table = "Here:\n| # | T |\n|--:|:--|\n| 1 | a |\n| 2 | b |"
  assert forms.table_rows(table) == [" 1 | a ", " 2 | b "]
  assert forms.table_rows("a | b\nc | d") == []


@pytest.mark.parametrize(
  ("line", "rests"),
  [
    ("Halo", []),
    ("- Halo", ["Halo"]),
    ("1. Halo", ["Halo"]),
    ("- 1. Halo", ["1. Halo", "Halo"]),
    ("(b) Title: Halo", ["Title: Halo", "Halo"]),
    ("7 Wonders", []),
  ],
)
def test_what_comes_before_a_title(line, rests):
  assert forms.led(line) == rests


def test_letters_and_arrows():
  assert forms.lettered("A. One B. Two D. Three") == ["One", "Two D. Three"]
  assert forms.between_arrows("One > Two") == ["One", "Two"]
  assert forms.between_arrows("One") == []
  assert forms.bracketed("So [a, [b]] then") == "a, [b]"
