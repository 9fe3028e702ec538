"""What pytest says at the end: what was skipped, and which tests took long."""

import collections
import os
from collections.abc import Iterable, Iterator

import pytest

# Tests with the marker `thorough` take minutes, and run if this is set.
THOROUGH = "INSTRUCTREC_THOROUGH"
# A test, or a fixture on its own, may take so many seconds; CONTRIBUTING.md.
MOST_SECONDS = 20
# What a test that was skipped lacked, what would run it, and words of which
# the reason has one.
LACKING = {
  "T5X": (
    "make test-all T5X=FOLDER AIRIO=FOLDER JESTIMATOR=FOLDER",
    ("t5x", "airio", "jestimator"),
  ),
  "PyTorch and Transformers": (
    "pip install -e '.[teacher]'",
    ("torch", "transformers", "tokenizers", "safetensors"),
  ),
  "libtpu": ("pip install -e '.[tpu]'", ("libtpu",)),
  "real data": (
    "set INSTRUCTREC_REAL_DATA to a folder of it",
    ("instructrec_real_data",),
  ),
  "gcloud": ("install the Google Cloud CLI", ("gcloud",)),
  "ShellCheck": ("pip install -e '.[test]'", ("shellcheck",)),
  THOROUGH: ("set it to 1, as `make test-all` does", (THOROUGH.lower(),)),
}
# Files whose tests take longest, which begin first, so that no worker is left
# with one of them in the end.
LONGEST = (
  "tests/itdr/whole_test.py",
  "tests/runs/evaluate_test.py",
  "tests/instructions/render_test.py",
  "tests/model/stacking_test.py",
  "tests/train/distributed_test.py",
  "tests/train/step_test.py",
  "tests/runs/demo_test.py",
  "tests/benchmarks/toys_test.py",
  "tests/launch/preemption_test.py",
  "tests/model/beam_test.py",
  "tests/packaging_test.py",
  "tests/runs/cache_test.py",
  "tests/eval/recording/catalogue_ranking_test.py",
  "tests/train/runner_test.py",
  "tests/scoring/scorer_test.py",
)


def skipped(reports: Iterable) -> Iterator[str]:
  """Yields a line for each thing that tests were skipped for want of."""
  counts: collections.Counter[str] = collections.Counter()
  for report in reports:
    reason = report.longrepr[2].removeprefix("Skipped: ")
    known = (
      name
      for name, (_, words) in LACKING.items()
      if any(word in reason.lower() for word in words)
    )
    counts[next(known, reason)] += 1
  for name, count in sorted(counts.items()):
    if name in LACKING:
      yield f"{count} skipped without {name}; to run: {LACKING[name][0]}"
    else:
      yield f"{count} skipped: {name}"


def slow(reports: Iterable) -> Iterator[str]:
  """Yields a line for each test, setup or teardown over the budget.

  There is none in a run of the tests that take minutes.
  """
  if os.environ.get(THOROUGH):
    return
  for report in reports:
    seconds = getattr(report, "duration", 0)
    if seconds > MOST_SECONDS:
      yield (
        f"{report.nodeid} ({report.when}) took {seconds:.0f} s: more than the "
        f"{MOST_SECONDS} s that a test may take, see CONTRIBUTING.md"
      )


def pytest_collection_modifyitems(items: list) -> None:
  """Puts the tests of LONGEST first, and skips thorough ones unless asked."""
  places = {file: place for place, file in enumerate(LONGEST)}
  items.sort(
    key=lambda item: places.get(item.nodeid.partition("::")[0], len(places))
  )
  if not os.environ.get(THOROUGH):
    for item in items:
      if item.get_closest_marker("thorough"):
        item.add_marker(pytest.mark.skip(f"takes minutes, see {THOROUGH}"))


def pytest_terminal_summary(terminalreporter) -> None:
  """Says what was skipped, and what took too long."""
  stats = terminalreporter.stats
  for title, lines in (
    ("skipped, and what would run it", skipped(stats.get("skipped", ()))),
    (
      "too slow",
      slow(r for reports in stats.values() for r in reports),
    ),
  ):
    lines = [*lines]
    if lines:
      terminalreporter.section(title)
      for line in lines:
        terminalreporter.line(line)
