"""Texts of strangers, as names and in what is shown."""

import pytest

from instructrec_jax.files import texts


@pytest.mark.parametrize(
  ("text", "shown"),
  [
    ("a plain name, ä 日本", "a plain name, ä 日本"),
    ("\x1b[31mred", r"\x1b[31mred"),
    ("a\nb\tc\rd\0", r"a\x0ab\x09c\x0dd\x00"),
    ("\x9b31m\x7f\x85", r"\x9b31m\x7f\x85"),
    ("a\u2028b\u2029", r"a\u2028b\u2029"),
    ("\u202egnp.exe", r"\u202egnp.exe"),
    ("half \ud800", r"half \ud800"),
  ],
)
def test_control_characters_are_written_out(text, shown):
  assert texts.plain(text) == shown
  assert texts.plain(shown) == shown


def test_lines_stay_lines():
  assert texts.plain_lines("a\n\tb\x1b\rc\u2028") == "a\n\tb\\x1b\\x0dc\\u2028"


@pytest.mark.parametrize(
  ("text", "name"),
  [
    ("ours, step 5", "ours_step_5"),
    ("../../etc/passwd", "_.._etc_passwd"),
    ("/etc/passwd", "_etc_passwd"),
    ("..", "_"),
    ("", "_"),
    ("a\0b\nc", "a_b_c"),
    ("x" * 5000, "x" * 100),
    ("hr@1=a-b", "hr@1=a-b"),
  ],
)
def test_a_file_name_leaves_no_folder(text, name):
  assert texts.file_name(text) == name


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_begins_a_formula_is_quoted(first):
  assert texts.spreadsheet_cell(f"{first}1+1") == f"'{first}1+1"


def test_numbers_and_other_texts_stay():
  for value in (-1, -0.5, "a=b", "", None, 3):
    assert texts.spreadsheet_cell(value) == value
