"""The trie of a dataset's titles, which constrains generation."""

from typing import TYPE_CHECKING

import gin

from instructrec_jax.model import trie

if TYPE_CHECKING:
  from instructrec_jax.data.records.catalogue import Catalogue


@gin.configurable(module="instructrec_jax")
def title_trie(
  dataset: "str | Catalogue" = gin.REQUIRED,
  same_title: str = "first",
  max_length: int | None = None,
) -> trie.Trie:
  """Returns the trie of all titles of a dataset, in the run's vocabulary.

  With `RankingModel.catalogue = @title_trie()` the model generates only titles
  of the trie.

  Args:
    dataset: short name, e.g. "games", or its catalogue.
    same_title: see `trie.build`.
    max_length: see `trie.build`.

  Raises:
    InputError: if the dataset is not built, or for the reasons of `trie.build`.
  """
  # Gin files name this function even if a run needs no records and no SeqIO.
  from instructrec_jax.data.records.catalogue import Catalogue
  from instructrec_jax.vocabulary.run_vocabulary import RUN_VOCABULARY

  if isinstance(dataset, str):
    dataset = Catalogue(dataset)
  return trie.from_titles(
    dataset.items["title"].to_list(),
    RUN_VOCABULARY.tokenizer.encode,
    RUN_VOCABULARY.vocab_size,
    same_title=same_title,
    max_length=max_length,
  )
