"""The rows of InstructRec's tables 3 to 7: what is asked, and who answers.

A row is a family's instructions on one variant of a dataset's records. All its
systems rank the same candidates.
"""

import dataclasses
from collections.abc import Mapping

from instructrec_jax.data import variants

_ANYBODY = ("random", "popularity")
_OF_HISTORIES = (
  *_ANYBODY, "next_item", "repeat_label", "title_similarity", "gru4rec",
  "bert4rec", "two_towers", "sasrec", "sasrec_text",
)  # fmt: skip
_OF_QUERIES = (*_ANYBODY, "title_similarity", "bm25", "sasrec", "tem")


@dataclasses.dataclass(frozen=True)
class Row:
  """One setting of the paper.

  Attributes:
    table: The table that it belongs to, for --table.
    title: What reports call it.
    family: The family that a model of texts is asked by.
    systems: Keys of `SYSTEMS`, for tables in this order.
    variant: A key of `variants.VARIANTS`.
    query: The text of a record that is the query; None without one.
    sees_target: Whether the query was written from the target.
    procedure: How the model of texts ranks more candidates than an instruction
      shows; None if it ranks them at once.
    other_data: Whether the requests are those of a second dataset, on which
      the model of texts was not trained.
  """

  table: str
  title: str
  family: str
  systems: tuple[str, ...]
  variant: str = variants.PLAIN
  query: str | None = None
  sees_target: bool = False
  procedure: str | None = None
  other_data: bool = False


ROWS: Mapping[str, Row] = {
  "sequential": Row(
    "sequential",
    "Sequential recommendation <P1,I0,T3>",
    "p1_i0_t3",
    (*_OF_HISTORIES, "t5"),
  ),
  "preference": Row(
    "personalized_search",
    "Personalized search by preference <P1,P2,T3>",
    "p1p2_i0_t3",
    (*_OF_QUERIES, "t5"),
    query="preference",
  ),
  "vague_intention": Row(
    "personalized_search",
    "Personalized search by vague intention <P1,I1,T3>",
    "p1_i1_t3",
    (*_OF_QUERIES, "t5"),
    query="vague_intention",
    sees_target=True,
  ),
  "specific_intention": Row(
    "personalized_search",
    "Personalized search by specific intention <P1,I2,T3>",
    "p1_i2_t3",
    (*_OF_QUERIES, "t5"),
    query="specific_intention",
    sees_target=True,
  ),
  "product_search": Row(
    "product_search",
    "Product search <P0,I2,T3>",
    "p0_i2_t3",
    (*_ANYBODY, "bm25", "dssm", "t5"),
    variant="search",
    query="specific_intention",
    sees_target=True,
  ),
  "hard_negatives": Row(
    "hard_negatives",
    "Sequential recommendation with hard negatives",
    "p1_i0_t3",
    (*_OF_HISTORIES, "t5"),
    variant="hard",
  ),
  "of_100": Row(
    "of_100",
    "Sequential recommendation of 100 candidates, in groups of 10",
    "p1_i0_t3",
    (*_OF_HISTORIES, "t5"),
    variant="of_100",
    procedure="rounds",
  ),
  "transfer": Row(
    "transfer",
    "Sequential recommendation on another dataset",
    "p1_i0_t3",
    (*_OF_HISTORIES, "t5"),
    other_data=True,
  ),
}
EVERY_TABLE = "all"
TABLES = (*dict.fromkeys(row.table for row in ROWS.values()), EVERY_TABLE)
