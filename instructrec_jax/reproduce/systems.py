"""How each system of the tables is made. A system is one row of `SYSTEMS`."""

import dataclasses
from collections.abc import Mapping

# A baseline scores requests without training. A model of items is trained on
# the histories of a dataset, and one of texts on its instructions.
BASELINE, ITEMS, TEXTS = KINDS = ("baseline", "items", "texts")


@dataclasses.dataclass(frozen=True)
class System:
  """One system.

  Attributes:
    kind: One of `KINDS`.
    gin_file: The file of a model of items; None for other kinds. The file of
      the model of texts is a choice of the user.
    reads_vectors: Whether it needs the folder of `instructrec vectors`.
    reads_query: Whether it answers queries, so that each query of a row needs a
      training of its own.
  """

  kind: str
  gin_file: str | None = None
  reads_vectors: bool = False
  reads_query: bool = False


# The model of texts by default: on CPUs, and on accelerators.
TINY = "experiments/games_tiny.gin"
FLAGSHIP = "experiments/video_games_2018_flan_t5_xl.gin"
# Whose highest items are the hard negatives.
RETRIEVER = "two_towers"
# By the name that tables show. A baseline's name is its key in `BASELINES`.
SYSTEMS: Mapping[str, System] = {
  "random": System(BASELINE),
  "popularity": System(BASELINE),
  "next_item": System(BASELINE),
  "repeat_label": System(BASELINE),
  "title_similarity": System(BASELINE),
  "bm25": System(BASELINE),
  "gru4rec": System(ITEMS, "models/gru4rec.gin"),
  "bert4rec": System(ITEMS, "models/bert4rec.gin"),
  "sasrec": System(ITEMS, "models/sasrec.gin"),
  "sasrec_text": System(ITEMS, "models/sasrec_text.gin", reads_vectors=True),
  "two_towers": System(ITEMS, "models/two_towers.gin"),
  "dssm": System(ITEMS, "models/dssm.gin", reads_query=True),
  "tem": System(ITEMS, "models/tem.gin", reads_query=True),
  "t5": System(TEXTS),
}
