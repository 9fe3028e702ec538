"""`instructrec itdr`: builds the records of all pairs that have tables."""

import collections
import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tqdm

from instructrec_jax import artifacts, errors, paths
from instructrec_jax.errors import InputError
from instructrec_jax.itdr import build, choose, parts, wordings
from instructrec_jax.itdr.features import features_of
from instructrec_jax.itdr.pairs import PAIRS, PREFIX, groups
from instructrec_jax.teacher.annotation.choosing import Choice, Instead
from instructrec_jax.vocabulary.file import FILE_NAME

VOCABULARY = f"{PREFIX}vocabulary"


@dataclasses.dataclass(frozen=True)
class Done:
  """The result of a command.

  Attributes:
    manifests: the manifest of each pair that was built or already there.
    absent: why each other pair was not built, by pair.
    vocabulary: the trained file; None if none was requested.
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
    pairs: names of pairs, subtasks or root tasks. If none is given, all pairs
      are built except those without tables. A pair of which nobody can be
      asked is left out, too.
    data_dir: the folder of all datasets.
    size: see `build.build`.
    tables: "dataset=other" uses another dataset's tables, e.g.
      "ml_32m=ml_latest_small".
    vocabulary_size: pieces of a vocabulary to train on all built texts; None
      trains none.
    teacher: writes the answers of interests and target_users.
    seed: of all draws.
    overwrite: replace what was made with other options.
    **given: options of the teacher; None uses the default.

  Returns:
    What was built; or what `estimate`, `write_requests` or `read_answers` did.

  Raises:
    InputError: a name or an option is invalid, or nothing is built.
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
    raise InputError(f"no pair has tables: {next(iter(absent.values()))}")
  asked = (
    request
    for name in there
    for request in build.requests(PAIRS[name], data_dir, choice, **options)
  )
  told = choice.instead(asked)
  if told is not None:
    return told
  manifests = {}
  # disable=None shows no progress bar unless stderr is a terminal.
  with tqdm.tqdm(there, desc="pairs", disable=None) as bar:
    for name in bar:
      bar.set_postfix_str(name)
      try:
        manifests[name] = build.build(
          PAIRS[name], data_dir, choice=choice, overwrite=overwrite, **options
        )
      except parts.NobodyLeftError as error:
        absent[name] = str(error)
  if not manifests:
    raise InputError(f"no pair was built: {next(iter(absent.values()))}")
  vocabulary = None
  if vocabulary_size is not None:
    vocabulary = _train_vocabulary(
      manifests, data_dir, vocabulary_size, overwrite
    )
  return Done(manifests, absent, vocabulary)


def summary(done: Done) -> Iterator[str]:
  """Yields the lines that report a command: a table, and reasons."""
  splits = list(choose.SHARES)
  width = max(map(len, done.manifests))
  yield " ".join(
    [f"{'pair':{width}}", *(f"{s:>10}" for s in splits), "  wanted"]
  )
  total = dict.fromkeys(splits, 0)
  for name, manifest in done.manifests.items():
    counts = manifest["counts"]
    numbers = [counts["records"][split] for split in splits]
    note = " (already built)" if manifest["reused"] else ""
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
  """Yields the reasons for missing texts, and the missing tables."""
  for what in ("absent", "rejected"):
    whys = collections.Counter()
    for part in counts["of"].values():
      whys.update(part.get(what, {}))
    for why, number in whys.most_common():
      yield f"{'':{width}} {number:10,} {what}: {why}"
  for name, reasons in counts.get("unknown", {}).items():
    for why, number in reasons.items():
      yield f"{'':{width}} {number:10,} left out in {name}: {why}"
  if counts["tables_absent"]:
    yield f"{'':{width}} no tables of {', '.join(counts['tables_absent'])}"


def _chosen(names: Sequence[str]) -> list[str]:
  """Returns the pairs that the names select, in the order of the table."""
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
  folder = Path(paths.expanded(data_dir)) / "records" / VOCABULARY

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
  """Yields the texts of a pair's records and of its wordings."""
  import tensorflow_datasets as tfds

  pair = PAIRS[name]
  records = tfds.builder_from_directory(str(folder)).as_dataset(split="train")
  texts = [n for n, f in features_of(pair).items() if f.dtype == "string"]
  for record in records.as_numpy_iterator():
    for feature in texts:
      for text in np.atleast_1d(record[feature]):
        yield text.decode()
    # Repeated as often as in training, or they would be split into letters.
    yield wordings.description(pair)
    yield wordings.asked(pair)[record["instance"] % len(wordings.asked(pair))]
