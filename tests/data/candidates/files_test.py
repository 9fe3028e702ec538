"""Candidates out of files, through the build that takes them."""

import json

import numpy as np
import polars as pl
import pytest

from instructrec_jax.baselines import rank as baselines
from instructrec_jax.data.candidates import kinds
from instructrec_jax.data.names import records_dir
from instructrec_jax.data.records import build, read
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables


@pytest.fixture
def world(data_dir):
  """The tables: ids by code, and what each user met, oldest first."""
  tables = read_tables(data_dir, "games")
  met = tables["interactions"].group_by("user", maintain_order=True)
  return {
    "users": tables["users"]["user_id"].to_list(),
    "items": tables["items"]["item_id"].to_list(),
    "met": [codes.to_list() for codes in met.agg("item")["item"]],
  }


def _own(world, seed=0, **more):
  """Returns lists of one's own for test: 3 to 8 items, the target first."""
  rng = np.random.default_rng(seed)
  rows = []
  for user, met in enumerate(world["met"]):
    others = np.setdiff1d(np.arange(len(world["items"])), met)
    listed = [met[-1], *rng.permutation(others)[: rng.integers(2, 8)]]
    rows.append(
      {
        "user_id": world["users"][user],
        "items": [world["items"][i] for i in listed],
        **more,
      }
    )
  return rows


def _both(world):
  validation = _own(world, 1, split="validation")
  for row, met in zip(validation, world["met"], strict=True):
    row["items"][0] = world["items"][met[-2]]
  return _own(world, split="test") + validation


def _write(path, rows):
  if path.suffix == ".parquet":
    pl.DataFrame(rows).write_parquet(path)
  else:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  return path


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_own_lists_stay_as_they_are(data_dir, world, tmp_path, suffix):
  rows = _both(world)
  path = _write(tmp_path / f"mine.{suffix}", rows)
  manifest = build.build(
    data_dir, "games", candidates="file", candidates_file=path
  )
  assert manifest["inputs"]["candidates"]["name"] == path.name
  assert "num_negatives" not in manifest["options"]
  assert manifest["counts"]["candidates_of_test"] == {
    "lines_of_other_users": 0,
    "irrelevant_but_met": 0,
  }
  for split in ("validation", "test"):
    want = {r["user_id"]: r["items"] for r in rows if r["split"] == split}
    got = read.load_split(data_dir, "games", split)
    for user, codes in zip(got["user"], got["candidates"], strict=True):
      listed = [world["items"][c] for c in codes if c != read.ABSENT]
      assert listed == want[world["users"][user]]
  again = build.build(
    data_dir, "games", candidates="file", candidates_file=path
  )
  assert again["reused"]
  # Lists of unequal lengths can be ranked.
  result = baselines.evaluate_baseline(
    data_dir, "games", "test", "popularity", tmp_path / "out"
  )
  assert result.n == len(world["users"])


def test_several_relevant_items(data_dir, world, tmp_path):
  rows = _both(world)
  for row in rows:
    row["relevant"] = row["items"][:2][::-1]
  path = _write(tmp_path / "mine.jsonl", rows)
  build.build(data_dir, "games", candidates="file", candidates_file=path)
  got = Requests.load(data_dir, "games", "test")
  want = {r["user_id"]: r["relevant"] for r in rows if r["split"] == "test"}
  for user, codes in zip(got.user, got.relevant_items, strict=True):
    assert [world["items"][c] for c in codes] == want[world["users"][user]]
  train = read.load_split(data_dir, "games", "train")
  assert not train["relevant"].size
  result = baselines.evaluate_baseline(
    data_dir, "games", "test", "random", tmp_path / "out"
  )
  assert "recall@5" in result.metrics


def test_items_that_the_user_met_are_counted(data_dir, world, tmp_path):
  rows = _both(world)
  for row, met in zip(rows[:3], world["met"], strict=False):
    row["items"].append(world["items"][met[0]])
  path = _write(tmp_path / "mine.jsonl", rows)
  manifest = build.build(
    data_dir, "games", candidates="file", candidates_file=path
  )
  counts = manifest["counts"]
  assert counts["candidates_of_test"]["irrelevant_but_met"] == 3
  assert counts["candidates_of_validation"]["irrelevant_but_met"] == 0


