"""`instructrec annotate`: which teacher, and what it is to do."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from instructrec_jax import artifacts, errors
from instructrec_jax.data.names import answers_file, tables_dir
from instructrec_jax.errors import InputError
from instructrec_jax.teacher import annotate as stage
from instructrec_jax.teacher import batch, chat, cost, instances
from instructrec_jax.teacher.cache import Cache
from instructrec_jax.teacher.extractive import Extractive
from instructrec_jax.teacher.limits import Limits
from instructrec_jax.teacher.protocol import INTENTION, PREFERENCE, Teacher

# Of a server and how it is used.
_SERVER = ("base_url", "key_variable", "concurrency", "max_tries", "timeout_s")
_RATES = ("requests_per_minute", "tokens_per_minute")
_ASKING = ("model", "sampling", "response_format")
_PRICES = ("price_input", "price_output")
# What is done instead of annotating.
_INSTEAD = ("estimate", "write_requests", "read_answers")
# Teacher: the options that it takes, beside those that each one does.
TEACHERS: Mapping[str, tuple[str, ...]] = {
  "extractive": (),
  "api": (
    *_ASKING, *_SERVER, *_RATES, *_PRICES, *_INSTEAD, "judge", "cache"
  ),
  "local": ("model", "batch_size", "judge", "cache"),
}  # fmt: skip
_OPENAI = "https://api.openai.com/v1"


def annotate(
  dataset: str,
  teacher: str = "extractive",
  data_dir: str | Path = "data",
  per_user: int = 1,
  num_users: int | None = None,
  seed: int = 0,
  overwrite: bool = False,
  **given: Any,
) -> dict[str, Any]:
  """Writes preferences and intentions, or does what one of `given` asks for.

  Args:
    dataset: short name of normalized tables.
    teacher: a key of TEACHERS.
    data_dir: the folder of all datasets.
    per_user: training targets of a user, beside validation and test.
    num_users: so many users, drawn by seed; None for all.
    seed: of draws and wordings.
    overwrite: replace what other options have made; of the same options, ask
      again for what got no answer.
    **given: options of the teacher; None stands for their defaults.

  Returns:
    The manifest; or, after `estimate`, `write_requests` and `read_answers`,
    `did` and `counts` to tell of them.

  Raises:
    InputError: an option is unknown or wrong, the tables are missing, or the
      teacher cannot be used.
  """
  given = {k: v for k, v in given.items() if v is not None and v is not False}
  _check(teacher, given)
  judged = given.pop("judge", 0)
  chosen = _chosen(dataset, data_dir, per_user, num_users, seed)
  prices = cost.Prices(*(given.get(name) for name in _PRICES))
  made: Teacher
  if teacher == "extractive":
    made = Extractive(dataset, seed, chosen.frame)
  else:
    kept = Cache(given.pop("cache", None) or answers_file(data_dir))
    if teacher == "local":
      from instructrec_jax.teacher.local import Local

      made = Local(given.pop("model"), kept, **given)
    else:
      questions = chat.Chat(
        given["model"],
        _sampling(given.get("sampling")),
        given.get("response_format", chat.FORMATS[0]),
      )
      for name, instead in _DO.items():
        if name in given:
          return instead(given[name], questions, kept, chosen, prices)
      made = _client(questions, kept, given, prices)
  return stage.annotate(
    dataset,
    chosen,
    made,
    data_dir=data_dir,
    options={"per_user": per_user, "num_users": num_users, "judge": judged},
    seed=seed,
    judged=judged,
    overwrite=overwrite,
  )


def _check(teacher: str, given: Mapping[str, Any]) -> None:
  if teacher not in TEACHERS:
    raise errors.unknown("teacher", teacher, TEACHERS)
  for name in given:
    if name not in TEACHERS[teacher]:
      takers = [t for t, options in TEACHERS.items() if name in options]
      raise InputError(
        f"--{name} is for --teacher={' or '.join(takers)}, not {teacher}"
      )
  if "model" in TEACHERS[teacher] and "model" not in given:
    raise InputError(f"--teacher={teacher} takes --model")
  several = [name for name in _INSTEAD if name in given]
  if len(several) > 1:
    raise InputError(f"one at a time: --{' or --'.join(several)}")


def _chosen(
  dataset: str,
  data_dir: str | Path,
  per_user: int,
  num_users: int | None,
  seed: int,
) -> instances.Chosen:
  tables = tables_dir(data_dir, dataset)
  artifacts.read_manifest(tables, "normalize")
  return instances.choose(
    pl.scan_parquet(tables / "interactions.parquet"),
    pl.read_parquet(tables / "items.parquet"),
    per_user,
    num_users,
    instances.drawing(seed, dataset),
  )


def _sampling(text: str | None) -> dict[str, Any]:
  """Returns further fields of a request: the usual ones and those of `text`.

  A field that is null there is left out, as some servers know it by another
  name.
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
  fields = chat.SAMPLING | given
  return {name: value for name, value in fields.items() if value is not None}


def _client(
  questions: chat.Chat,
  kept: Cache,
  given: Mapping[str, Any],
  prices: cost.Prices,
) -> Teacher:
  # Its libraries are not needed by whoever does not ask a server.
  from instructrec_jax.teacher.client import Client

  server = {name: given[name] for name in _SERVER if name in given}
  if server.get("key_variable") == "none":
    server["key_variable"] = None
  return Client(
    questions,
    kept,
    limits=Limits(*(given.get(name) for name in _RATES)),
    prices=prices,
    **({"base_url": _OPENAI} | server),
  )


def _estimate(_, questions, kept, chosen, prices) -> dict[str, Any]:
  return {
    "did": "estimate; nothing was asked",
    "counts": cost.estimate(questions, kept, chosen, prices),
  }


def _write_requests(folder, questions, kept, chosen, _) -> dict[str, Any]:
  written = batch.write(folder, _left(questions, kept, chosen))
  return {
    "did": "requests are written; --read_answers reads what comes back",
    "counts": {
      "files": [str(path) for path in written],
      "requests": sum(path.read_bytes().count(b"\n") for path in written),
    },
  }


def _read_answers(files, questions, kept, chosen, _) -> dict[str, Any]:
  counts = {str(path): batch.read(path, kept) for path in files}
  left = sum(1 for _ in _left(questions, kept, chosen))
  return {
    "did": "answers are kept; the same command without --read_answers uses "
    "them, and asks for those that are left",
    "counts": counts | {"left_to_ask": left},
  }


def _left(questions, kept, chosen):
  """Yields the requests of both kinds that have no answer yet."""
  for kind in (PREFERENCE, INTENTION):
    if instances.never(chosen, kind.outputs[0]) is None:
      yield from batch.unanswered(questions, kept, kind, chosen.requests(kind))


_DO: Mapping[str, Callable[..., dict[str, Any]]] = {
  "estimate": _estimate,
  "write_requests": _write_requests,
  "read_answers": _read_answers,
}
