"""Counts the titles that a vocabulary cannot write.

A model tells titles apart by their tokens. A title of unknown pieces alone, and
one with the tokens of another title, can be told from no other.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import polars as pl
import sentencepiece

from instructrec_jax.errors import InputError

# The piece of a blank, which begins every word, known or not.
_BLANK = "\N{LOWER ONE EIGHTH BLOCK}"
_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Unwritable:
  """The titles of a catalogue that cannot be told apart.

  Attributes:
    items: number of items.
    unknown: the titles of unknown pieces alone.
    alike: the titles with the tokens of another title, without `unknown`.
    repeated: number of items whose title another item has, word for word.
  """

  items: int
  unknown: Sequence[str]
  alike: Sequence[str]
  repeated: int

  def lines(self) -> Iterator[str]:
    """Yields a sentence for each kind of such titles."""
    if self.unknown:
      yield (
        f"{len(self.unknown):,} of {self.items:,} titles hold only unknown "
        f"pieces, so the vocabulary cannot write them: {_some(self.unknown)}"
      )
    if self.alike:
      yield (
        f"{len(self.alike):,} of {self.items:,} titles have the same tokens as "
        f"another title in this vocabulary: {_some(self.alike)}"
      )
    if self.repeated:
      yield (
        f"{self.repeated:,} of {self.items:,} items have the title of another "
        "item, and no answer can tell them apart"
      )

  def counts(self) -> dict[str, int]:
    """Returns the counts for a manifest, without zeros."""
    counts = {
      "titles_of_unknown_pieces": len(self.unknown),
      "titles_of_the_same_tokens": len(self.alike),
    }
    return {name: count for name, count in counts.items() if count}

  def check(self, dataset: str, vocabulary: str) -> None:
    """Refuses titles of which most cannot be told apart.

    Raises:
      InputError: they are more than half of the items.
    """
    if 2 * (len(self.unknown) + len(self.alike)) > self.items:
      raise InputError(
        f"{dataset} cannot be ranked with the vocabulary {vocabulary!r}: "
        f"{'; '.join(self.lines())}. Use a vocabulary of these texts, such as "
        "the one that `instructrec build --vocabulary_size` trains"
      )


def unwritable(titles: Sequence[str], model: bytes) -> Unwritable:
  """Returns the titles that a SentencePiece model cannot write.

  Args:
    titles: the title of each item.
    model: the serialized SentencePiece model.
  """
  pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
  nothing = [pieces.unk_id(), pieces.piece_to_id(_BLANK)]
  rows = pl.DataFrame(
    {"title": list(titles), "tokens": pieces.encode(list(titles))},
    schema={"title": pl.String, "tokens": pl.List(pl.Int32)},
  )
  known = pl.col("tokens").list.eval(
    pl.element().filter(~pl.element().is_in(nothing))
  )
  tokens = pl.col("tokens").list.eval(pl.element().cast(pl.String))
  rows = rows.select(
    "title", unknown=known.list.len() == 0, tokens=tokens.list.join(" ")
  ).with_columns(
    alike=pl.col("title").n_unique().over("tokens") > 1,
    repeated=pl.len().over("title") > 1,
  )
  return Unwritable(
    items=rows.height,
    unknown=rows.filter("unknown")["title"].to_list(),
    alike=rows.filter("alike", ~pl.col("unknown"))["title"].to_list(),
    repeated=int(rows["repeated"].sum()),
  )


def _some(titles: Sequence[str]) -> str:
  named = ", ".join(f"{title!r:.60}" for title in titles[:_NAMED])
  more = len(titles) - _NAMED
  return named if more <= 0 else f"{named} and {more:,} more"
