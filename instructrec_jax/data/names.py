"""Names of datasets, and the folders and random streams they determine."""

import hashlib
import os
import re
from pathlib import Path

import numpy as np
from etils import epath

from instructrec_jax import paths
from instructrec_jax.data import variants
from instructrec_jax.errors import InputError

PREFIX = "instructrec_"
RECORDS_VERSION = "1.0.0"


def check_dataset(name: str) -> str:
  """Returns `name` if it is valid for folders, TFDS and tasks."""
  if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
    near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "my_data"
    near = near if near[0].isalpha() else f"data_{near}"
    raise InputError(
      f"dataset {name!r}: expected lower-case letters, digits and _, "
      f"starting with a letter, such as {near!r}"
    )
  return name


def tables_dir(data_dir: str | os.PathLike, dataset: str) -> Path:
  """Returns the folder of a dataset's tables.

  Raises:
    InputError: `data_dir` is not on this machine.
  """
  where = paths.local(data_dir, "make the data in one; records can be copied")
  return where / "tables" / check_dataset(dataset)


def annotations_dir(data_dir: str | Path, dataset: str) -> Path:
  """Returns the folder of a dataset's teacher texts."""
  where = Path(paths.expanded(data_dir))
  return where / "annotations" / check_dataset(dataset)


def answers_file(data_dir: str | Path) -> Path:
  """Returns the file with the teachers' answers for all datasets."""
  return Path(paths.expanded(data_dir)) / "annotations" / "answers.sqlite3"


def records_name(dataset: str, variant: str = variants.PLAIN) -> str:
  """Returns the name of a dataset's records in TFDS.

  Args:
    dataset: short name; it may end in the name of a variant already.
    variant: a key of `variants.VARIANTS`.
  """
  return f"{PREFIX}{check_dataset(dataset)}{variants.suffix(variant)}"


def records_dir(
  data_dir: str | os.PathLike, dataset: str, variant: str = variants.PLAIN
) -> epath.Path:
  """Returns the folder of a dataset's records; see `records_name`."""
  records = paths.anywhere(data_dir) / "records"
  return records / records_name(dataset, variant) / RECORDS_VERSION


def check_seed(seed: int) -> int:
  """Returns `seed` if it is one.

  Raises:
    InputError: it is not a whole number from 0 to 2**63 - 1.
  """
  is_whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
  if not is_whole or not 0 <= seed < 2**63:
    raise InputError(
      f"seed is {seed!r}: expected a whole number from 0 to {2**63 - 1}"
    )
  return seed


def generator(seed: int, *names: str) -> np.random.Generator:
  """Returns the random stream of a seed and `names`; see `check_seed`."""
  check_seed(seed)
  digest = hashlib.sha256("/".join(names).encode()).digest()
  return np.random.default_rng([seed, *np.frombuffer(digest, np.uint32)])
