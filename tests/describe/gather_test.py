"""Figures against counts of another kind: of records, of lines, of words."""

import json
import re

import numpy as np
import pytest
import seqio

from instructrec_jax import artifacts
from instructrec_jax.data.records import read
from instructrec_jax.describe import gather
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


def test_the_order_is_told(small):
  order = artifacts.read_manifest(small / "tables" / "small")["counts"]["order"]
  assert order["by"] == "time"
  note = _gathered(small, ["p1_i0_t2"]).notes[0]
  assert f"interactions {order['tied_neighbours']:.1%} have the same" in note


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
