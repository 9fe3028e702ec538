"""Hashed words are weighted as scikit-learn weighs them."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import pairwise

from instructrec_jax.vectors import encoders


def test_hashed_words_have_the_cosines_of_scikit_learn():
  texts = ["The red car", "a red, red boat", "", "Boat of the year", "!!"]
  wide = encoders.hashed_words(texts, 2**16)  # No two words share a column.
  counter = TfidfVectorizer(token_pattern=r"\w+", norm=None)
  counted = counter.fit_transform(texts)
  np.testing.assert_allclose(
    pairwise.cosine_similarity(wide),
    pairwise.cosine_similarity(counted),
    atol=1e-6,
  )
  assert not wide[[2, 4]].any()
