import collections
import json

import gin
import numpy as np
import polars as pl
import pytest
import seqio

from instructrec_jax import cli
from instructrec_jax.data.records import read
from instructrec_jax.errors import InputError
from instructrec_jax.export import write
from instructrec_jax.instructions.templates import templates_of
from instructrec_jax.vocabulary.run_vocabulary import RUN_VOCABULARY
from tests import toy_itdr


def _lines(path):
  """Reads a file in two ways that have nothing of ours, and the same."""
  lines = [json.loads(line) for line in path.read_bytes().splitlines()]
  assert pl.read_ndjson(path).to_dicts() == lines
  return lines


def _texts(dataset, field):
  return np.array([text.decode() for text in dataset[field]])


def test_every_record_with_its_texts_is_a_line(small, tmp_path):
  with gin.unlock_config():  # No vocabulary is needed where nothing is cut.
    gin.bind_parameter("vocabulary.location", "nowhere.model")
  out = tmp_path / "some" / "out.jsonl"
  name = "instructrec_small_p0_i1_t3"
  counts = write.write(name, out, split="test")
  test = read.load_split(small, "small", "test")
  titles = read.load_catalogue(small, "small")["title"].to_numpy()
  needs = _texts(test, "vague_intention")
  lines = _lines(out)
  assert 10 < len(lines) < len(needs)
  assert sorted(line["instance"] for line in lines) == sorted(
    test["instance"][needs != ""]
  )
  assert counts == {
    "instructions": len(lines),
    "by task": {name: len(lines)},
    "left out": {name: {"no vague_intention": int((needs == "").sum())}},
  }
  rows = {instance: i for i, instance in enumerate(test["instance"])}
  for line in lines:
    row = rows[line["instance"]]
    shown = titles[test["candidates"][row]]
    assert line["output"] == titles[test["target"][row]]
    assert line["input"] == ""
    assert needs[row] in line["instruction"]
    assert "; ".join(line["candidates"]) in line["instruction"]
    assert sorted(line["candidates"]) == sorted(shown)
    assert line["user"] == test["user"][row]
    assert line["task"] == name
    assert line["template"].startswith("p0_i1_t3/B")


_FORMS = {
  "instruction": [
    {"instruction": "Who?", "input": "", "output": "I."},
    {"instruction": "“Ü” x", "input": "", "output": "x\n"},
  ],
  "chat": [
    {
      "messages": [
        {"role": "user", "content": "Who?"},
        {"role": "assistant", "content": "I."},
      ]
    },
    {
      "messages": [
        {"role": "system", "content": "“Ü”"},
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": "x\n"},
      ]
    },
  ],
  "completion": [
    {"prompt": "Who?", "completion": "I."},
    {"prompt": "“Ü” x", "completion": "x\n"},
  ],
  "itdr": [
    {"instruction": "Who?", "input": "", "output": "I."},
    {"instruction": "“Ü”", "input": "x", "output": "x\n"},
  ],
}


def test_forms_have_the_fields_that_trainers_read():
  said = pl.DataFrame(
    {
      "whole": ["Who?", "“Ü” x"],
      "description": ["", "“Ü”"],
      "question": ["Who?", "x"],
      "answer": ["I.", "x\n"],
    }
  )
  assert _FORMS.keys() == write.FORMS.keys()
  for form, expected in _FORMS.items():
    rows = said.select(**write.FORMS[form])
    assert rows.to_dicts() == expected
    lines = rows.write_ndjson().splitlines()
    assert [json.loads(line) for line in lines] == expected


@pytest.mark.parametrize("kind", [".json", ".jsonl"])
def test_itdr_s_tasks_in_its_own_form(small, tmp_path, kind):
  toy_itdr.register()
  out = tmp_path / f"itdr{kind}"
  counts = write.write(toy_itdr.MIXTURE, out, split="test", form="itdr")
  lines = json.loads(out.read_text()) if kind == ".json" else _lines(out)
  assert len({tuple(line) for line in lines}) == 1
  expected = [
    (name, int(row["instance"]), row["description_pretokenized"],
     row["question_pretokenized"], row["targets_pretokenized"])
    for name, (rows, *_) in sorted(toy_itdr.TASKS.items())
    for row in rows
  ]  # fmt: skip
  assert [
    (x["task"], x["instance"], *(
      (x["instruction"], x["input"]) if x["input"] else ("", x["instruction"])
    ), x["output"])
    for x in lines
  ] == expected  # fmt: skip
  assert (counts["instructions"], counts["left out"]) == (len(expected), {})
  [ranked] = [x for x in lines if x["output"].startswith("1. 7 Wonders")]
  assert ranked["candidates"] == ["Catan", "Go", "Chess, for two", "7 Wonders"]
  assert lines[-1]["candidates"] == []


def test_what_is_described_and_what_is_not_are_mixed(small, tmp_path):
  toy_itdr.register()
  name = "export_test_mixed"
  seqio.MixtureRegistry.add(
    name, ["itdr_interests_toy", "instructrec_small_p1_i0_t2"], default_rate=1.0
  )
  try:
    counts = write.write(
      name, tmp_path / "mixed.json", form="chat", num_instructions=40
    )
  finally:
    seqio.MixtureRegistry.remove(name)
  lines = json.loads((tmp_path / "mixed.json").read_text())
  assert len(lines) == counts["instructions"] == 40
  roles = collections.defaultdict(set)
  for line in lines:
    assert line["messages"][-2]["content"]
    roles[line["task"]].add(tuple(m["role"] for m in line["messages"]))
  assert roles == {
    "itdr_interests_toy": {
      ("user", "assistant"), ("system", "user", "assistant")
    },
    "instructrec_small_p1_i0_t2": {("user", "assistant")},
  }  # fmt: skip


