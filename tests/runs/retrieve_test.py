"""Models of queries are trained and evaluated; two towers retrieve."""

import jax
import numpy as np
import polars as pl
import pytest

from instructrec_jax.batches import items, queries
from instructrec_jax.data.records import build, read
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import results
from instructrec_jax.runs import evaluate, retrieve
from tests.runs import evaluate_items_test


def run(small_data, folder, name, *bindings, **options):
  return evaluate_items_test.run(
    small_data,
    folder,
    "ItemConfig.word_buckets = 64",
    *bindings,
    files=["runs/native_finetune.gin", f"models/{name}.gin"],
    **options,
  )


RUNS = {
  "tem": ("DATASET = 'small'", "QUERY = 'vague_intention'"),
  "dssm": ("DATASET = 'small_search'", "QUERY = 'intention'"),
}


@pytest.fixture(scope="module")
def two_towers(small_data, tmp_path_factory):
  folder = tmp_path_factory.mktemp("runs") / "two_towers"
  run(small_data, folder, "two_towers")
  return folder


@pytest.mark.parametrize(
  "name", ["tem", pytest.param("dssm", marks=pytest.mark.thorough)]
)
def test_a_model_of_queries_resumes_and_ranks(small_data, tmp_path, name):
  whole, again = tmp_path / "whole", tmp_path / "again"
  run(small_data, whole, name, *RUNS[name], steps=4)
  run(small_data, again, name, *RUNS[name], "MAX_SECONDS = 0.001", steps=4)
  run(small_data, again, name, *RUNS[name], steps=4)
  jax.tree.map(
    np.testing.assert_array_equal,
    evaluate_items_test.params(again, 4),
    evaluate_items_test.params(whole, 4),
  )
  [folder] = evaluate.evaluate(whole, out=tmp_path / "out")
  catalogue = items.item_catalogue(
    RUNS[name][0].split("'")[1], str(small_data / "records")
  )
  columns = read.read_split(catalogue.folder, "test")
  texts = [columns[n] for n in queries.QUERIES[RUNS[name][1].split("'")[1]]]
  asked = sum(any(one) for one in zip(*texts, strict=True))
  assert 0 < results.read_result(folder).n == asked


def test_a_text_that_no_record_has_is_told(small_data, tmp_path):
  with pytest.raises(
    InputError, match=r"QUERY = 'preference': no record .* preference; its rec"
  ):
    run(
      small_data, tmp_path, "dssm", "DATASET = 'small_search'",
      "QUERY = 'preference'",
    )  # fmt: skip


def test_retrieved_items_are_those_of_a_full_sort(
  small_data, two_towers, tmp_path
):
  file = tmp_path / "found.parquet"
  counts = retrieve.retrieve("small", two_towers, file, small_data, count=7)
  requests = Requests.load(small_data, "small", "test")
  assert counts["test"] == len(requests)
  found = pl.read_parquet(file).filter(split="test")
  seen = read.load_train_items(small_data, "small").to_list()
  ids = read.load_catalogue(small_data, "small")["item_id"].to_list()
  [folder] = evaluate.evaluate(two_towers, out=tmp_path, rank="catalogue")
  ranked = results.read_predictions(folder).candidates
  for row, items_of in enumerate(found["items"].to_list()):
    mine = {
      ids[i] for i in [*seen[requests.user[row]], *requests.histories[row]]
    }
    assert len(items_of) == len({*items_of}) == 7
    assert not mine & {*items_of}
    best = [ids[i] for i in ranked[row] if ids[i] not in mine][:7]
    assert items_of == best


def test_they_are_candidates_of_the_variant(small_data, two_towers, tmp_path):
  file = tmp_path / "found.parquet"
  retrieve.retrieve("small", two_towers, file, small_data, count=20)
  build.build(small_data, "small", variant="hard", candidates_file=file)
  requests = Requests.load(small_data, "small_hard", "test")
  assert requests.candidates.shape == (len(requests), 10)
  [folder] = evaluate.evaluate(
    two_towers, gin_bindings=["DATASET = 'small_hard'"], out=tmp_path / "out"
  )
  assert results.read_result(folder).n == len(requests)


@pytest.mark.parametrize(
  ("dataset", "told"),
  [
    ("small_search", "'small_search' is a variant: retrieve for 'small'"),
    ("other", "instructrec_other"),
  ],
)
def test_bad_datasets_are_told(small_data, two_towers, tmp_path, dataset, told):
  with pytest.raises(InputError, match=told):
    retrieve.retrieve(dataset, two_towers, tmp_path / "x.parquet", small_data)
  assert not (tmp_path / "x.parquet").exists()
