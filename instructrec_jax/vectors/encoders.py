"""What turns texts into vectors: hashed words, or a sentence encoder."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from instructrec_jax.errors import InputError

# The name of the encoder that needs no model.
HASHING = "hashing"
# Wide enough that the words of a title seldom share a column.
_WIDTH = 512


def hashed_words(texts: Sequence[str], width: int = _WIDTH) -> np.ndarray:
  """Returns sums of the words' columns, with signs and weights.

  A word's column and sign are bits of its CRC-32 (the hashing trick, Weinberger
  et al. 2009). Its weight is tf-idf over these texts: its count in the text
  times log((1 + texts) / (1 + texts with the word)) + 1, as scikit-learn has
  it.

  Args:
    texts: The texts.
    width: The number of columns.

  Returns:
    float32 [texts, width], not of unit length.
  """
  words = (
    pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)})
    .with_row_index("row")
    .with_columns(
      word=pl.col("text").str.to_lowercase().str.extract_all(r"\w+")
    )
    .select("row", "word")
    .filter(pl.col("word").list.len() > 0)
    .explode("word")
    .group_by("row", "word")
    .len("count")
    .sort("row", "word")
  )
  distinct = words["word"].unique().sort()
  code_W = np.array(
    [zlib.crc32(word.encode()) for word in distinct.to_list()], np.int64
  )
  of_word = distinct.search_sorted(words["word"]).to_numpy()
  times_W = np.bincount(of_word, minlength=len(distinct))
  idf_W = np.log((1 + len(texts)) / (1 + times_W)) + 1
  sign_W = np.where(code_W >> 31 & 1, -1.0, 1.0)
  vectors = np.zeros((len(texts), width), np.float32)
  np.add.at(
    vectors,
    (words["row"].to_numpy(), (code_W % width)[of_word]),
    (words["count"].to_numpy() * (sign_W * idf_W)[of_word]).astype(np.float32),
  )
  return vectors


def sentences(texts: Sequence[str], folder: str | Path) -> np.ndarray:
  """Returns the vectors of a sentence encoder, float32 [texts, width].

  Args:
    texts: The texts.
    folder: A folder that sentence-transformers can load.

  Raises:
    InputError: The library is missing, or cannot load the folder.
  """
  try:
    import sentence_transformers  # pyrefly: ignore
  except ImportError:
    raise InputError(
      f"{folder} is a sentence encoder, which needs the library "
      "sentence-transformers: install instructrec-jax[vectors], or choose "
      f"--encoder={HASHING}"
    ) from None
  try:
    encoder = sentence_transformers.SentenceTransformer(
      str(folder), local_files_only=True
    )
  except (OSError, ValueError, KeyError) as error:
    told = str(error).partition("\n")[0]
    raise InputError(
      f"{folder}: sentence-transformers cannot load it: {told}"
    ) from error
  return np.asarray(
    encoder.encode(list(texts), batch_size=64, show_progress_bar=None),
    np.float32,
  )
