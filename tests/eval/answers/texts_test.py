"""BLEU and ROUGE against the libraries' own figures, and by hand."""

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU

from instructrec_jax.errors import InputError
from instructrec_jax.eval.answers import texts

WORDS = ["cheap", "blue", "games", "for", "who", "like", "puzzles", "."]


def draw(n, seed=0):
  rng = np.random.default_rng(seed)
  return [
    " ".join(rng.choice(WORDS, rng.integers(1, 12))) for _ in range(2 * n)
  ]


def test_agrees_with_sacrebleu_and_rouge_score():
  drawn = draw(50)
  generated, references = drawn[:50], drawn[50:]
  found = texts.measure(generated, references, seed=0)
  for order in (1, 2):
    theirs = BLEU(max_ngram_order=order).corpus_score(generated, [references])
    assert found[f"bleu-{order}"].value == pytest.approx(theirs.score / 100)
  scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
  scores = [
    scorer.score(r, g) for g, r in zip(generated, references, strict=True)
  ]
  for name in ("1", "2", "l"):
    theirs = np.mean([s[f"rouge{name.upper()}"].fmeasure for s in scores])
    assert found[f"rouge-{name}"].value == pytest.approx(theirs)
  assert all(e.low < e.value < e.high for e in found.values())


def test_by_hand():
  # Five of six words, three of five pairs; the reference has six words too.
  found = texts.measure(
    ["the cat sat on a mat"], ["the cat sat on the mat"], seed=0
  )
  assert found["bleu-1"].value == pytest.approx(5 / 6)
  assert found["bleu-2"].value == pytest.approx((5 / 6 * 3 / 5) ** 0.5)
  assert found["rouge-1"].value == pytest.approx(5 / 6)
  assert found["rouge-2"].value == pytest.approx(3 / 5)
  assert found["rouge-l"].value == pytest.approx(5 / 6)


def test_brevity():
  found = texts.measure(["the cat"], ["the cat sat on"], seed=0)
  assert found["bleu-1"].value == pytest.approx(np.exp(1 - 4 / 2))


@pytest.mark.parametrize("generated", ["", "dog", "dog dog"])
def test_nothing_in_common(generated):
  found = texts.measure([generated], ["the cat"], seed=0)
  assert all(e.value == e.low == e.high == 0 for e in found.values())


def test_misfits():
  with pytest.raises(InputError, match="references, got 1 and 2"):
    texts.measure(["a"], ["a", "b"], seed=0)
  with pytest.raises(InputError, match="no request"):
    texts.measure([], [], seed=0)
