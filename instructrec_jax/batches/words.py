"""Words and letter trigrams of texts, hashed into a fixed number of buckets.

DSSM (Huang et al. 2013) reads a text as the letter trigrams of its words: "cat"
has #ca, cat and at#. They need no vocabulary, and a word that training has
never seen shares trigrams with others. Here the words themselves come first.
"""

import zlib

import numpy as np
import polars as pl

from instructrec_jax.data import ragged

_WORD = r"[\p{L}\p{N}]+"


def hashed(
  texts: pl.Series, buckets: int, most: int
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the buckets of each text's words, then those of its trigrams.

  The buckets of a text are the same on any machine and in any version.

  Args:
    texts: The texts; null for none.
    buckets: The number of buckets.
    most: The most buckets of a text. Those beyond it are left out.

  Returns:
    int32 [total], 1 + the bucket, one text after the other; and int64
    [texts + 1], where each text's begin.
  """
  words = (
    pl.DataFrame({"text": texts.cast(pl.String)})
    .with_row_index("row")
    .select(
      "row", word=pl.col("text").str.to_lowercase().str.extract_all(_WORD)
    )
    .explode("word")
    .drop_nulls()
  )
  marked = pl.concat_str(pl.lit("#"), "word", pl.lit("#"))
  pieces = words.select(pl.col("word").unique(maintain_order=True)).select(
    "word",
    # The blank keeps a word of three letters apart from a trigram.
    whole=pl.concat_list(pl.concat_str(pl.lit(" "), "word")),
    trigrams=pl.concat_list(
      marked.str.slice(start).str.extract_all(".{3}") for start in range(3)
    ),
  )
  found = words.join(pieces, on="word", how="left", maintain_order="left")
  found = pl.concat(
    found.select("row", piece=kind).explode("piece").drop_nulls()
    for kind in ("whole", "trigrams")
  ).sort("row", maintain_order=True)
  distinct = found.select(pl.col("piece").unique())["piece"]
  buckets_of = pl.DataFrame(
    {
      "piece": distinct,
      "bucket": [zlib.crc32(p.encode()) % buckets for p in distinct.to_list()],
    },
    schema_overrides={"bucket": pl.Int64},
  )
  found = found.join(buckets_of, on="piece", how="left", maintain_order="left")
  rows = found["row"].to_numpy().astype(np.int64)
  here = ragged.places(rows, len(texts)) < most
  length = np.bincount(rows[here], minlength=len(texts))
  values = (found["bucket"].to_numpy()[here] + 1).astype(np.int32)
  return values, np.concatenate([[0], np.cumsum(length)])


def padded(values: np.ndarray, offsets: np.ndarray, width: int) -> np.ndarray:
  """Returns lists as rows, int32 [lists, width], padded with 0 at the end."""
  here = np.arange(width) < np.diff(offsets)[:, None]
  rows = np.zeros(here.shape, np.int32)
  rows[here] = values
  return rows
