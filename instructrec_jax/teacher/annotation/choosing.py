"""Makes the teacher that options name, or does what they ask for instead."""

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from instructrec_jax import errors
from instructrec_jax.data.names import answers_file
from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import batch, chat, cost
from instructrec_jax.teacher.asked.cache import Cache
from instructrec_jax.teacher.asked.limits import Limits
from instructrec_jax.teacher.asked.manner import TEACHING, Manner
from instructrec_jax.teacher.protocol import Kind, Teacher
from instructrec_jax.teacher.rules.extractive import Extractive

# Options of a server and its use.
_SERVER = (
  "base_url", "key_variable", "allow_http", "concurrency", "max_tries",
  "timeout_s",
)  # fmt: skip
_RATES = ("requests_per_minute", "tokens_per_minute")
_ASKING = ("model", "sampling", "response_format")
_PRICES = ("price_input", "price_output")
# Options that replace the writing of texts.
_INSTEAD = ("estimate", "write_requests", "read_answers")
# The options that each teacher takes.
TEACHERS: Mapping[str, tuple[str, ...]] = {
  "extractive": (),
  "api": (
    *_ASKING, *_SERVER, *_RATES, *_PRICES, *_INSTEAD, "judge", "cache"
  ),
  "local": ("model", "batch_size", "judge", "cache"),
}  # fmt: skip
_OPENAI = "https://api.openai.com/v1"

# The requests of each kind, for `Choice.instead`.
Asked = Iterable[tuple[Kind, Iterable[pl.DataFrame]]]


class Instead(NamedTuple):
  """What was done instead of writing texts.

  Attributes:
    did: a sentence that says what was done.
    counts: the counts to report, by name.
  """

  did: str
  counts: dict[str, Any]


class Choice:
  """The teacher that a command's options choose.

  Attributes:
    judged: how many texts of each field the teacher is asked to judge.
  """

  def __init__(
    self,
    teacher: str,
    data_dir: str | Path,
    given: Mapping[str, Any],
    manner: Manner = TEACHING,
    flag: str = "teacher",
  ):
    """Checks the options without opening or loading anything.

    Args:
      teacher: a key of TEACHERS.
      data_dir: the folder of all datasets, where answers are kept.
      given: options of the teacher; None and False use the defaults.
      manner: how a model is asked.
      flag: the name of the flag that says which teacher, for messages.

    Raises:
      InputError: an option is unknown, invalid, or for another teacher.
    """
    given = {k: v for k, v in given.items() if v is not None and v is not False}
    _check(teacher, given, flag)
    self._manner = manner
    self._teacher, self._data_dir = teacher, data_dir
    self._given = given
    self.judged: int = given.get("judge", 0)
    self._prices = cost.Prices(*(given.get(name) for name in _PRICES))
    if teacher == "api":
      self._questions = chat.Chat(
        given["model"],
        _sampling(given.get("sampling"), manner.sampling),
        given.get("response_format", chat.FORMATS[0]),
        manner,
      )

  def teacher(self, dataset: str, seed: int, keys: pl.DataFrame) -> Teacher:
    """Returns the teacher of a dataset's instances.

    Args:
      dataset: its name, which determines wordings.
      seed: of wordings.
      keys: INSTANCE and the integers that identify it, see `Extractive`.

    Raises:
      InputError: it cannot be used.
    """
    if self._teacher == "extractive":
      return Extractive(dataset, seed, keys)
    return self._local if self._teacher == "local" else self._client

  def instead(self, asked: Asked) -> Instead | None:
    """Does what an option of _INSTEAD asks for, if one is given.

    Args:
      asked: all requests of every kind.

    Returns:
      What was done, or None if texts are to be written.
    """
    for name, do in _DO.items():
      if name in self._given:
        return do(
          self._given[name], self._questions, self._kept, asked, self._prices
        )
    return None

  @functools.cached_property
  def _kept(self) -> Cache:
    return Cache(self._given.get("cache") or answers_file(self._data_dir))

  @functools.cached_property
  def _local(self) -> Teacher:
    from instructrec_jax.teacher.asked.local import Local

    options = {k: v for k, v in self._given.items() if k == "batch_size"}
    return Local(
      self._given["model"], self._kept, manner=self._manner, **options
    )

  @functools.cached_property
  def _client(self) -> Teacher:
    # Only this teacher needs the client's libraries.
    from instructrec_jax.teacher.asked.client import Client

    given = self._given
    server = {name: given[name] for name in _SERVER if name in given}
    if server.get("key_variable") == "none":
      server["key_variable"] = None
    return Client(
      self._questions,
      self._kept,
      limits=Limits(*(given.get(name) for name in _RATES)),
      prices=self._prices,
      **({"base_url": _OPENAI} | server),
    )


def _check(teacher: str, given: Mapping[str, Any], flag: str) -> None:
  if teacher not in TEACHERS:
    raise errors.unknown(flag, teacher, TEACHERS)
  for name in given:
    if name not in TEACHERS[teacher]:
      takers = [t for t, options in TEACHERS.items() if name in options]
      raise InputError(
        f"--{name} is for --{flag}={' or '.join(takers)}, not {teacher}"
      )
  if "model" in TEACHERS[teacher] and "model" not in given:
    raise InputError(f"--{flag}={teacher} needs --model")
  several = [name for name in _INSTEAD if name in given]
  if len(several) > 1:
    raise InputError(f"give only one of --{' and --'.join(several)}")


def _sampling(text: str | None, defaults: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the sampling fields of a request: the defaults updated by `text`.

  A field that `text` sets to null is left out, because some servers use another
  name for it.
  """
  try:
    given = json.loads(text or "{}")
  except ValueError:
    given = None
  if not isinstance(given, dict):
    raise InputError(
      f"sampling {text!r}: expected a JSON object such as "
      '\'{"temperature": 0, "max_tokens": 200}\''
    )
  fields = {**defaults, **given}
  return {name: value for name, value in fields.items() if value is not None}


def _estimate(_, questions, kept, asked, prices) -> Instead:
  return Instead(
    "this is an estimate; no request was sent",
    cost.estimate(questions, kept, asked, prices),
  )


def _write_requests(folder, questions, kept, asked, _) -> Instead:
  written = batch.write(folder, _left(questions, kept, asked))
  return Instead(
    "the requests are written; read the answers with --read_answers",
    {
      "files": [str(path) for path in written],
      "requests": sum(path.read_bytes().count(b"\n") for path in written),
    },
  )


def _read_answers(files, questions, kept, asked, _) -> Instead:
  counts = {str(path): batch.read(path, kept) for path in files}
  left = sum(1 for _ in _left(questions, kept, asked))
  return Instead(
    "the answers are kept; the same command without --read_answers uses them "
    "and sends the remaining requests",
    counts | {"left_to_ask": left},
  )


def _left(questions, kept, asked):
  """Yields the requests that have no answer yet."""
  for kind, batches in asked:
    yield from batch.unanswered(questions, kept, kind, batches)


_DO: Mapping[str, Callable[..., Instead]] = dict(
  zip(_INSTEAD, (_estimate, _write_requests, _read_answers), strict=True)
)
