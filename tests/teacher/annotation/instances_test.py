"""What a teacher is asked, and what it is not told."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax.teacher.annotation import command, instances
from instructrec_jax.teacher.asked import chat, manner, prompts
from instructrec_jax.teacher.checks import validate
from instructrec_jax.teacher.protocol import INSTANCE, PREFERENCE
from instructrec_jax.teacher.rules.extractive import Extractive
from tests.teacher.asked.chat_server import ChatServer


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


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_what_is_target_free_does_not_change_with_the_target(shop_dir, data):
  interactions, items = _tables(shop_dir)
  user = data.draw(st.integers(0, interactions["user"].max()), "user")
  interactions = interactions.filter(
    pl.col("user").cast(pl.Int64).is_between(user - 2, user + 2)
  )
  rows = (
    interactions.with_row_index().filter(pl.col("user") == user)["index"]
  ).to_list()
  place = data.draw(st.integers(1, len(rows) - 1), "place")
  at = pl.int_range(pl.len()).is_in(rows[place:])
  # All from the target on: other items, reviews and ratings.
  other = interactions.with_columns(
    item=pl.when(at)
    .then((pl.col("item") + data.draw(st.integers(1, 50))) % items.height)
    .otherwise("item")
    .cast(pl.UInt32),
    rating=pl.when(at).then(pl.lit(data.draw(st.floats(0, 9)))).otherwise(
      "rating").cast(pl.Float32),
    review=pl.when(at).then(pl.lit(data.draw(st.text()))).otherwise("review"),
    summary=pl.when(at).then(pl.lit("Other words")).otherwise("summary"),
  )  # fmt: skip
  # And the target itself is another thing, unless the history has it too.
  target, met = interactions["item"][rows[place]], rows[:place]
  changed = pl.col("item") == target
  if target not in interactions["item"].gather(met):
    items_2 = items.with_columns(
      title=pl.when(changed).then(pl.lit("A Changed Title")).otherwise("title"),
      categories=pl.when(changed)
      .then(pl.lit(["other", "Thing"]))
      .otherwise("categories"),
      brand=pl.when(changed).then(pl.lit("Else")).otherwise("brand"),
      price=pl.when(changed).then(pl.lit(1.0)).otherwise("price").cast(
        pl.Float32),
    )  # fmt: skip
  else:
    items_2 = items
  texts, asked = [], []
  for tables in ((interactions, items), (other, items_2)):
    chosen = instances.choose(*tables, 99, None, None)
    [instance] = chosen.frame.filter(
      (pl.col("user") == user) & (pl.col("position") == place)
    )[INSTANCE]
    teacher = Extractive("shop", 0, chosen.keys)
    found = pl.concat(teacher.answer(PREFERENCE, chosen.preference_requests()))
    found = found.filter(pl.col(INSTANCE) == instance)
    checked = found.select(INSTANCE, text="preference").drop_nulls()
    checked = validate.check(chosen.beside("preference", checked), "preference")
    texts.append((found.rows(), checked.select("text", "reason").rows()))
    [request] = (
      batch.filter(pl.col(INSTANCE) == instance).row(0, named=True)
      for batch in chosen.preference_requests()
    )
    asked.append(
      [chat.Chat("toy", manner.TEACHING.sampling).body(PREFERENCE, request),
       prompts.plain(PREFERENCE, "preference", request)]
    )  # fmt: skip
  assert texts[0] == texts[1]
  assert asked[0] == asked[1]


def test_what_is_sent_for_a_preference_has_nothing_of_its_target(shop, quick):
  with ChatServer() as server:
    command.annotate(
      "shop", "api", data_dir=shop, model="toy", base_url=server.url
    )
    sent = {
      request["messages"][-1]["content"]
      for request in server.requests
      if request["messages"][-1]["content"].startswith('{"had"')
    }
  # The same, told from tables in which no target was ever taken.
  interactions, items = _tables(shop)
  expected = set()
  for row in instances.choose(interactions, items, 1, None, None).frame.rows(
    named=True
  ):
    known = interactions[row["first"] : row["row"]]
    told = known.join(items, "item", maintain_order="left").tail(
      instances.HISTORY
    )
    told = told.select(
      "title", "categories", "brand", "price", "rating"
    ).to_dict(as_series=False)
    expected.add(
      json.dumps(prompts.facts(PREFERENCE, told), ensure_ascii=False)
    )
  assert sent == expected


def test_a_preference_is_held_against_its_history_and_not_the_target(shop):
  chosen = instances.choose(*_tables(shop), 0, None, None)
  texts = chosen.frame.select(INSTANCE, text=pl.lit("I like it"))
  histories = pl.concat(chosen.preference_requests())["title"]
  held = chosen.beside("preference", texts)["titles"]
  assert held.to_list() == histories.to_list()
  held = chosen.beside("vague_intention", texts)["titles"]
  assert held.explode().to_list() == chosen.target_items["title"].to_list()
