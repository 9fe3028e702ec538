"""What --help and docs/settings.md say of macros is the table."""

import pathlib

from instructrec_jax.settings import listing, macros

_PAGE = pathlib.Path(__file__).parents[2] / "docs/settings.md"


def test_help_has_a_line_for_each_macro_of_a_run():
  first, *lines = listing.in_help("train").split("\n")
  assert "--gin.NAME=VALUE" in first
  assert [line.split()[0] for line in lines] == [*macros.of_run("train")]
  assert all(len(line) <= 80 for line in lines)
  [line] = [line for line in lines if "LOG_PERIOD" in line]
  assert line.split(None, 1)[1] == "Steps between log lines (50)"


def test_the_page_of_settings_has_the_table_of_today():
  page = _PAGE.read_text()
  assert listing.in_page(page) == page, (
    "docs/settings.md has other tables than settings/macros.py: `make docs` "
    "writes them"
  )


def test_a_page_is_changed_between_the_marks_only():
  page = f"before\n{listing.BEGIN}\nformer text\n{listing.END}\nafter\n"
  new = listing.in_page(page)
  assert new.startswith("before\n")
  assert new.endswith("\nafter\n")
  assert "former text" not in new
  assert "| `LOG_PERIOD` | a whole number of 1 or more |" in new
  assert listing.in_page(new) == new
