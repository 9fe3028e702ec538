"""Figures against counts of another kind: of records, of lines, of words."""

import json
import re

import numpy as np
import pytest
import seqio

from instructrec_jax import artifacts, cli
from instructrec_jax.data.records import build, read
from instructrec_jax.describe import gather, page, tables
from instructrec_jax.export import write
from instructrec_jax.instructions import wordings
from instructrec_jax.instructions.families import FAMILIES
from instructrec_jax.instructions.templates import templates_of
from instructrec_jax.vocabulary.run_vocabulary import RUN_VOCABULARY

_SPLITS = ("train", "validation", "test")
_ANY = {"inputs": 10**6, "targets": 10**6}


def _gathered(data, families, lengths=_ANY, sample=0):
  chosen = {
    name: seqio.get_mixture_or_task(f"instructrec_small_{name}")
    for name in families
  }
  return gather.gather("small", chosen, data, lengths, sample, seed=0)


@pytest.fixture
def loaded(small):
  return {split: read.load_split(small, "small", split) for split in _SPLITS}


def _there(split, fields):
  there = np.ones(len(split["instance"]), bool)
  for field in fields:
    there &= split[field] != b""
  return there


def test_counts_are_those_of_the_records(small, loaded):
  numbers = _gathered(small, FAMILIES)
  train_items = read.load_train_items(small, "small").to_list()
  assert numbers.users == len(train_items)
  assert numbers.items == read.load_catalogue(small, "small").height
  met = [item for items in train_items for item in items]
  held_out = len(loaded["validation"]["user"]) + len(loaded["test"]["user"])
  assert numbers.interactions == len(met) + held_out
  for split, part in loaded.items():
    found = numbers.records[split]
    lengths = sorted(part["history_length"].tolist())
    assert found.count == len(lengths)
    assert found.history.largest == lengths[-1]
    assert found.history.mean == pytest.approx(sum(lengths) / len(lengths))
    assert found.history.median == np.median(lengths)
    shown = np.diff(part["history_offsets"])
    assert found.cut == np.mean(part["history_length"] != shown)
    _, per_user = np.unique(part["user"], return_counts=True)
    assert found.per_user.mean == per_user.mean()
  assert [family.name for family in numbers.families] == list(FAMILIES)
  for family in numbers.families:
    fields = FAMILIES[family.name].fields
    expected = {s: int(_there(p, fields).sum()) for s, p in loaded.items()}
    assert dict(family.instances) == expected
    assert family.lacks == ()
    rows = [r for r in wordings.ROWS if family.name in r.families]
    assert family.templates == family.held_out == len(rows)
    assert family.wordings == sum(len(row.wordings) for row in rows)


def test_texts_are_those_of_records_and_of_the_annotations(small, loaded):
  numbers = _gathered(small, ["p1_i0_t2"])
  folder = small / "annotations" / "small"
  counts = artifacts.read_manifest(folder, "annotate")["counts"]
  assert len(numbers.texts) == 4
  for text in numbers.texts:
    said = [t for part in loaded.values() for t in part[text.field] if t]
    assert text.count == len(said) == counts[text.field]["written"]
    assert text.words == np.mean([len(t.decode().split()) for t in said])
    assert text.rejected == counts[text.field]["rejected"]
    assert text.absent == counts[text.field]["absent"]
    annotated = sum(counts["instances"].values())
    whys = [*text.rejected.values(), *text.absent.values()]
    assert text.count + sum(whys) == annotated
    assert text.looks_at_target == (text.field != "preference")


def test_what_tells_of_the_target_says_so(small):
  numbers = _gathered(small, FAMILIES)
  told = {f.name: f.from_target for f in numbers.families if f.from_target}
  assert told["p1_i2_t3"] == ("i2",)
  assert told["i1_item_to_p1"] == ("i1", "item")
  # By their names: no other family reads an intention, or the item itself.
  expected = re.compile(r".*_i[12]_t\d|.*(i1|i2|item)_to_.*|i[12]_.*")
  assert {n for n in FAMILIES if expected.fullmatch(n)} == set(told)


def _exported(name, out, **options):
  write.write(f"instructrec_small_{name}", out, **options)
  return [json.loads(line) for line in out.read_bytes().splitlines()]


