"""Scores of candidates: their log-likelihood."""

import hypothesis
import hypothesis.strategies as st
import jax
import numpy as np
import pytest

from instructrec_jax.model import (
  ranking_model,
)
from tests.model import golden as golden_file

GOLDEN = golden_file.load("tiny")


CONFIG = GOLDEN["config"]


MODEL = ranking_model.RankingModel(CONFIG)


SCORE = jax.jit(MODEL.score_batch)


@jax.jit
def logits_of(params, batch):
  segments = batch.get("decoder_segment_ids")
  return MODEL.module.apply(
    {"params": params},
    batch["encoder_input_tokens"],
    batch["decoder_input_tokens"][:, None],
    batch.get("encoder_segment_ids"),
    None if segments is None else segments[:, None],
  )[:, 0]


@pytest.fixture(scope="module")
def golden():
  return GOLDEN


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_a_score_may_be_divided_by_a_power_of_the_length(golden, power):
  tokens = golden["candidates"]
  model = ranking_model.RankingModel(CONFIG, length_power=power)
  more = np.zeros_like(tokens[:, :1])  # An absent one.
  scores = jax.jit(model.score_batch)(
    golden["params"],
    {
      "encoder_input_tokens": golden["inputs"],
      "candidate_tokens": np.concatenate([tokens, more], axis=1),
    },
  )
  lengths = (tokens > 0).sum(axis=-1)
  shares = lengths / lengths.mean(axis=1, keepdims=True)
  assert (shares != 1).any()
  expected = golden["scores"] / shares**power
  np.testing.assert_allclose(scores[:, :-1], expected, rtol=2e-5)
  assert (np.asarray(scores)[:, -1] == -np.inf).all()


def test_a_candidate_of_one_token_is_worth_its_likelihood(golden):
  """With nothing but the start before it."""
  inputs = golden["inputs"]
  tokens = np.array([[[5]] * 2] * len(inputs), np.int32)
  batch = {"encoder_input_tokens": inputs, "candidate_tokens": tokens}
  start = {
    "encoder_input_tokens": inputs,
    "decoder_input_tokens": np.zeros((len(inputs), 1), np.int32),
  }
  logp = jax.nn.log_softmax(logits_of(golden["params"], start))[:, 0, 5]
  scores = SCORE(golden["params"], batch)
  np.testing.assert_allclose(scores, np.stack([logp, logp], 1), rtol=2e-5)


@hypothesis.settings(deadline=None, max_examples=15)
@hypothesis.given(st.permutations(range(4)), st.permutations(range(3)))
def test_scores_follow_their_candidate_and_request(candidates, requests):
  inputs, tokens = GOLDEN["inputs"], GOLDEN["candidates"]
  scores = SCORE(
    GOLDEN["params"],
    {
      "encoder_input_tokens": inputs[requests],
      "candidate_tokens": tokens[requests][:, candidates],
    },
  )
  expected = GOLDEN["scores"][requests][:, candidates]
  np.testing.assert_allclose(scores, expected, rtol=2e-5)


@pytest.mark.parametrize("rows", [slice(0, 1), slice(1, 3)])
@pytest.mark.parametrize("pad", [(0, 0, 0), (10, 0, 0), (0, 2, 0), (3, 1, 5)])
def test_padding_and_batch_size_change_no_score(golden, pad, rows):
  more_input, more_candidates, more_target = pad
  scores = SCORE(
    golden["params"],
    {
      "encoder_input_tokens": np.pad(
        golden["inputs"][rows], ((0, 0), (0, more_input))
      ),
      "candidate_tokens": np.pad(
        golden["candidates"][rows],
        ((0, 0), (0, more_candidates), (0, more_target)),
      ),
    },
  )
  expected = golden["scores"][rows]
  np.testing.assert_allclose(scores[:, :4], expected, rtol=2e-5)
  assert (np.asarray(scores)[:, 4:] == -np.inf).all()
