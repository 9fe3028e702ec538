import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.data.formats.spool import LINE, Spool


@settings(deadline=None, max_examples=40)
@given(
  rows=st.integers(1, 30),
  order=st.randoms(use_true_random=False),
  part_bytes=st.sampled_from([100, 300, 10**6]),
  bucket_bytes=st.sampled_from([50, 200, 10**6]),
)
def test_rows_come_in_their_order_with_what_was_spooled(
  rows, order, part_bytes, bucket_bytes, tmp_path_factory
):
  folder = tmp_path_factory.mktemp("spool")
  lines = sorted(order.sample(range(1, 200), rows))
  spooled = pl.DataFrame(
    {
      LINE: pl.Series(lines, dtype=pl.UInt32),
      "review": [f"r{n}" * (n % 5) or None for n in lines],
      "summary": pl.Series([None] * rows, dtype=pl.String),
    }
  )
  spool = Spool(folder / "spool", part_bytes)
  for start in range(0, rows, 7):
    spool.add(spooled[start : start + 7])
  kept = order.sample(lines, order.randint(1, rows))
  table = pl.DataFrame(
    {
      "user": range(len(kept)),
      "item": kept,
      LINE: pl.Series(kept, dtype=pl.UInt32),
    }
  )
  path = folder / "x.parquet"
  spool.write(table, "interactions", path, bucket_bytes)
  got = pl.read_parquet(path)
  # No line had a summary.
  want = ["review"] if spooled["review"].null_count() < rows else []
  assert got.columns == ["user", "item", *want]
  assert got["user"].to_list() == list(range(len(kept)))
  assert got["item"].to_list() == kept
  if want:
    assert got["review"].to_list() == [f"r{n}" * (n % 5) or None for n in kept]
  # Nothing is left on disk.
  assert not [p for p in (folder / "spool").rglob("*") if p.is_file()]
