"""PixelRec (Westlake): videos whose covers people clicked, with their texts.

The titles are in Chinese.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from instructrec_jax.data.formats import markup, quoted
from instructrec_jax.data.formats.raw import Raw
from instructrec_jax.data.formats.spool import Spool
from instructrec_jax.data.formats.text import Field

_TIME = pl.col("timestamp").cast(pl.Int64, strict=False)
_TAGS = pl.concat_list("tag").map_batches(markup.labels, pl.List(pl.String))


def read(files: Mapping[str, Path], scratch: Path) -> Raw:
  """Reads a table of interactions and a table of at least their items.

  Args:
    files: "interactions" and "items".
    scratch: a folder for descriptions until their rows are known.
  """
  clicks = quoted.load(
    files["interactions"],
    {
      "user": Field("user_id", required=True),
      "item": Field("item_id", required=True),
      # Lasts until 2106 and takes half the memory of a table's Int64.
      "timestamp": Field("timestamp", pl.UInt32, required=True, value=_TIME),
    },
  )
  spool = Spool(scratch / "items")
  videos = quoted.load(
    files["items"],
    {"item_id": Field("item_id", required=True), "title": Field("title")},
    long={
      "categories": _TAGS,
      "description": pl.col("description").map_batches(markup.plain, pl.String),
    },
    spool=spool,
  )
  return Raw(
    clicks.rows,
    videos.rows,
    bad={"interactions": clicks.bad, "items": videos.bad},
    noted={"interactions": clicks.noted, "items": videos.noted},
    spooled={"items": spool},
  )