def test_sizes_are_those_of_the_instructions_that_are_exported(
  small, loaded, tmp_path
):
  name = "p1_i2_t2"
  lines = _exported(name, tmp_path / "all.jsonl")
  inputs, targets = (
    np.array([len(RUN_VOCABULARY.encode(line[part])) + 1 for line in lines])
    for part in ("instruction", "output")
  )
  # So few that some fit with nothing but their newest item, some not at all.
  train = loaded["train"]
  titles = read.load_catalogue(small, "small")["title"].to_numpy()
  newest = titles[train["history"][train["history_offsets"][1:] - 1]]
  shortest = [
    template.inputs.format(history=title, specific_intention=need.decode())
    for title, need in zip(newest, train["specific_intention"], strict=True)
    for template in templates_of(name)
    if need
  ]
  limit = int(np.median([len(RUN_VOCABULARY.encode(s)) for s in shortest]))
  lengths = {"inputs": limit, "targets": 10**6}
  fit = _exported(name, tmp_path / "fit.jsonl", task_feature_lengths=lengths)
  [family] = _gathered(small, [name], lengths, sample=10**6).families
  found = family.rendered
  assert found.count == len(lines) > 20
  words = [len(line["instruction"].split()) for line in lines]
  assert found.words == pytest.approx(np.mean(words))
  for spread, sizes in ((found.inputs, inputs), (found.targets, targets)):
    assert spread.largest == sizes.max()
    assert spread.mean == pytest.approx(sizes.mean())
  whole = {line["instruction"] for line in lines}
  cut = sum(line["instruction"] not in whole for line in fit)
  assert 0 < found.left_out == pytest.approx(1 - len(fit) / len(lines))
  assert 0 < found.shortened == pytest.approx(cut / len(lines))
  # What is too long is shortened, or else left out.
  too_long = np.mean(inputs > limit)
  assert found.shortened + found.left_out == pytest.approx(too_long)
  # At a looser limit some are whole.
  lengths["inputs"] = int(np.median(inputs))
  [family] = _gathered(small, [name], lengths, sample=10**6).families
  found = family.rendered
  assert 0 < found.shortened + found.left_out < 1
  too_long = np.mean(inputs > lengths["inputs"])
  assert found.shortened + found.left_out == pytest.approx(too_long)


def test_a_sample_is_the_first_that_have_the_texts(small):
  found = _gathered(small, ["p0_i2_t2"], sample=7).families[0].rendered
  assert found.count == 7
  assert found.shortened == found.left_out == 0


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


def test_a_page_shows_tokens_beside_their_limit(small):
  numbers = _gathered(
    small, ["p0_i1_t2"], {"inputs": 77, "targets": 33}, sample=5
  )
  html = page.render(numbers)
  assert html.count("<svg") == 3
  spread = numbers.families[0].rendered.inputs
  told = f"p0_i1_t2 {spread.mean:.1f}, at most {spread.largest}; limit 77."
  assert told in html
  assert "At 77 tokens of inputs and 33 of targets" in tables.markdown(numbers)


def test_what_records_lack_is_said(small, tmp_path, capsys):
  (tmp_path / "tables").symlink_to(small / "tables")
  build.build(tmp_path, "small", annotations=False)
  # Tasks know where their records are: other ones need another name.
  folder = tmp_path / "records"
  (folder / "instructrec_small").rename(folder / "instructrec_bare")
  inner = folder / "instructrec_bare" / "1.0.0"
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
  assert "as the records have no vague intention (`instructrec annotate`" in (
    shown
  )
  assert "no preference and no specific intention" in shown
  assert "The records contain no teacher texts" in shown


@pytest.mark.parametrize(
  ("flags", "expected"),
  [
    (["nothing"], "run `instructrec build` first"),
    (["small", "--sample=-1"], "sample is -1: expected 0 or more"),
    (["small", "--inputs_length=0"], "inputs_length is 0: expected 1 or more"),
    (["small", "--out=x.pdf"], "unknown kind of file: x.pdf: '.pdf'"),
    (["small", "--vocabulary=no/such.model"], "no vocabulary 'no/such.model'"),
  ],
)
def test_what_cannot_be_described_is_said(flags, expected, small, capsys):
  assert cli.main(["describe", *flags, f"--data_dir={small}"]) == 1
  assert expected in capsys.readouterr().err
