import gin
import numpy as np
import pytest
import seqio

from instructrec_jax.data.records.catalogue import Catalogue
from instructrec_jax.errors import InputError
from instructrec_jax.vocabulary import title_trie


def test_titles_have_the_tokens_that_candidates_have(small):
  """A task's candidates, token for token, are leaves of the trie."""
  gin.bind_parameter("title_trie.dataset", "small")
  tree = title_trie.title_trie()
  assert len(tree.title) == len(Catalogue("small").items)
  ds = seqio.get_mixture_or_task("instructrec_small_p1_i0_t2").get_dataset(
    {"inputs": 160, "targets": 16}, split="test", shuffle=False
  )
  examples = list(ds.as_numpy_iterator())
  assert examples
  for example in examples:
    for item, tokens in zip(
      example["candidate_items"], example["candidates"], strict=True
    ):
      node = 0
      for token in tokens[tokens > 0]:
        children = np.arange(*tree.first_child[node : node + 2])
        node = children[tree.token[children] == token].item()
      assert tree.item[tree.low[node]] == item


def test_a_title_too_long_is_quoted(small):
  with pytest.raises(InputError, match=r"too long: item \d+ '[A-Z]"):
    title_trie.title_trie("small", max_length=2)
