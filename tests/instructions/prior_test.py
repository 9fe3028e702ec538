"""Other users' requests differ from a request in the user's parts alone."""

import gin
import numpy as np
import pytest
import seqio

from instructrec_jax import tasks
from instructrec_jax.instructions.score_features import score_features


@pytest.mark.parametrize("form", ["t0", "t2", "t3"])
def test_features_of_a_request(small_data, form):
  gin.parse_config("vocabulary.location = 'small'")
  tasks.use_records(small_data / "records")
  task = seqio.get_mixture_or_task(f"instructrec_small_p1_i0_{form}")
  with gin.unlock_config():
    gin.bind_parameter("score_features.measured", True)
    gin.bind_parameter("score_features.prior_requests", 2)
  assert score_features().requests == 2
  lengths = {"inputs": 192, "targets": 16}
  rows = [
    *task.get_dataset(lengths, "validation", shuffle=False)
    .take(6)
    .as_numpy_iterator()
  ]
  titles = task.source.catalogue
  vocabulary = task.output_features["inputs"].vocabulary
  counts = titles.items["train_count"].to_numpy()
  for row in rows:
    own = vocabulary.decode(row["inputs"].tolist())
    others = [
      vocabulary.decode(tokens[tokens > 0].tolist())
      for tokens in row["prior_inputs"]
    ]
    assert len(others) == 2
    assert own not in others
    shown = row["candidate_items"][row["asked"]]
    np.testing.assert_allclose(
      row["log_popularity"][: len(shown)], np.log1p(counts[shown]), rtol=1e-6
    )
    if form == "t3":  # The same candidates, in the same order.
      for title in row["candidates_pretokenized"]:
        assert all(title.decode() in text for text in others)
  if form == "t2":  # The same users for all requests of a wording.
    by_wording = {}
    for row in rows:
      found = by_wording.setdefault(row["template"], row["prior_inputs"])
      np.testing.assert_array_equal(found, row["prior_inputs"])