@pytest.mark.parametrize(
  ("kind", "counts"),
  [
    (
      "file",
      {
        "lines_of_other_users": 0,
        "irrelevant_but_met": 0,
        "lists_with_the_target_s_title_twice": 1,
        "negatives_with_the_title_of_an_item_of_the_user": 3,
      },
    ),
    ("hard", {"negatives_drawn_again_for_their_title": 3}),
  ],
)
def test_titles_that_stand_twice_are_counted(tmp_path, kind, counts):
  titles = ["Emma", "Dune", "Emma", "Dune", "Ulysses", "Solaris", "Momo"]
  catalogue = pl.DataFrame({"item_id": [*"abcdefg"], "title": titles})
  rows = [
    {"user_id": "u", "items": [*"bcdef"], "split": "test"},
    {"user_id": "v", "items": [*"ebfg"], "split": "test"},
  ]
  interactions = np.array([0, 0, 1, 1]), np.array([0, 1, 3, 4])
  requests = kinds.Requests(
    np.random.default_rng(0),
    "test",
    np.array([0, 1]),
    np.array([1, 4]),
    interactions,
    catalogue,
    pl.Series(["u", "v"]),
  )
  path = _write(tmp_path / "mine.jsonl", rows)
  choice = kinds.Kind(kind, 2 if kind == "hard" else None, path)
  assert choice.find(requests).counts == counts


def _retrieved(world, seed=0):
  rng = np.random.default_rng(seed)
  return rng.standard_normal(
    (len(world["users"]), len(world["items"])), np.float32
  )


def test_hard_negatives_are_the_retrievers_first(data_dir, world, tmp_path):
  scores = _retrieved(world)
  order = np.argsort(-scores, axis=1)
  table = [
    {"user_id": u, "items": [world["items"][i] for i in row]}
    for u, row in zip(world["users"], order, strict=True)
  ]
  np.save(tmp_path / "scores.npy", scores)
  files = [_write(tmp_path / "t.parquet", table), tmp_path / "scores.npy"]
  found = []
  for path in files:
    build.build(
      data_dir,
      "games",
      candidates="hard",
      candidates_file=path,
      num_negatives=4,
      overwrite=True,
    )
    found.append(read.load_split(data_dir, "games", "test"))
  for one, other in zip(*(f["candidates"] for f in found), strict=True):
    assert set(one) == set(other)
  for user, target, row in zip(
    *(found[0][name] for name in ("user", "target", "candidates")), strict=True
  ):
    new = [i for i in order[user] if i not in world["met"][user]]
    assert set(row) == {target, *new[:4]}


def test_scores_that_tie_and_that_are_minus_infinity(data_dir, world, tmp_path):
  scores = np.zeros((len(world["users"]), len(world["items"])))
  scores[:, 40:] = -np.inf
  np.save(tmp_path / "scores.npy", scores)
  build.build(
    data_dir,
    "games",
    candidates="hard",
    candidates_file=tmp_path / "scores.npy",
    num_negatives=5,
  )
  got = read.load_split(data_dir, "games", "test")
  for user, target, row in zip(
    *(got[name] for name in ("user", "target", "candidates")), strict=True
  ):
    new = [i for i in range(40) if i not in world["met"][user]]
    assert set(row) == {target, *new[:5]}


def _drop_target(rows):
  rows[1]["items"] = rows[1]["items"][1:]


def _add_unlisted(row):
  other = next(f"i{i}" for i in range(60) if f"i{i}" not in row["items"])
  row["relevant"] = [row["items"][0], other]


def _change(number, **values):
  return lambda rows: rows[number].update(values)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (_drop_target, r"line 2: target 'i\d+' of user_id 'u1', test, is not"),
    (_change(3, items=[]), "line 4: items: expected some items, got none"),
    (_change(3, items=["i1", "zz"]), "line 4: items: item 'zz' is not in the"),
    (_change(3, items=["i1", "i1"]), "line 4: items: item 'i1' is listed twi"),
    (_change(3, items=["i1", None]), "line 4: items: .*None is not"),
    (_change(3, user_id="nobody"), "line 4: user_id 'nobody' is not in the"),
    (_change(3, user_id=None), "line 4: user_id is missing"),
    (_change(3, user_id="u2"), "line 4: a second line for user_id 'u2', test"),
    (_change(3, split="dev"), "line 4: split: expected one of .* got 'dev'"),
    (lambda rows: rows.pop(5), "a line for each of 40 users of split 'test', "
     "found none for user_id 'u5' and 0 more"),
    (_change(3, item=["i1"]), "unknown column of .*'item'.*Did you mean"),
    (lambda rows: [row.pop("items") for row in rows], "expected the columns"),
    (lambda rows: [row.update(items="i1") for row in rows],
     "items: expected lists of ids"),
    (lambda rows: [row.update(relevant=row["items"][1:2]) for row in rows],
     "line 41: relevant: target 'i.*' of user_id 'u0', validation, is not"),
    (lambda rows: [_add_unlisted(row) for row in rows],
     r"line 41: relevant: item 'i\d+' is not among items"),
  ],
)  # fmt: skip
def test_a_file_that_cannot_be_used(data_dir, world, tmp_path, change, message):
  rows = _both(world)
  change(rows)
  path = _write(tmp_path / "mine.jsonl", rows)
  with pytest.raises(InputError, match=message) as error:
    build.build(data_dir, "games", candidates="file", candidates_file=path)
  assert str(path) in str(error.value)
  folder = records_dir(data_dir, "games")
  assert not folder.exists()
  assert not list(folder.parent.glob(".*"))


