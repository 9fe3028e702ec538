"""BLEU and ROUGE of generated texts, with sacrebleu and rouge-score.

All figures are from 0 to 1; sacrebleu prints them times 100. rouge-score counts
only the letters a to z and digits, so it cannot measure other scripts.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from instructrec_jax.errors import InputError
from instructrec_jax.eval import resampling

_ORDERS = (1, 2)
_ROUGE = {"rouge1": "rouge-1", "rouge2": "rouge-2", "rougeL": "rouge-l"}


def measure(
  generated: Sequence[str], references: Sequence[str], seed: int
) -> dict[str, resampling.Estimate]:
  """Measures texts against one reference each.

  Args:
    generated: B texts.
    references: B texts.
    seed: Seed of the bootstrap.

  Returns:
    bleu-1 and bleu-2 (Papineni et al., 2002), corpus BLEU with n-grams up to
    that length, sacrebleu's tokenizer "13a" and no smoothing; and rouge-1,
    rouge-2 and rouge-l (Lin, 2004), the mean F measures without stemming.

  Raises:
    InputError: There is no text, or the numbers of texts differ.
  """
  if len(generated) != len(references):
    raise InputError(
      "texts: expected as many generated ones as references, got "
      f"{len(generated)} and {len(references)}"
    )
  counts = _bleu_counts(generated, references)
  rouge = _rouge(generated, references)
  return resampling.estimates(
    counts | rouge,
    seed,
    lambda means: _bleu(means) | {name: means[name] for name in rouge},
  )


def _bleu_counts(
  generated: Sequence[str], references: Sequence[str]
) -> dict[str, np.ndarray]:
  """Returns the counts that BLEU is computed from: integers [B] by name."""
  # Imported here, because only this metric needs it.
  from sacrebleu.metrics import BLEU

  bleu = BLEU(
    max_ngram_order=max(_ORDERS), smooth_method="none", effective_order=True
  )
  scores = [
    bleu.sentence_score(text, [reference])
    for text, reference in zip(generated, references, strict=True)
  ]
  return {
    "length": np.array([score.sys_len for score in scores]),
    "reference": np.array([score.ref_len for score in scores]),
    **{
      f"{name}-{order}": np.array(
        [getattr(score, name)[order - 1] for score in scores]
      )
      for name in ("counts", "totals")
      for order in _ORDERS
    },
  }


def _bleu(means: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Returns the geometric mean of the precisions, with the brevity penalty.

  Only ratios of counts matter, so their means serve as well as their sums.
  """
  with np.errstate(divide="ignore", invalid="ignore"):
    brevity = np.exp(
      np.minimum(0.0, 1.0 - means["reference"] / means["length"])
    )
    precisions = [
      np.divide(means[f"counts-{order}"], means[f"totals-{order}"])
      for order in _ORDERS
    ]
  figures = {}
  for order in _ORDERS:
    product = np.prod(precisions[:order], axis=0)
    # A division by 0 means that there are no n-grams, so BLEU is 0.
    figures[f"bleu-{order}"] = np.nan_to_num(brevity * product ** (1 / order))
  return figures


def _rouge(
  generated: Sequence[str], references: Sequence[str]
) -> dict[str, np.ndarray]:
  from rouge_score.rouge_scorer import RougeScorer

  scorer = RougeScorer(list(_ROUGE))
  scores = [
    scorer.score(reference, text)
    for text, reference in zip(generated, references, strict=True)
  ]
  return {
    ours: np.array([score[theirs].fmeasure for score in scores])
    for theirs, ours in _ROUGE.items()
  }
