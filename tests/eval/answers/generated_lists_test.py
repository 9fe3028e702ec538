"""Generated lists of every form, read as rankings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.eval import metrics
from instructrec_jax.eval.answers import generated_lists
from instructrec_jax.eval.answers.generated_lists import Titles
from instructrec_jax.eval.predictions import Predictions
from tests import fuzz
from tests.eval.answers import written_forms

CATALOGUE = [
  "Halo",
  "Halo 2",
  "Zelda, the Awakening",
  "7 Wonders",
  "Crash; Burn - Remastered",
  "Rock and Roll",
  "Tetris",
  "Chess",
  "CHESS",  # the same title as the one before
  "What's Up?",
  "Awakening",
]
TITLES = Titles(CATALOGUE)
ALL = [(0,), (1,), (2,), (3,), (4,), (5,), (6,), (7, 8), (9,), (10,)]


@pytest.mark.parametrize(
  ("text", "places"),
  [
    ("1. Halo 2\n2. Halo\n3. Tetris", [1, 0, 6]),
    ("1) Halo 2\n2) 7 Wonders\n", [1, 3]),
    ("- Halo\n- Zelda, the Awakening\n• Tetris\n* 7 Wonders", [0, 2, 6, 3]),
    ("Halo, Zelda, the Awakening, Tetris", [0, 2, 6]),
    ("Zelda, the Awakening, Awakening", [2, 10]),
    ("Halo; Crash; Burn - Remastered; Tetris.", [0, 4, 6]),
    ("Halo, Tetris, and Rock and Roll", [0, 6, 5]),
    ("Halo and Tetris", [0, 6]),
    ("Halo\nHalo 2\n\nTetris\n", [0, 1, 6]),
    ('1. "Halo"\n2. “Halo 2”\n3. **Tetris**', [0, 1, 6]),
    ('"Halo", "Zelda, the Awakening", "Tetris"', [0, 2, 6]),
    ("1. Halo - a shooter\n2. Tetris: falls.\n3. Halo 2 (2004)", [0, 6, 1]),
    ("1. Halo 2 because of Halo\n2. What's Up?", [1, 9]),
    ("Here is my list:\n1. Halo\n2. Tetris\nEnjoy these, and Halo 2!", [0, 6]),
    ("Here you are:\nHalo\nTetris", [0, 6]),
    ("I recommend: Halo, Tetris", [0, 6]),
    ("1. Halo 2. Tetris 3. 7 Wonders", [0, 6, 3]),
    ("1. Halo 2, 2. Tetris", [1, 6]),
    ("HALO 2,   tetris", [1, 6]),
    ("7 Wonders", [3]),
    ("1. 7 Wonders", [3]),
    ("Tetris.", [6]),
  ],
)
def test_forms_of_lists(text, places):
  listed = TITLES.read(text, wanted=len(places))
  assert listed.places == [(item,) for item in places]
  assert listed.entries == len(places)
  assert (listed.missing, listed.out_of_catalogue) == (0, 0)


# What models write instead of the list that they were asked for.
FEW = Titles(
  ["Halo", "Rock, Paper and Co.", "7 Wonders", "Tetris", "Go (Weiqi)"]
)
BEST = ("Halo", "Rock, Paper and Co.", "Tetris", "7 Wonders", "Go (Weiqi)")


@pytest.mark.parametrize("mark", ["\n", "\n\n", " ", "; "])
@pytest.mark.parametrize("number", ["{}.", "{})", "({})", "#{}"])
def test_numbers_of_every_form(number, mark):
  text = mark.join(f"{number.format(n)} {t}" for n, t in enumerate(BEST, 1))
  assert FEW.read(text, wanted=5).places == [(0,), (1,), (3,), (2,), (4,)]


@pytest.mark.parametrize(
  "text",
  [
    "1.Halo\n2.Rock, Paper and Co.\n3.Tetris\n4.7 Wonders\n5.Go (Weiqi)",
    "- Halo\n- Rock, Paper and Co.\n- Tetris\n- 7 Wonders\n- Go (Weiqi)",
    "• \"Halo\"\n• 'Rock, Paper and Co.'\n• “Tetris”\n• **7 Wonders**\n"
    "• `Go (Weiqi)`",
    "1. Halo (Shooter, Xbox)\n2. Rock, Paper and Co. [party]\n"
    "3. Tetris - a classic\n4. 7 Wonders: it won prizes\n5. Go (Weiqi) (board)",
    "Halo, Rock, Paper and Co., Tetris, 7 Wonders, Go (Weiqi)",
    "Sure! By what was bought before, I suggest:\n\n1. Halo\n2. Rock, "
    "Paper and Co.\n3. Tetris\n4. 7 Wonders\n5. Go (Weiqi)\n\nThe first two "
    "are much like Halo.",
    "Ranked: HALO; rock, paper and co.; TETRIS; 7  wonders; go (weiqi)",
  ],
)  # fmt: skip
def test_lists_with_more_around_them(text):
  assert FEW.read(text, wanted=5).places == [(0,), (1,), (3,), (2,), (4,)]


@pytest.mark.parametrize(
  ("text", "wanted", "places"),
  [
    ("1. Halo\n2. Halo 3\n3. Tetris\n4. halo\n5. Catan", 5, [0, 3]),
    ("I cannot rank these.", 5, []),
    ("Tetris", 1, [3]),
    ("The next item is: Tetris.", 1, [3]),
    ('They will most likely pick "Rock, Paper and Co." next.', 1, [1]),
    ("7 Wonders", 1, [2]),
    ("1. 7 Wonders", 1, [2]),
    ("Tetris 2", 1, []),
  ],
)
def test_what_is_understood_of_other_answers(text, wanted, places):
  assert FEW.read(text, wanted).places == [(item,) for item in places]


@pytest.mark.parametrize("text", ["", "  \n", ",;,"])
def test_nothing_is_an_empty_list(text):
  listed = TITLES.read(text, wanted=3)
  assert (listed.places, listed.entries, listed.missing) == ([], 0, 3)


@pytest.mark.parametrize(
  "text", ["Halo: Reach", "Halo 3", "Halo Wars", "Tetr", "Rock", "I cannot"]
)
def test_a_title_of_no_item_is_not_taken_for_one(text):
  listed = TITLES.read(f"1. {text}\n2. Tetris", wanted=2)
  assert listed.places == [(6,)]
  assert (listed.out_of_catalogue, listed.missing) == (1, 1)


def test_every_fault_is_counted_once():
  listed = TITLES.read(
    "1. Tetris\n2. Nonsense\n3. Halo 2\n4. tetris\n5. 7 Wonders\n6. Halo",
    wanted=5,
    candidates=[0, 1, 6, 7, 9],
    history=[1, 3],
  )
  assert listed.places == [(6,), (1,), (0,)]
  assert listed.entries == 6
  assert listed.out_of_catalogue == 1  # Nonsense
  assert listed.out_of_candidates == 1  # 7 Wonders
  assert listed.duplicate == 1  # tetris
  assert listed.history_repeat == 1  # Halo 2, which is ranked nevertheless
  assert listed.missing == 2
  assert listed.scores([0, 1, 6, 7]).tolist() == [-3, -2, -1, -np.inf]


def test_two_items_of_one_title_are_a_tie():
  listed = TITLES.read("Chess, Tetris", wanted=2)
  assert listed.places == [(7, 8), (6,)]
  only = TITLES.read("Chess, Tetris", wanted=2, candidates=[6, 8])
  assert only.places == [(8,), (6,)]
  # Which of them was meant cannot be known, so it was not the target.
  predictions = Predictions.of(
    [0, 1],
    [0, 0],
    [7, 8],
    [[6, 7, 8]] * 2,
    np.tile(listed.scores([6, 7, 8]), (2, 1)),
  )
  assert predictions.outcomes.ranks.tolist() == [2, 2]


def test_a_list_out_of_the_catalogue_as_predictions():
  listed = TITLES.read("1. Halo 2\n2. Tetris", wanted=2)
  items = [item for place in listed.places for item in place]
  predictions = Predictions.of(
    [0, 1], [0, 0], [6, 3], [items] * 2,
    np.tile(listed.scores(items), (2, 1)),
    sizes=[len(CATALOGUE)] * 2,
  )  # fmt: skip
  assert predictions.outcomes.ranks.tolist() == [2, len(CATALOGUE)]
  values = metrics.measure(predictions.outcomes, ["hr@5"])
  assert values["hr@5"].tolist() == [1, 0]


def test_rates_by_hand():
  lists = [
    TITLES.read("1. Halo\n2. Nonsense", 2, candidates=[0, 6]),
    TITLES.read("1. Halo\n2. Halo\n3. Tetris\n4. Chess", 2, [0, 6], [6]),
    TITLES.read("", 4, candidates=[0, 6]),
  ]
  rates = generated_lists.validity(lists, seed=0)
  assert {name: e.value for name, e in rates.items()} == pytest.approx(
    {
      "out_of_catalogue": 1 / 6,
      "out_of_candidates": 1 / 6,
      "duplicate": 1 / 6,
      "history_repeat": 1 / 6,
      "missing": (1 + 0 + 4) / 8,
    }
  )
  assert all(0 <= e.low <= e.value <= e.high <= 1 for e in rates.values())


def test_nothing_but_empty_lists():
  rates = generated_lists.validity([TITLES.read("", 2)], seed=0)
  assert rates["missing"].value == 1
  assert rates["duplicate"].value == 0


@settings(max_examples=100 if fuzz.THOROUGH else 5, deadline=None)
@pytest.mark.parametrize("form", written_forms.ANY)
@given(st.data())
def test_a_list_of_any_titles_is_read_back_in_every_form(form, data):
  titles = written_forms.TITLES
  items = data.draw(
    st.lists(st.sampled_from(range(len(titles))), unique=True, min_size=1)
  )
  text = written_forms.ANY[form]([titles[item] for item in items])
  listed = Titles(titles).read(text, wanted=len(items))
  assert listed.places == [(item,) for item in items], text


@settings(max_examples=50 if fuzz.THOROUGH else 4, deadline=None)
@pytest.mark.parametrize("form", written_forms.PLAIN)
@given(st.data())
def test_a_list_of_plain_titles_is_read_back_in_every_form(form, data):
  titles = written_forms.SIMPLE
  items = data.draw(
    st.lists(st.sampled_from(range(len(titles))), unique=True, min_size=1)
  )
  text = written_forms.PLAIN[form]([titles[item] for item in items])
  listed = Titles(titles).read(text, wanted=len(items))
  assert listed.places == [(item,) for item in items], text
  assert listed.entries == len(items)


STYLES = {
  "lines": "\n".join,
  "commas": ", ".join,
  "semicolons": "; ".join,
  "quoted": lambda titles: ", ".join(f'"{t}"' for t in titles),
}


@pytest.mark.parametrize("style", STYLES)
@given(st.lists(st.sampled_from(ALL), unique=True, min_size=1))
def test_what_is_written_is_read_back(style, items):
  text = STYLES[style]([CATALOGUE[codes[0]] for codes in items])
  assert TITLES.read(text, wanted=len(items)).places == items


@pytest.mark.parametrize(
  "text", ["1. Halo 2001\n2. Tetris", "1. Halo by night\n2. Tetris"]
)
def test_without_a_comma_a_number_is_part_of_a_title(text):
  listed = TITLES.read(text, wanted=2)
  assert listed.places == [(6,)]
  assert listed.out_of_catalogue == 1


@given(st.text())
def test_any_text_is_read(text):
  listed = TITLES.read(text, wanted=5, candidates=[0, 1], history=[0])
  assert len(listed.places) + listed.missing >= 5
  wrong = listed.out_of_catalogue + listed.out_of_candidates + listed.duplicate
  assert listed.entries == len(listed.places) + wrong
