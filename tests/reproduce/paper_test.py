"""The figures of the paper."""

from instructrec_jax.eval import metrics
from instructrec_jax.reproduce import paper


def test_the_paper_s_figures_can_be_of_ten_candidates():
  """A rank's HR grows with K, and NDCG lies between HR@1 and HR@K."""
  for figures in paper.PAPER.values():
    for hr1, hr3, hr5, ndcg3, ndcg5 in figures.values():
      assert hr1 < hr3 < hr5 <= 1
      assert hr1 <= ndcg3 <= hr3
      assert ndcg3 <= ndcg5 <= hr5
  assert set(paper.METRICS) <= set(metrics.ONE_RELEVANT)
