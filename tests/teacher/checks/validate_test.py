import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.teacher.checks import validate

_REVIEW = (
  "We took the tent up to the lake last summer and it kept us dry through "
  "three nights of rain without a drop inside, which is more than I hoped for."
)


def _reason(text, field="vague_intention", titles=(), **columns):
  frame = pl.DataFrame({
    "instance": [0], "text": [text], "titles": [list(titles)],
    **{k: [v] for k, v in columns.items()},
  }, schema_overrides={"titles": pl.List(pl.String)})  # fmt: skip
  return validate.check(frame, field)["reason"][0]


@pytest.mark.parametrize(
  ("text", "reason"),
  [
    ("I want something for my son.", None),
    ("I can't get enough of strategy games.", None),
    ("  ", "empty"),
    ("I'm sorry, but I cannot determine the intention.", "refusal"),
    ("As an AI, I have no taste.", "refusal"),
    ("N/A", "refusal"),
    ("A gift", "too short"),
    ("I want " + "very " * 60 + "much.", "too long"),
    ("Ich suche ein Geschenk für meinen Sohn.", "another language"),
    ("Я ищу подарок для сына.", "another language"),
    ("!!! 12 34 56 ??? for me", "another language"),
    ("I want it, write to jo@example.org today.", "personal data"),
    ("I need a gift, call 555-123-4567.", "personal data"),
    ("I need a gift sent to 12 Elm Street please.", "personal data"),
  ],
)
def test_texts_are_judged_by_the_table(text, reason):
  assert _reason(text) == reason


@pytest.mark.parametrize(
  ("title", "text", "reason"),
  [
    ("Pirate Lagoon", "I want a Pirate-Lagoon for my son.", "names the item"),
    ("Pirate Lagoon (2nd Edition)", "I want pirate lagoon.", "names the item"),
    ("Pirate Lagoon - PlayStation 4", "I want the Pirate Lagoon.",
     "names the item"),
    ("Pirates of the Lagoon", "I want the Pirate of the Lagoon thing.",
     "nearly names the item"),
    # A word that is a title as well is only the word.
    ("Journey", "I want something for a long journey.", None),
    ("Journey", "I want to play Journey with my son.", "names the item"),
    ("Go", "I want something to go with my tea.", None),
    ("Pirate Lagoon", "I want something about pirates.", None),
  ],
)  # fmt: skip
def test_titles_are_not_named(title, text, reason):
  assert _reason(text, titles=["Some Other Thing", title]) == reason
  assert _reason(text, "preference", titles=[title]) == reason


@settings(max_examples=12, deadline=None)
@given(
  st.lists(st.text("abcdefghijklmnop", min_size=4, max_size=9), min_size=3,
           max_size=5),
  st.sampled_from([" ", "-", " & ", ": ", "  "]),
  st.sampled_from([str.lower, str.upper, str.title, str]),
  st.sampled_from(["", " (2nd Edition)", " - PC", " | Blue"]),
  st.data(),
)  # fmt: skip
def test_titles_are_found_however_they_are_written(
  words, separator, case, subtitle, data
):
  name = " ".join(words)
  place = data.draw(st.integers(1, len(name) - 2))
  written = [
    case(separator.join(words)),
    # A letter is missing.
    name[:place] + name[place + 1 :],
    "what is not named",
  ]
  frame = pl.DataFrame(
    {
      "text": [f"I want something like {x} for my son." for x in written],
      "titles": [[name + subtitle], [name], [name + subtitle]],
    }
  )
  found = validate.check(frame, "vague_intention")["reason"].to_list()
  assert found[0] == "names the item"
  assert found[1] in ("nearly names the item", "names the item")
  assert found[2] is None


def test_reviews_are_not_copied():
  run = "it kept us dry through three nights of rain without a drop"
  assert _reason(f"I want a tent: {run}.", review=_REVIEW) == (
    "copied from the review"
  )
  short = "it kept us dry through three nights"
  assert _reason(f"I want a tent: {short}.", review=_REVIEW) is None


def test_a_second_wording_is_another_one():
  text = "I want something for my son."
  field = "vague_intention_2"
  assert _reason(text, field, first="I want something, for my son!") == (
    "same as the first wording"
  )
  assert _reason(text, field, first="A thing for my son.") is None


def test_labels_may_have_numbers():
  [reason] = validate.check(
    pl.DataFrame({"text": ["Xbox 360, Games"]}), "specific_intention"
  )["reason"]
  assert reason is None


def test_labels_are_no_sentences():
  assert _reason("Tea", "specific_intention") is None
  assert _reason("Tea, Cups", "specific_intention", ["Tea Cups"]) == (
    "names the item"
  )