def test_families_draw_from_all_records(small, tmp_path):
  train = read.load_split(small, "small", "train")
  seen = set()
  for seed in (0, 1):
    out = tmp_path / f"{seed}.jsonl"
    write.write(
      "instructrec_small_history", out, num_instructions=90, seed=seed
    )
    drawn = [(line["task"], line["instance"]) for line in _lines(out)]
    assert len(set(drawn)) == 90  # No task draws a record twice.
    instances = {instance for _, instance in drawn}
    assert len(instances) > 80
    seen |= instances
  assert len(seen) > 130 <= len(train["instance"]) // 3


def test_as_many_as_are_asked_for_by_the_mixture_s_rates(
  small, tmp_path, capsys
):
  out = tmp_path / "mixed.jsonl"
  train = read.load_split(small, "small", "train")
  there = int((_texts(train, "specific_intention") != "").sum())
  count = 4 * there
  argv = [
    "export",
    "instructrec_small",
    f"--out={out}",
    f"--num_instructions={count}",
    "--form=chat",
    f"--tfds_data_dir={small / 'records'}",
    "--gin.FAMILY_RATES={'p0_i2_t2': 3, 'item_to_i2': 1}",
  ]
  assert cli.main(argv) == 0
  shown = capsys.readouterr().out
  assert f"{count:,}" in shown
  lines = _lines(out)
  assert len(lines) == count
  of = collections.Counter(line["task"] for line in lines)
  assert set(of) == {
    "instructrec_small_p0_i2_t2",
    "instructrec_small_item_to_i2",
  }
  # Binomial: three in four, and so far off once in ten thousand seeds.
  assert abs(of["instructrec_small_p0_i2_t2"] - 0.75 * count) < 4 * np.sqrt(
    count * 0.75 * 0.25
  )
  wordings = collections.defaultdict(set)
  for line in lines:
    assert "candidates" not in line
    user, assistant = line["messages"]
    assert (user["role"], assistant["role"]) == ("user", "assistant")
    if line["task"].endswith("p0_i2_t2"):
      wordings[line["instance"]].add(user["content"])
  # Each record came about three times, in its several wordings.
  assert len(wordings) == there
  assert max(map(len, wordings.values())) > 1

  assert cli.main(argv) == 1
  assert "Give --overwrite" in capsys.readouterr().err
  assert len(_lines(out)) == count


def test_histories_give_way_and_what_does_not_fit_is_counted(small, tmp_path):
  out = tmp_path / "short.jsonl"
  name = "instructrec_small_p1_i0_t2"
  test = read.load_split(small, "small", "test")
  titles = read.load_catalogue(small, "small")["title"].to_numpy()
  newest = titles[test["history"][test["history_offsets"][1:] - 1]]
  # So few tokens that some fit with nothing but their newest item, some not.
  limit = int(
    np.median(
      [
        len(RUN_VOCABULARY.encode(t.inputs.format(history=f"{title}."))) + 1
        for t in templates_of("p1_i0_t2")
        for title in newest
      ]
    )
  )
  counts = write.write(
    name,
    out,
    split="test",
    task_feature_lengths={"inputs": limit, "targets": 99},
  )
  lines = _lines(out)
  [[why, left_out]] = counts["left out"][name].items()
  assert (
    why == f"does not fit {limit} tokens of inputs and 99 tokens of targets"
  )
  assert left_out == len(test["instance"]) - len(lines) > 0
  for line in lines:
    assert len(RUN_VOCABULARY.encode(line["instruction"])) < limit


def test_nothing_half_written_is_left(small, tmp_path):
  out = tmp_path / "none.jsonl"
  none = {"inputs": 2, "targets": 2}
  for options in ({}, {"num_instructions": 5}):
    with pytest.raises(InputError, match="can fit 2 tokens of inputs and 2"):
      write.write(
        "instructrec_small_p2_i0_t2",
        out,
        split="test",
        task_feature_lengths=none,
        **options,
      )
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  ("flags", "expected"),
  [
    (["--form=chatty"], "Did you mean 'chat'"),
    (["--split=tset"], "Did you mean 'test'"),
    (["--num_instructions=9", "--num_epochs=2"], "num_epochs cannot be comb"),
    (["--gin.family_rates.rate=1"], "family_rates"),
  ],
)
def test_what_cannot_be_exported_is_said(
  flags, expected, small, tmp_path, capsys
):
  argv = ["export", "instructrec_small_p1_i0_t2", f"--out={tmp_path}/o.jsonl"]
  folder = f"--tfds_data_dir={small / 'records'}"
  assert cli.main([*argv, folder, *flags]) == 1
  assert expected in capsys.readouterr().err
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  ("given", "expected"),
  [
    ({"num_instructions": 0}, "num_instructions is 0: expected 1 or more"),
    (
      {"task_feature_lengths": {"inputs": -5}},
      "inputs is -5: expected 1 or more",
    ),
  ],
)
def test_numbers_that_cannot_be_used_are_said(given, expected, small, tmp_path):
  with pytest.raises(InputError, match=expected):
    write.write("instructrec_small_p1_i0_t2", tmp_path / "o.jsonl", **given)
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  ("name", "expected"),
  [
    ("instructrec_smal", "Did you mean 'instructrec_small"),
    ("instructrec_games", "no records of dataset 'games' in"),
  ],
)
def test_what_is_not_there_is_said(name, expected, small, tmp_path, capsys):
  folder = f"--tfds_data_dir={small / 'records'}"
  assert cli.main(["export", name, f"--out={tmp_path}/o", folder]) == 1
  assert expected in capsys.readouterr().err
