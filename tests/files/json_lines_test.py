"""Lines of JSON, as other programs and damaged disks write them."""

import json

import pytest

from instructrec_jax.errors import InputError
from instructrec_jax.files import json_lines
from tests import bucket, fuzz

_SEPARATORS = "\u2028\u2029\u0085\x0b\x0c\x1c\x1d\x1e\r"


def test_a_line_ends_at_a_line_break_only(tmp_path):
  path = tmp_path / "x.jsonl"
  rows = [{"a": f"one{each}two"} for each in _SEPARATORS]
  lines = [json.dumps(row, ensure_ascii=False) for row in rows]
  # JSON has no bare control characters in strings; libraries escape them.
  path.write_text("\n".join(lines), encoding="utf-8", newline="")
  assert [row for _, row in json_lines.objects(path)] == rows
  whole = "\u2028".join("abc")
  path.write_text(f'{{"a": "{whole}"}}\r\n\n{{"a": 2}}\n', newline="")
  assert [*json_lines.objects(path)] == [
    (f"{path}, line 1", {"a": whole}),
    (f"{path}, line 3", {"a": 2}),
  ]


def test_a_byte_order_mark_is_skipped_at_the_start_only(tmp_path):
  path = tmp_path / "x.jsonl"
  path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n{"a": "\xef\xbb\xbf"}\n')
  assert [row["a"] for _, row in json_lines.objects(path)] == [1, "\ufeff"]
  path.write_bytes(b"\xef\xbb\xbf[1]")
  assert json_lines.document(path) == [1]


@pytest.mark.parametrize(
  ("content", "message"),
  [
    (b'{"a": 1}\n{"a": "\x80"}', r"x\.jsonl, line 2: expected UTF-8: .* 0x80"),
    (b'{"a": 1}\n\n{"a": }', r"x\.jsonl, line 3: not JSON: Expecting value"),
    (b"[1]", r"x\.jsonl, line 1: expected a JSON object, got \[1\]"),
    (b"[" * 100_000, r"x\.jsonl, line 1: not JSON"),
    (b"9" * 5000, r"x\.jsonl, line 1: not JSON"),
  ],
)
def test_what_is_damaged_is_named(tmp_path, content, message):
  path = tmp_path / "x.jsonl"
  path.write_bytes(content)
  with pytest.raises(InputError, match=message) as error:
    list(json_lines.objects(path))
  assert len(str(error.value)) < 500


def test_an_absent_file_is_named(tmp_path):
  for path in (tmp_path / "x.jsonl", tmp_path, tmp_path / "y" / "x.jsonl"):
    with pytest.raises(InputError, match=f"{path}: no such file"):
      list(json_lines.lines(path))


def test_blocks_are_joined(tmp_path, monkeypatch):
  monkeypatch.setattr(json_lines, "_READ", 3)
  path = tmp_path / "x.jsonl"
  path.write_text('{"a": 1}\n{"a": "äöü"}\n\n{"b": 3}')
  assert [*json_lines.lines(path)] == [
    (f"{path}, line 1", '{"a": 1}'),
    (f"{path}, line 2", '{"a": "äöü"}'),
    (f"{path}, line 4", '{"b": 3}'),
  ]


def test_what_is_too_long_is_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(json_lines, "_READ", 4)
  monkeypatch.setattr(json_lines, "MOST_BYTES", 20)
  path = tmp_path / "x.jsonl"
  path.write_text("1\n2\n" + "3" * 40)
  with pytest.raises(InputError, match="line 3: expected a line of at most 20"):
    list(json_lines.lines(path))
  with pytest.raises(InputError, match="expected at most 9 bytes"):
    json_lines.document(path, most_bytes=9)


def test_lines_of_a_bucket(tmp_path, monkeypatch):
  bucket.make(tmp_path, monkeypatch)
  (tmp_path / "shop").mkdir()
  (tmp_path / "shop" / "x.jsonl").write_text('{"a": 1}\n')
  [(where, row)] = json_lines.objects("gs://shop/x.jsonl")
  assert (where, row) == ("gs://shop/x.jsonl, line 1", {"a": 1})
  with pytest.raises(InputError, match=r"gs://shop/y\.jsonl: no such file"):
    list(json_lines.lines("gs://shop/y.jsonl"))


def test_damaged_lines_are_read_or_refused(tmp_path):
  rows = [{"task": "t", "instance": n, "prediction": "ä" * n} for n in range(9)]
  text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
  fuzz.check(
    "JSON lines",
    text.encode(),
    lambda path: list(json_lines.objects(path)),
    tmp_path / "x.jsonl",
  )
