"""A few requests as text: examples.jsonl, beside the predictions.

The choice depends only on the instances, so systems that answered the same
requests show the same ones.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping

import numpy as np
from etils import epath

from instructrec_jax.artifacts import atomic_write_text
from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import fields
from instructrec_jax.files import json_lines

EXAMPLES_FILE = "examples.jsonl"
# Enough to include very good and very bad answers. Long inputs take a few
# hundred kilobytes.
COUNT = 200
_FIELDS: Mapping[str, fields.Check] = {
  "instance": fields.integer,
  "inputs": fields.lines,
  "candidates": fields.names,
}


@dataclasses.dataclass(frozen=True)
class Text:
  """A request as text.

  Attributes:
    instance: The record's running number.
    inputs: The model's input.
    candidates: The titles that it scored, in the order of the predictions.
  """

  instance: int
  inputs: str
  candidates: list[str]


def chosen(instances: np.ndarray) -> np.ndarray:
  """Returns at most `COUNT` of the instances, evenly spread, ascending."""
  ordered = np.sort(instances)
  count = min(COUNT, len(ordered))
  return ordered[np.linspace(0, len(ordered) - 1, count).astype(np.int64)]


def write(folder: epath.Path, texts: Iterable[Text]) -> None:
  """Writes a line for each text, in the order of instances."""
  ordered = sorted(texts, key=lambda text: text.instance)
  lines = [
    json.dumps(dataclasses.asdict(text), ensure_ascii=False) + "\n"
    for text in ordered
  ]
  atomic_write_text(folder / EXAMPLES_FILE, "".join(lines))


def read(folder: epath.Path) -> dict[int, Text]:
  """Returns the texts by instance, or none if there is no file.

  Raises:
    InputError: A line is not as `write` writes it.
  """
  path = folder / EXAMPLES_FILE
  if not path.exists():
    return {}
  found = {}
  for where, row in json_lines.objects(path):
    if row.keys() != _FIELDS.keys():
      raise InputError(
        f"{where}: expected {list(_FIELDS)}, got {sorted(row)!r:.200}"
      )
    text = Text(**fields.checked(row, _FIELDS, where))
    found[text.instance] = text
  return found
