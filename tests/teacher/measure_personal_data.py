"""Measures what of personal data is found, and what else is changed.

From the repository's root:

  python tests/teacher/measure_personal_data.py
  python tests/teacher/measure_personal_data.py --texts reviews.jsonl \
    --field reviewText

The first counts the forms of `checks/personal_forms.py` by kind. With --texts,
it also counts how many texts of JSON lines are changed, and shows what in them.
--titles does so for the titles of a catalogue. The last line is one JSON
object.
"""

import argparse
import collections
import difflib
import gzip
import json
from pathlib import Path

from instructrec_jax.teacher.checks import personal
from tests.teacher.checks import personal_forms


def found(rows):
  """Returns [found, all] forms by kind."""
  counts = {kind: [0, 0] for kind in personal.MARKS}
  for kind, text, secret in rows:
    counts[kind][0] += secret not in personal.masked(text)
    counts[kind][1] += 1
  return counts


def changed(texts, of_item):
  """Returns counts of the texts and of what is taken out of them."""
  counts, number = collections.Counter(), 0
  for text in texts:
    masked = personal.masked(text, of_item, counts)
    if masked == text:
      continue
    number += 1
    before, after = text.split(), masked.split()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, _, _ in matcher.get_opcodes():
      if tag != "equal":
        print("taken out of:", " ".join(before[max(0, start - 2) : end + 1]))
  kinds = {kind: n for kind, n in counts.items() if n}
  return {"texts": len(texts), "changed": number, "findings": kinds}


def _read(path, field):
  opener = gzip.open if path.suffix == ".gz" else open
  with opener(path, "rt", encoding="utf-8") as lines:
    rows = [json.loads(line) for line in lines if line.strip()]
  return [row[field] for row in rows if row.get(field)]


def main():
  """Prints a table and the counts."""
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument("--texts", type=Path, nargs="*", default=())
  parser.add_argument("--titles", type=Path, nargs="*", default=())
  parser.add_argument("--field", default="reviewText")
  options = parser.parse_args()
  seen, held = found(personal_forms.SEEN), found(personal_forms.HELD)
  print("| kind | forms that rules were written for | other forms |")
  print("|---|---|---|")
  for kind in personal.MARKS:
    cells = (f"{those[kind][0]} of {those[kind][1]}" for those in (seen, held))
    print(f"| {kind} | {' | '.join(cells)} |")
  result = {"seen": seen, "held": held}
  for name, paths in (("texts", options.texts), ("titles", options.titles)):
    if paths:
      texts = [text for path in paths for text in _read(path, options.field)]
      result[name] = changed(texts, of_item=name == "titles")
  print(json.dumps(result))


if __name__ == "__main__":
  main()
