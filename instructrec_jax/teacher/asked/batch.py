"""Writes requests for providers' batch endpoints, and reads the answers.

The format is OpenAI's, which others accept too. Requests are JSON lines of
`custom_id`, `method`, `url` and `body`; answers are JSON lines of `custom_id`
and `response` or `error`. Answers are stored in the cache for the next run.
"""

import collections
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from instructrec_jax.artifacts import atomic_write_text
from instructrec_jax.errors import InputError
from instructrec_jax.teacher.asked import answer, cache, chat, keys
from instructrec_jax.teacher.protocol import Kind

# OpenAI's limits for one file, with a margin.
_LINES = 50_000
_BYTES = 190_000_000
# The most reasons of failures that are shown, and the most letters of one.
_REASONS, _SHOWN = 10, 80


def unanswered(
  questions: chat.Chat, kept: cache.Cache, kind: Kind, batches: Iterable
) -> Iterator[tuple[str, int, dict]]:
  """Yields key, try and body of each distinct request without an answer."""
  seen = set()
  for request in chat.rows(batches):
    body = questions.body(kind, request)
    name = questions.key(kind, body)
    if name in seen:
      continue
    seen.add(name)
    for attempt in range(answer.TRIES):
      found = kept.get(name, attempt)
      if found is None:
        yield name, attempt, body
        break
      texts, fault = questions.manner.parse(kind, request, found)
      if texts is not None or fault in answer.FINAL:
        break


def write(
  folder: str | Path, requests: Iterable[tuple[str, int, dict]]
) -> list[Path]:
  """Writes requests to requests-00000.jsonl and on; returns the files.

  Args:
    folder: created if missing; it must not contain request files.
    requests: the requests of `unanswered`.

  Raises:
    InputError: there are request files already.
  """
  folder = Path(folder)
  if old := sorted(folder.glob("requests-*.jsonl")):
    raise InputError(
      f"{old[0]} exists. Name another folder, or remove the files if their "
      "answers were read"
    )
  paths, lines, size = [], [], 0

  def flush() -> None:
    paths.append(folder / f"requests-{len(paths):05d}.jsonl")
    atomic_write_text(paths[-1], "".join(lines))

  for name, attempt, body in requests:
    line = (
      json.dumps(
        {
          "custom_id": f"{name}-{attempt}",
          "method": "POST",
          "url": f"/v1/{chat.PATH}",
          "body": body,
        },
        ensure_ascii=False,
      )
      + "\n"
    )
    length = len(line.encode())
    if lines and (len(lines) == _LINES or size + length > _BYTES):
      flush()
      lines, size = [], 0
    lines.append(line)
    size += length
  if lines:
    flush()
  return paths


def read(path: str | Path, kept: cache.Cache) -> dict[str, Any]:
  """Stores the answers of a provider's file in the cache.

  Returns:
    The number of lines that are `new`, `known` and `failed` (no answer). If
    there are any, also the numbers of lines that failed `because` of each
    reason, and of answers that were `cut at max_tokens`.

  Raises:
    InputError: the file cannot be read or has another format. None of its
      answers is stored then.
  """
  path = Path(path)
  try:
    text = path.read_text(encoding="utf-8-sig")
  except (OSError, UnicodeDecodeError) as error:
    raise InputError(f"cannot read {path}: {error}") from None
  found: list[tuple[str, int, cache.Answer]] = []
  failed: collections.Counter[str] = collections.Counter()
  for number, line in enumerate(text.split("\n"), 1):
    if not line.strip():
      continue
    row = _row(path, number, line)
    if isinstance(row, str):
      # The servers' words may differ from line to line.
      failed[row if row in failed or len(failed) < _REASONS else "other"] += 1
    else:
      found.append(row)
  new = kept.put_all(found)
  counts: dict[str, Any] = {
    "new": new,
    "known": len(found) - new,
    "failed": failed.total(),
  }
  if failed:
    counts["because"] = dict(failed.most_common())
  if cut := sum(row[2].finish == "length" for row in found):
    counts[answer.CUT] = cut
  return counts


def _row(
  path: Path, number: int, line: str
) -> tuple[str, int, cache.Answer] | str:
  """Returns key, try and answer of a line, or why the request failed."""
  try:
    row = json.loads(line)
    name, _, attempt = row["custom_id"].rpartition("-")
    if len(name) != cache.KEY_DIGITS:
      raise ValueError(f"custom_id {row['custom_id']!r} is not one of ours")
    attempt = int(attempt)
    response, failure = row.get("response"), row.get("error")
    status = response.get("status_code") if response else None
    body = response.get("body") if response else None
  except (ValueError, LookupError, TypeError, AttributeError) as error:
    raise InputError(
      f"{path}, line {number}: expected an answer to a request that "
      f"--write_requests wrote, got {line!r:.80} ({error})"
    ) from None
  if failure or status != 200:
    _, said = chat.fault({"error": failure} if failure else body)
    return keys.masked(said or f"HTTP {status}", None)[:_SHOWN]
  try:
    return name, attempt, chat.read(body)
  except ValueError as error:
    _, said = chat.fault(body)
    return keys.masked(said or str(error), None)[:_SHOWN]
