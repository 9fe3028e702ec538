"""A model of items is trained, resumed and evaluated as any other model is."""

import json

import jax
import numpy as np
import pytest
from etils import epath

from instructrec_jax.batches import items
from instructrec_jax.data.records import build
from instructrec_jax.data.records.requests import Requests
from instructrec_jax.errors import InputError
from instructrec_jax.eval.recording import results
from instructrec_jax.model.items import item_model
from instructrec_jax.runs import evaluate, evaluate_items, train
from instructrec_jax.weights import native, orbax_item

FILES = ["runs/native_finetune.gin", "models/sasrec.gin"]


def run(small_data, folder, *bindings, files=FILES, steps=6):
  return train.train(
    gin_file=files,
    gin_bindings=[
      "DATASET = 'small'",
      f"MODEL_DIR = {str(folder)!r}",
      f"TRAIN_STEPS = {steps}",
      "WARMUP_STEPS = 2",
      "BATCH_SIZE = 8",
      "HISTORY_LENGTH = 10",
      "ItemConfig.emb_dim = 16",
      "ItemConfig.mlp_dim = 32",
      *bindings,
    ],
    tfds_data_dir=str(small_data / "records"),
  )


@pytest.fixture(scope="module")
def model_dir(small_data, tmp_path_factory):
  folder = tmp_path_factory.mktemp("runs") / "sasrec"
  run(small_data, folder)
  return folder


def params(folder, step):
  item = epath.Path(folder) / native.CHECKPOINTS / str(step) / native.PARAMS
  return orbax_item.load(item, None)


def test_a_run_resumes_bit_for_bit(small_data, model_dir, tmp_path):
  again = tmp_path / "again"
  run(small_data, again, "CHECKPOINT_PERIOD = 2", "MAX_SECONDS = 0.001")
  [first] = [p.name for p in (again / native.CHECKPOINTS).iterdir()]
  assert 0 < int(first) < 6
  run(small_data, again)
  jax.tree.map(
    np.testing.assert_array_equal, params(again, 6), params(model_dir, 6)
  )


def test_its_manifest_tells_the_data(model_dir):
  manifest = json.loads((model_dir / "manifest.json").read_text())
  made_of = manifest["made_of"]
  assert made_of["dataset"] == "small"
  assert made_of["objective"] == "next"
  assert made_of["train_on_validation"] is False
  assert manifest["vocabulary"] == {}
  assert "tensorflow" not in manifest["versions"]


def test_another_objective_is_another_run(small_data, model_dir):
  with pytest.raises(
    InputError, match=r"with objective next, but got .*masked"
  ):
    run(small_data, model_dir, "OBJECTIVE = 'masked'", steps=7)


def test_candidates_are_ranked(small_data, model_dir, tmp_path):
  [folder] = evaluate.evaluate(model_dir, out=tmp_path, split="test")
  result = results.read_result(folder)
  predictions = results.read_predictions(folder)
  requests = Requests.load(small_data, "small", "test")
  assert folder == epath.Path(tmp_path) / "small" / "6"
  assert (result.system, result.step, result.n) == ("sasrec", 6, len(requests))
  np.testing.assert_array_equal(predictions.candidates, requests.candidates)


def test_a_sample_of_the_requests_is_drawn_as_for_texts(model_dir, tmp_path):
  [folder] = evaluate.evaluate(
    model_dir, out=tmp_path, split="validation", num_requests=7, sample_seed=3
  )
  result = results.read_result(folder)
  assert result.n == 7
  assert result.sample == {"num_requests": 7, "seed": 3}


def test_the_catalogue_is_ranked_without_what_a_user_has(
  small_data, model_dir, tmp_path
):
  shares = {}
  for exclude in (True, False):
    [folder] = evaluate.evaluate(
      model_dir,
      out=tmp_path / str(exclude),
      rank="catalogue",
      exclude_history=exclude,
    )
    assert "catalogue" in folder.parts
    predictions = results.read_predictions(folder)
    requests = Requests.load(small_data, "small", "test")
    shares[exclude] = np.mean(
      [
        np.isin(row[row >= 0], history).any()
        for row, history in zip(
          predictions.candidates, requests.histories, strict=True
        )
      ]
    )
  assert shares[True] == 0 < shares[False]


def test_validation_measures_nothing_after_training_on_it(small_data, tmp_path):
  folder = tmp_path / "more"
  run(small_data, folder, "TRAIN_ON_VALIDATION = True", steps=3)
  with pytest.raises(InputError, match="learned from the targets of valid"):
    evaluate.evaluate(folder, out=tmp_path / "out", split="validation_2k")
  [result] = evaluate.evaluate(folder, out=tmp_path / "out", split="test_2k")
  assert results.read_result(result).split == "test_2k"


def test_other_items_are_refused(small_data):
  catalogue = items.item_catalogue("small", str(small_data / "records"))
  with pytest.raises(InputError, match="trained on the items of 'small'"):
    evaluate_items.check_items(
      {"dataset": "small", "items": "0" * 16},
      catalogue,
      item_model.ItemModel(catalogue),
    )


@pytest.mark.parametrize(
  ("settings", "told"),
  [
    ({"split": "train"}, "unknown split with candidates 'train'"),
    ({"rank": "all"}, "unknown choice of what to rank 'all'"),
    ({"procedure": "adaptive"}, "procedure 'adaptive' asks a model of texts"),
  ],
)
def test_bad_settings_are_told(model_dir, tmp_path, settings, told):
  with pytest.raises(InputError, match=told):
    evaluate.evaluate(model_dir, out=tmp_path, **settings)


def test_queries_are_no_sequences(small_data, tmp_path):
  build.build(small_data, "small", variant="search")
  with pytest.raises(InputError, match="holds queries and no sequences"):
    run(small_data, tmp_path / "run", "DATASET = 'small_search'")
