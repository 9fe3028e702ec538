"""What commands print of a stage that is done."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from instructrec_jax.artifacts import Manifest


def print_manifest(manifest: Manifest, of: str = "dataset") -> None:
  """Prints what a stage read, dropped and kept.

  Args:
    manifest: the stage's.
    of: which of its options names what it is about.
  """
  state = "is there already" if manifest["reused"] else "done"
  print(f"{manifest['stage']} {manifest['options'][of]}: {state}")
  counts = dict(manifest["counts"])
  order = counts.pop("order", None)
  print_counts(counts)
  if order is not None:
    from instructrec_jax.data import ordering

    print(f"  {ordering.in_words(order)}.")


def print_counts(counts: Mapping[str, Any]) -> None:
  """Prints counts, one a line, those of a group after its name."""
  rows = list(_flat(counts))
  width = max([44, *(len(name) for name, _ in rows)])
  for name, count in rows:
    print(f"  {name:<{width}} {count}")


def _flat(
  counts: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, str]]:
  for key, value in counts.items():
    if isinstance(value, dict):
      yield from _flat(value, f"{prefix}{key} / ")
    elif isinstance(value, int | float):
      yield f"{prefix}{key}", f"{value:>12,}"
    else:
      text = value if isinstance(value, str) else json.dumps(value)
      yield f"{prefix}{key}", text


def print_leaks(manifest: Manifest, data_dir: str) -> None:
  """Audits records that were just built, and warns of leaks on stderr.

  Args:
    manifest: that of `build`.
    data_dir: the folder of all datasets.
  """
  from instructrec_jax.audit import command

  if not manifest["reused"]:
    options = manifest["options"]
    for line in command.warnings(
      options["dataset"], options.get("variant", ""), data_dir
    ):
      print(line, file=sys.stderr)