def test_a_bad_file_leaves_older_records_alone(data_dir, world, tmp_path):
  build.build(data_dir, "games")
  before = read.load_split(data_dir, "games", "test")["candidates"]
  path = _write(tmp_path / "mine.jsonl", _both(world)[:7])
  with pytest.raises(InputError, match="and 39 more"):
    build.build(
      data_dir,
      "games",
      candidates="file",
      candidates_file=path,
      overwrite=True,
    )
  after = read.load_split(data_dir, "games", "test")["candidates"]
  np.testing.assert_array_equal(before, after)


def test_a_line_that_is_no_json(data_dir, tmp_path):
  path = tmp_path / "mine.jsonl"
  path.write_text('{"user_id": "u0", "items": ["i1"]}\n["u1"]\n')
  with pytest.raises(InputError, match=r"line 2: expected .* got '\[\"u1\"\]'"):
    build.build(data_dir, "games", candidates="file", candidates_file=path)


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda s: s[:-1], r"shape \[users, items\] = \[40, 60\], .* \[39, 60\]"),
    (lambda s: s[:, 0], r"got float32 of shape \[40\]"),
    (lambda s: s.astype(str), "expected real numbers"),
    (lambda s: np.where(np.arange(60) == 7, np.nan, s),
     "row 0: the score of item 7 is not a number"),
  ],
)  # fmt: skip
def test_scores_that_cannot_be_used(data_dir, world, tmp_path, make, message):
  path = tmp_path / "scores.npy"
  np.save(path, make(_retrieved(world)))
  with pytest.raises(InputError, match=message):
    build.build(data_dir, "games", candidates="hard", candidates_file=path)


def test_scores_that_are_no_numpy_file(data_dir, tmp_path):
  path = tmp_path / "scores.npy"
  path.write_text("1, 2, 3")
  with pytest.raises(InputError, match="cannot be read"):
    build.build(data_dir, "games", candidates="hard", candidates_file=path)


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"candidates": "popular"}, "Did you mean 'popularity'"),
    ({"candidates": "hard"}, "'hard' need candidates_file, .jsonl or .parquet"),
    (
      {"candidates_file": "x.npy"},
      "do not take candidates_file: only hard and",
    ),
    ({"among": 20}, "'uniform' do not take among: only hard do"),
    ({"candidates": "file", "candidates_file": "x.npy"}, "kind of file: x.npy"),
    (
      {"candidates": "file", "candidates_file": "x.jsonl", "num_negatives": 9},
      "'file' do not take num_negatives: only uniform",
    ),
    (
      {"candidates": "hard", "candidates_file": "x.npy", "among": 8},
      "among is 8: expected at least num_negatives, 9",
    ),
    ({"candidates": "hard", "candidates_file": "x.npy"}, "x.npy: no such file"),
  ],
)
def test_choices_that_do_not_go_together(data_dir, options, message):
  with pytest.raises(InputError, match=message):
    build.build(data_dir, "games", **options)


def test_popular_negatives_are_more_popular(data_dir):
  means = []
  for kind in ("uniform", "popularity"):
    build.build(
      data_dir, "games", candidates=kind, num_negatives=20, overwrite=True
    )
    got = read.load_split(data_dir, "games", "test")
    count = read.load_catalogue(data_dir, "games")["train_count"].to_numpy()
    means.append(count[got["candidates"]].mean())
  assert means[1] > means[0]
