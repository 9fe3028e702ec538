import polars as pl
import pytest

from instructrec_jax import cli, schema
from instructrec_jax.data import splits
from instructrec_jax.data.queries import ANNOTATIONS
from instructrec_jax.teacher.annotation import command
from instructrec_jax.teacher.annotation.annotate import REJECTED
from instructrec_jax.teacher.checks import validate
from tests.teacher.asked.chat_server import ChatServer
from tests.unsealed import unseal


@pytest.fixture
def shop(shop_dir, tmp_path):
  """A data folder of its own with the tables of `shop`."""
  (tmp_path / "tables").mkdir()
  (tmp_path / "tables" / "shop").symlink_to(shop_dir / "tables" / "shop")
  return tmp_path


def _tables(folder):
  tables = folder / "tables" / "shop"
  return tuple(
    pl.read_parquet(tables / f"{name}.parquet")
    for name in ("interactions", "items")
  )


def _read(folder, name=ANNOTATIONS):
  return pl.read_parquet(folder / "annotations" / "shop" / name)


def _run(shop, *argv):
  return cli.main(["annotate", "shop", f"--data_dir={shop}", *argv])


def test_every_instance_has_its_row_and_every_text_its_count(shop):
  manifest = command.annotate("shop", data_dir=shop, per_user=2)
  frame, rejected = _read(shop), _read(shop, REJECTED)
  assert dict(frame.schema) == {
    k: c.dtype for k, c in schema.ANNOTATIONS.items()
  }
  assert dict(rejected.schema) == {
    k: c.dtype for k, c in schema.REJECTED.items()
  }
  interactions, _ = _tables(shop)
  length = interactions.group_by("user").len()["len"]
  # Beside validation and test two training targets: all users have as many.
  assert (length >= splits.MIN_INTERACTIONS + 2).all()
  assert frame.height == 4 * length.len()
  assert frame.select("user", "position").is_duplicated().sum() == 0
  newest = interactions.group_by("user").len().join(frame, "user")
  assert (newest["position"] >= newest["len"] - 4).all()
  for field in validate.FIELDS:
    counts = manifest["counts"][field]
    assert counts["written"] == frame[field].count()
    assert (
      sum(counts["rejected"].values()) == (rejected["field"] == field).sum()
    )
    assert frame.height == counts["written"] + sum(
      counts["rejected"].values()
    ) + sum(counts["absent"].values())
  # The world's customers have a taste, and say what they were after.
  assert frame["preference"].count() > 0.9 * frame.height
  assert frame["vague_intention"].count() > 0.1 * frame.height
  assert frame["specific_intention"].null_count() == 0
  again = command.annotate("shop", data_dir=shop, per_user=2)
  assert again["reused"]


def test_the_same_seed_gives_the_same_texts_whatever_else_is_annotated(shop):
  command.annotate("shop", data_dir=shop)
  one = _read(shop)
  command.annotate("shop", data_dir=shop, per_user=3, overwrite=True)
  three = _read(shop)
  assert one.equals(three.join(one, ["user", "position"], "semi"))
  command.annotate("shop", data_dir=shop, seed=1, overwrite=True)
  assert (_read(shop)["preference"] != one["preference"]).any()


def test_no_text_names_its_item(shop):
  command.annotate("shop", data_dir=shop)
  interactions, items = _tables(shop)
  titles = (
    interactions.with_columns(
      position=pl.int_range(pl.len()).over("user").cast(pl.UInt32)
    )
    .join(items, "item")
    .select("user", "position", "title")
  )
  frame = _read(shop).join(titles, ["user", "position"])
  for field in validate.SENTENCES[1:]:
    named = frame[field].str.contains(frame["title"], literal=True)
    assert not named.any()


def _without(shop, *columns):
  """Replaces the tables by ones without these columns."""
  tables = (shop / "tables" / "shop").resolve()
  (shop / "tables" / "shop").unlink()
  (shop / "tables" / "shop").mkdir()
  for path in tables.iterdir():
    if path.suffix == ".parquet":
      df = pl.read_parquet(path)
      df.drop(set(columns) & set(df.columns)).write_parquet(
        shop / "tables" / "shop" / path.name
      )
    else:
      (shop / "tables" / "shop" / path.name).write_bytes(path.read_bytes())
  unseal(shop / "tables" / "shop")


def test_what_a_dataset_lacks_is_absent_with_the_reason(shop, capsys):
  _without(shop, "review", "summary", "rating", "categories", "brand", "price")
  assert _run(shop) == 0
  said = capsys.readouterr().out
  assert "no reviews in the dataset" in said
  assert "no categories in the dataset" in said
  frame = _read(shop)
  assert frame["vague_intention"].null_count() == frame.height
  # Titles alone still say something.
  assert frame["preference"].count() > 0.2 * frame.height


def test_what_got_no_answer_is_asked_for_again_when_told_to(shop, quick):
  def run(**more):
    return command.annotate(
      "shop", "api", data_dir=shop, model="toy", base_url=server.url,
      num_users=5, max_tries=1, **more,
    )  # fmt: skip

  def fails(n, body):
    return (500, "oops", ()) if n in (3, 7) else None

  with ChatServer(fails) as server:
    first = run()
    absent = sum(
      first["counts"][field]["absent"].get("no answer (HTTP 500)", 0)
      for field in ("preference", "vague_intention")
    )
    assert absent == 2
    assert run()["reused"]
    sent = len(server.requests)
    assert not run(overwrite=True)["reused"]
    assert len(server.requests) == sent + 2
    frame = _read(shop)
    assert frame["preference"].null_count() == 0
    assert frame["vague_intention"].null_count() == 0
    # Nothing is left, so there is nothing to do.
    for overwrite in (False, True):
      again = run(overwrite=overwrite)
      assert again["reused"]
      # Records of the first texts are not of these.
      assert again["fingerprint"] != first["fingerprint"]
