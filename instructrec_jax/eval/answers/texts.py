"""BLEU and ROUGE of generated texts, as sacrebleu and rouge-score count them.

All figures are from 0 to 1; sacrebleu prints them times 100. ROUGE knows
letters a to z and digits only, so it says nothing of other scripts.
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
    seed: of the bootstrap.

  Returns:
    bleu-1 and bleu-2 (Papineni et al., 2002) of all texts together, with
    n-grams up to that length, sacrebleu's tokens ("13a"), and no smoothing; and
    rouge-1, rouge-2 and rouge-l (Lin, 2004), the mean F measure, unstemmed.

  Raises:
    InputError: there is no text, or not as many of both.
  """
  if len(generated) != len(references):
    raise InputError(
      f"texts: {len(generated)} generated, but {len(references)} references"
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
  """Returns what BLEU is worked out of: whole numbers [B] by name."""
  # Only who measures texts waits for these libraries.
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
  """Returns the geometric mean of the precisions, less for brevity.

  Counts' means are in the proportion of their sums, which is all that counts.
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
    # Where there is nothing to divide by, there is nothing in common.
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
