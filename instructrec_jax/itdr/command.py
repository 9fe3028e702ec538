"""`instructrec itdr`: the records of all pairs whose tables are there."""

import collections
import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tqdm

from instructrec_jax import artifacts, errors
from instructrec_jax.errors import InputError
from instructrec_jax.itdr import build, choose, wordings
from instructrec_jax.itdr.features import features_of
from instructrec_jax.itdr.pairs import PAIRS, PREFIX, groups
from instructrec_jax.teacher.annotation.choosing import Choice, Instead
from instructrec_jax.vocabulary.file import FILE_NAME

VOCABULARY = f"{PREFIX}vocabulary"


@dataclasses.dataclass(frozen=True)
class Done:
  """What came of a command.

  Attributes:
    manifests: of each pair that was built, or was there.
    absent: why another was not, by pair.
    vocabulary: the file that was trained; None if none was asked for.
  """

  manifests: Mapping[str, artifacts.Manifest]
  absent: Mapping[str, str]
  vocabulary: Path | None


def itdr(
  pairs: Sequence[str] = (),
  data_dir: str | Path = "data",
  size: int | None = None,
  tables: Sequence[str] = (),
  vocabulary_size: int | None = None,
  teacher: str = "extractive",
  seed: int = 0,
  overwrite: bool = False,
  **given: Any,
) -> Done | Instead:
  """Builds pairs of ITDR.

  Args:
    pairs: names of pairs, subtasks or root tasks; all where none is given, and
      then those whose tables are not there are passed over.
    data_dir: the folder of all datasets.
    size: see `build.build`.
    tables: "dataset=other": take the tables of another dataset instead, e.g.
      "ml_32m=ml_latest_small".
    vocabulary_size: pieces of a vocabulary to train on all texts that were
      built; None for none.
    teacher: who writes the answers of interests and target_users.
    seed: of all draws.
    overwrite: replace what other options have made.
    **given: options of the teacher; None stands for their defaults.

  Returns:
    What was done; or what `estimate`, `write_requests` or `read_answers` did.

  Raises:
    InputError: a name or an option cannot be used, or nothing is built.
  """
  chosen = _chosen(pairs)
  choice = Choice(teacher, data_dir, given)
  instead = _instead(tables)
  options = {"size": size, "instead": instead, "seed": seed}
  there, absent = [], {}
  for name in chosen:
    try:
      build.tables_of(PAIRS[name], data_dir, instead)
      there.append(name)
    except InputError as error:
      if pairs:
        raise
      absent[name] = str(error)
  if not there:
    raise InputError(f"no tables of any pair: {next(iter(absent.values()))}")
  asked = (
    request
    for name in there
    for request in build.requests(PAIRS[name], data_dir, choice, **options)
  )
  told = choice.instead(asked)
  if told is not None:
    return told
  manifests = {}
  # No bar where nobody watches.
  with tqdm.tqdm(there, desc="pairs", disable=None) as bar:
    for name in bar:
      bar.set_postfix_str(name)
      manifests[name] = build.build(
        PAIRS[name], data_dir, choice=choice, overwrite=overwrite, **options
      )
  vocabulary = None
  if vocabulary_size is not None:
    vocabulary = _train_vocabulary(
      manifests, data_dir, vocabulary_size, overwrite
    )
  return Done(manifests, absent, vocabulary)


def summary(done: Done) -> Iterator[str]:
  """Yields lines that tell what came of a command: a table, and reasons."""
  splits = list(choose.SHARES)
  width = max(map(len, done.manifests))
  yield " ".join(
    [f"{'pair':{width}}", *(f"{s:>10}" for s in splits), "  wanted"]
  )
  total = dict.fromkeys(splits, 0)
  for name, manifest in done.manifests.items():
    counts = manifest["counts"]
    numbers = [counts["records"][split] for split in splits]
    note = " (was there)" if manifest["reused"] else ""
    yield (
      " ".join([f"{name:{width}}", *(f"{n:10,}" for n in numbers)])
      + f" {counts['wanted']:8,}{note}"
    )
    for split, number in zip(splits, numbers, strict=True):
      total[split] += number
    yield from _left_out(counts, width)
  yield (
    " ".join([f"{'all':{width}}", *(f"{total[split]:10,}" for split in splits)])
    + f" {sum(total.values()):8,} in all"
  )
  for name, reason in done.absent.items():
    yield f"{name}: not built: {reason}"
  if done.vocabulary is not None:
    yield f"vocabulary: {done.vocabulary}"


def _left_out(counts: Mapping[str, Any], width: int) -> Iterator[str]:
  """Yields why some have no text, and which tables are not there."""
  for what in ("absent", "rejected"):
    whys = collections.Counter()
    for part in counts["of"].values():
      whys.update(part.get(what, {}))
    for why, number in whys.most_common():
      yield f"{'':{width}} {number:10,} {what}: {why}"
  if counts["tables_absent"]:
    yield f"{'':{width}} without {', '.join(counts['tables_absent'])}"


def _chosen(names: Sequence[str]) -> list[str]:
  """Returns the pairs that names stand for, in the order of the table."""
  known = {name: [name] for name in PAIRS} | dict(groups())
  wanted = set()
  for name in names or [""]:
    bare = name.removeprefix(PREFIX)
    if bare not in known:
      raise errors.unknown("pair, subtask or root task of ITDR", name, known)
    wanted.update(known[bare])
  return [name for name in PAIRS if name in wanted]


def _instead(tables: Sequence[str]) -> dict[str, str]:
  known = set(itertools.chain(*(pair.tables for pair in PAIRS.values())))
  found = {}
  for text in tables:
    name, equals, other = text.partition("=")
    if not equals or not other:
      raise InputError(
        f"--tables {text!r}: expected DATASET=OTHER, e.g. "
        "ml_32m=ml_latest_small"
      )
    if name not in known:
      raise errors.unknown("dataset of ITDR in --tables", name, sorted(known))
    found[name] = other
  return found


def _train_vocabulary(
  manifests: Mapping[str, artifacts.Manifest],
  data_dir: str | Path,
  size: int,
  overwrite: bool,
) -> Path:
  """Trains one vocabulary on the texts of all pairs' training records."""
  folder = Path(data_dir) / "records" / VOCABULARY

  def write(folder: Path) -> dict[str, int]:
    from instructrec_jax.vocabulary import training

    texts = itertools.chain.from_iterable(
      _texts(build.folder_of(data_dir, PAIRS[name]), name) for name in manifests
    )
    return {"pieces": training.train(texts, size, folder / FILE_NAME)}

  artifacts.run_stage(
    "itdr vocabulary",
    folder,
    write,
    inputs={name: made["fingerprint"] for name, made in manifests.items()},
    options={"vocabulary_size": size},
    libraries=("sentencepiece",),
    overwrite=overwrite,
  )
  return folder / FILE_NAME


def _texts(folder: Path, name: str) -> Iterator[str]:
  """Yields the texts of a pair: those of its records, and its wordings."""
  import tensorflow_datasets as tfds

  pair = PAIRS[name]
  records = tfds.builder_from_directory(str(folder)).as_dataset(split="train")
  texts = [n for n, f in features_of(pair).items() if f.dtype == "string"]
  for record in records.as_numpy_iterator():
    for feature in texts:
      for text in np.atleast_1d(record[feature]):
        yield text.decode()
    # As often as they come up, or they would be spelt in letters.
    yield wordings.description(pair)
    yield wordings.asked(pair)[record["instance"] % len(wordings.asked(pair))]
