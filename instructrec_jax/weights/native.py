"""Our own checkpoints: <model_dir>/checkpoints/<step>/{params,optimizer,data}.

`train/checkpoint.py` describes their items. This module finds, reads and writes
them without a run.
"""

import contextlib
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import jax
from etils import epath

from instructrec_jax import paths
from instructrec_jax.errors import InputError
from instructrec_jax.weights import (
  adafactor_state,
  checksums,
  orbax_item,
  shapes,
  tensor,
)

PARAMS, OPTIMIZER, DATA = "params", "optimizer", "data"
CHECKPOINTS = "checkpoints"


def steps(folder: epath.Path) -> dict[int | None, epath.Path]:
  """Returns the checkpoints that a folder is or holds, by step."""
  if (folder / PARAMS).is_dir():
    return {int(folder.name) if folder.name.isdigit() else None: folder}
  run = folder / CHECKPOINTS
  return {
    int(child.name): child
    for child in (run.iterdir() if run.is_dir() else ())
    if child.name.isdigit() and orbax_item.is_whole(child)
  }


def check(folder: epath.Path, *items: str) -> None:
  """Raises InputError if items of a checkpoint are not as they were saved."""
  wrong = _wrong(folder, items)
  if wrong:
    raise damaged(folder, wrong)


@contextlib.contextmanager
def reading(folder: epath.Path, item: str) -> Generator[None]:
  """Turns what Orbax raises while it reads an item into one line.

  Args:
    folder: The checkpoint's folder.
    item: The item that is read.

  Raises:
    InputError: The item cannot be read. The message says what to go on from.
  """
  try:
    yield
  except (InputError, MemoryError, jax.errors.JaxRuntimeError):
    raise
  except Exception as error:
    # Files of which any byte may be wrong make Orbax raise what it likes.
    if paths.is_remote(folder):
      with paths.reading(folder):
        raise
    first = str(error).strip().partition("\n")[0].partition(". See full")[0]
    what = f"{item}: {first[:200] or type(error).__name__}"
    raise damaged(folder, what) from error


def damaged(folder: epath.Path, wrong: str) -> InputError:
  """Returns the error for a damaged checkpoint, with what is whole beside it.

  Args:
    folder: The checkpoint's folder.
    wrong: What is wrong with it.
  """
  told = f"{folder} is damaged ({wrong})"
  if folder.parent.name != CHECKPOINTS or not folder.name.isdigit():
    return InputError(told)
  others = {
    step: other
    for step, other in steps(folder.parent.parent).items()
    if step is not None and other.name != folder.name
  }
  for step in sorted(others, reverse=True):
    if not _wrong(others[step], (PARAMS, OPTIMIZER)):
      return InputError(
        f"{told}: remove it, and training goes on from {step}, the newest of "
        "the others that is whole"
      )
  return InputError(
    f"{told}: remove it, and training starts anew; no other is whole there"
  )


def _wrong(folder: epath.Path, items: tuple[str, ...]) -> str | None:
  """Returns what is wrong with items of a checkpoint, or None."""
  with paths.reading(folder):
    for item in items:
      if not (folder / item).is_dir():
        return f"it has no {item}"
    return checksums.damage(folder, items)


def params(folder: epath.Path) -> dict[str, tensor.Tensor]:
  """Returns a checkpoint's parameters, unread.

  Raises:
    InputError: They are not as they were saved.
  """
  check(folder, PARAMS)
  with reading(folder, PARAMS):
    return orbax_item.tensors(folder / PARAMS)


def load(
  folder: epath.Path, params: Mapping[str, tensor.Tensor], expected: Any
) -> Any:
  """Returns a checkpoint's parameters on the devices."""
  del params
  with reading(folder, PARAMS):
    return orbax_item.load(folder / PARAMS, expected)


def optimizer(
  folder: epath.Path, params: Mapping[str, tensor.Tensor]
) -> adafactor_state.State:
  """Returns a checkpoint's optimizer state.

  Raises:
    InputError: It has none, or not Adafactor's.
  """
  if not (folder / OPTIMIZER).is_dir():
    raise _no_state(folder)
  check(folder, OPTIMIZER)
  with reading(folder, OPTIMIZER):
    return adafactor_state.from_native(folder / OPTIMIZER, params)


def write(
  out: Path,
  params: Mapping[str, tensor.Tensor],
  written: Callable[[int], None],
  state: adafactor_state.State | None = None,
  rest: epath.Path | None = None,
) -> str:
  """Writes a model_dir with one checkpoint.

  Args:
    out: The folder.
    params: Parameters by T5X's names.
    written: Called with the bytes of each tensor.
    state: The optimizer state and the step. None writes a checkpoint of step 0
      with only parameters.
    rest: Another of our checkpoints, from which everything but the parameters
      is copied.

  Returns:
    The checkpoint's folder in `out`.

  Raises:
    InputError: `rest` has no optimizer state.
  """
  items = {PARAMS: shapes.tree(params)}
  step = 0
  if state is not None:
    items[OPTIMIZER] = adafactor_state.to_native(state, params)
    step = state.step
  if rest is not None:
    if not (rest / OPTIMIZER).is_dir():
      raise _no_state(rest)
    check(rest, OPTIMIZER)
    step = int(orbax_item.tensors(rest / OPTIMIZER)["step"].read())
  where = f"{CHECKPOINTS}/{step}"
  folder = out / where
  orbax_item.save(epath.Path(folder), items, written)
  if rest is not None:
    for item in (OPTIMIZER, DATA):
      if (rest / item).is_dir():
        _copy(rest / item, folder / item)
  checksums.write(epath.Path(folder))
  return where


def _copy(source: epath.Path, target: Path) -> None:
  """Copies a folder, which may be in a bucket."""
  for at, _, files in source.walk():
    into = target / at.relative_to(source)
    into.mkdir(parents=True, exist_ok=True)
    for name in files:
      (at / name).copy(into / name)


def _no_state(folder: epath.Path) -> InputError:
  return InputError(
    f"{folder} holds no optimizer state to carry: use --optimizer reset"
  )
