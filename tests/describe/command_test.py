"""The command that describes a dataset."""

import json
import re

import numpy as np
import pytest

from instructrec_jax import cli
from instructrec_jax.data.records import build, read
from instructrec_jax.describe import command
from instructrec_jax.errors import InputError
from tests.unsealed import unseal

_SPLITS = ("train", "validation", "test")


@pytest.fixture
def loaded(small):
  return {split: read.load_split(small, "small", split) for split in _SPLITS}


def _there(split, fields):
  there = np.ones(len(split["instance"]), bool)
  for field in fields:
    there &= split[field] != b""
  return there


def _cells(markdown):
  """Returns the rows of all tables of a Markdown text, by their first cell."""
  rows = (line for line in markdown.splitlines() if line.startswith("|"))
  split = [[c.strip() for c in row.strip("|").split(" | ")] for row in rows]
  return {cells[0].replace("\\", ""): cells[1:] for cells in split}


def test_the_command_prints_what_it_writes(small, loaded, tmp_path, capsys):
  files = [tmp_path / f"out.{kind}" for kind in ("md", "json", "html")]
  argv = ["describe", "small", f"--data_dir={small}", "--sample=0"]
  assert cli.main([*argv, *(f"--out={file}" for file in files)]) == 0
  markdown, as_json, html = (file.read_text() for file in files)
  assert capsys.readouterr().out.strip() == markdown.strip()
  cells = _cells(markdown)
  assert cells["templates"] == ["39", "39"]
  assert cells["… intention"] == ["9", "9"]
  counts = [
    str(sum(int(_there(part, [field]).sum()) for part in loaded.values()))
    for field in ("preference", "vague_intention", "specific_intention")
  ]
  assert cells["… preferences"] == ["151,638", counts[0]]
  intentions = int(counts[1]) + int(counts[2])
  assert cells["… intentions"] == ["101,092", str(intentions)]
  assert cells["texts (fine-grained instructions)"] == [
    "252,730",
    str(intentions + int(counts[0])),
  ]
  told = [str(_there(p, ["vague_intention"]).sum()) for p in loaded.values()]
  assert cells["p0_i1_t3"][:3] == ["i1", "i1", "t3"]
  assert cells["p0_i1_t3"][3:6] == told
  numbers = json.loads(as_json)
  assert numbers["users"] == len(set(loaded["test"]["user"].tolist()))
  assert html.count("<svg") == 1
  assert "http" not in re.sub(r"http://www\.w3\.org/\S*", "", html)


def test_what_records_lack_is_said(small, tmp_path, capsys):
  (tmp_path / "tables").symlink_to(small / "tables")
  build.build(tmp_path, "small", annotations=False)
  # Tasks know where their records are: other ones need another name.
  folder = tmp_path / "records"
  (folder / "instructrec_small").rename(folder / "instructrec_bare")
  inner = unseal(folder / "instructrec_bare" / "1.0.0")
  for file in inner.iterdir():
    text = file.name.replace("instructrec_small", "instructrec_bare")
    file.rename(inner / text)
  for file in inner.glob("*.json"):
    renamed = file.read_text().replace("instructrec_small", "instructrec_bare")
    file.write_text(renamed)
  argv = ["describe", "bare", f"--data_dir={tmp_path}", "--sample=0"]
  assert cli.main(argv) == 0
  shown = capsys.readouterr().out
  cells = _cells(shown)
  assert cells["p0_i1_t3"][3:6] == ["absent"] * 3
  assert "0" not in cells["p1_i0_t3"][3:6]
  assert "because the records have no vague intention: p0_i1_t2" in shown
  assert "`instructrec annotate` writes it." in shown
  assert "no preference and no specific intention" in shown
  assert "The records contain no teacher texts" in shown


@pytest.mark.parametrize(
  ("flags", "expected"),
  [
    (["nothing"], "run `instructrec build` first"),
    (["small", "--out=x.pdf"], "unknown kind of file: x.pdf: '.pdf'"),
    (["small", "--vocabulary=no/such.model"], "no vocabulary 'no/such.model'"),
  ],
)
def test_what_cannot_be_described_is_said(flags, expected, small, capsys):
  assert cli.main(["describe", *flags, f"--data_dir={small}"]) == 1
  assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
  ("given", "expected"),
  [
    ({"sample": -1}, "sample is -1: expected 0 or more"),
    ({"inputs_length": 0}, "inputs_length is 0: expected 1 or more"),
  ],
)
def test_numbers_that_cannot_be_used_are_said(given, expected, small):
  with pytest.raises(InputError, match=expected):
    command.describe("small", str(small), **given)
