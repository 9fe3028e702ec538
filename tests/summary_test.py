"""What a run of the tests says of itself."""

import pathlib
import types

import pytest

from tests import summary


def _skip(reason):
  return types.SimpleNamespace(longrepr=("a_test.py", 1, f"Skipped: {reason}"))


class _Item:
  """A collected test, with the markers that it was given."""

  def __init__(self, nodeid, *markers):
    self.nodeid = nodeid
    self.markers = dict.fromkeys(markers)

  def get_closest_marker(self, name):
    return name if name in self.markers else None

  def add_marker(self, marker):
    self.markers[marker.name] = marker


def test_what_was_skipped_stands_in_one_line_each_with_what_would_run_it():
  reasons = [
    "T5X is not installed",
    "could not import 'torch': No module named 'torch'",
    "airio is not installed",
    "no real files at /x (set INSTRUCTREC_REAL_DATA)",
    "takes minutes, see INSTRUCTREC_THOROUGH",
    "the moon is full",
  ]
  assert [*summary.skipped(map(_skip, reasons))] == [
    "1 skipped without INSTRUCTREC_THOROUGH; to run: "
    "set it to 1, as `make test-all` does",
    "1 skipped without PyTorch and Transformers; to run: "
    "pip install -e '.[teacher]'",
    "2 skipped without T5X; to run: "
    "make test-all T5X=FOLDER AIRIO=FOLDER JESTIMATOR=FOLDER",
    "1 skipped without real data; to run: "
    "set INSTRUCTREC_REAL_DATA to a folder of it",
    "1 skipped: the moon is full",
  ]


def test_what_takes_longer_than_its_budget_is_named(monkeypatch):
  monkeypatch.delenv(summary.THOROUGH, raising=False)
  reports = [
    types.SimpleNamespace(nodeid=name, when="call", duration=seconds)
    for name, seconds in (("quick", 19.9), ("slow", 21.2))
  ]
  reports.append(types.SimpleNamespace())  # A warning has no duration.
  [line] = summary.slow(reports)
  assert line.startswith("slow (call) took 21 s: more than the 20 s")
  monkeypatch.setenv(summary.THOROUGH, "1")
  assert not [*summary.slow(reports)]


@pytest.mark.parametrize("file", summary.LONGEST)
def test_what_begins_first_is_there(file):
  assert (pathlib.Path(__file__).parents[1] / file).is_file()


def test_the_longest_files_come_first_and_the_others_stay_in_order():
  names = ["a_test.py", summary.LONGEST[1], "b_test.py", summary.LONGEST[0]]
  items = [_Item(f"{name}::test") for name in names]
  summary.pytest_collection_modifyitems(items)
  found = [item.nodeid.partition("::")[0] for item in items]
  assert found == [*summary.LONGEST[:2], "a_test.py", "b_test.py"]


@pytest.mark.parametrize("asked", ["", "1"])
def test_thorough_tests_run_only_if_asked(monkeypatch, asked):
  monkeypatch.setenv(summary.THOROUGH, asked)
  quick, thorough = _Item("a_test.py::a"), _Item("a_test.py::b", "thorough")
  summary.pytest_collection_modifyitems([quick, thorough])
  assert "skip" not in quick.markers
  assert ("skip" in thorough.markers) == (not asked)
