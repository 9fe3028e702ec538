"""A few requests as text: examples.jsonl, beside the predictions.

The choice depends only on the instances, so systems that answered the same
requests show the same ones.
"""

import dataclasses
import json
from collections.abc import Iterable

import numpy as np
from etils import epath

from instructrec_jax.artifacts import atomic_write_text
from instructrec_jax.errors import InputError

EXAMPLES_FILE = "examples.jsonl"
# Enough to include very good and very bad answers. Long inputs take a few
# hundred kilobytes.
COUNT = 200


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
  for number, line in enumerate(path.read_text().splitlines(), start=1):
    try:
      text = Text(**json.loads(line))
    except (ValueError, TypeError) as error:
      fields = [field.name for field in dataclasses.fields(Text)]
      raise InputError(
        f"{path}, line {number}: expected {fields}, got {line!r:.80} ({error})"
      ) from error
    found[text.instance] = text
  return found
