"""Files of predictions, as people, editors and other programs write them."""

import json

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.eval.answers import predictions_file
from tests import fuzz

_ROWS = [
  {"task": "t", "instance": n, "prediction": f"Game\u2028{n}\n of {'ä' * n}"}
  for n in range(5)
]


def _lines(rows):
  return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _read(path):
  return predictions_file.read(str(path), None, ["t"])


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("suffix", ["jsonl", "json"])
def test_all_texts_are_read(tmp_path, mark, suffix):
  path = tmp_path / f"p.{suffix}"
  text = json.dumps(_ROWS) if suffix == "json" else _lines(_ROWS)
  path.write_bytes(mark + text.encode())
  found = _read(path)["t"]
  assert {n: found[n].text for n in found} == {
    row["instance"]: row["prediction"] for row in _ROWS
  }
  place = "entry" if suffix == "json" else "line"
  assert found[2].where == f"{path}, {place} 3"


@pytest.mark.parametrize(
  ("name", "content", "message"),
  [
    ("p.jsonl", b'{"task": "t"}\n\x80', r"p\.jsonl, line 2: expected UTF-8"),
    ("p.jsonl", b"[1]", r"p\.jsonl, line 1: expected a JSON object, got \[1\]"),
    ("p.json", b"{}", r"p\.json: expected a list of JSON objects"),
    ("p.json", b"[{}, 3]", r"p\.json, entry 2: expected a JSON object, got 3"),
    ("p.json", b"[\x80]", r"p\.json: expected UTF-8"),
  ],
)
def test_what_is_damaged_is_named(tmp_path, name, content, message):
  path = tmp_path / name
  path.write_bytes(content)
  with pytest.raises(InputError, match=message):
    list(predictions_file._objects(str(path)))


def test_damaged_files_are_read_or_refused(tmp_path):
  for suffix, text in (("jsonl", _lines(_ROWS)), ("json", json.dumps(_ROWS))):
    path = tmp_path / f"p.{suffix}"
    fuzz.check(f"predictions .{suffix}", text.encode(), _read, path)
