import json
import shutil

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructrec_jax import cli, schema
from instructrec_jax.data import splits
from instructrec_jax.data.queries import ANNOTATIONS
from instructrec_jax.errors import InputError
from instructrec_jax.teacher.annotation import command, instances
from instructrec_jax.teacher.annotation.annotate import REJECTED
from instructrec_jax.teacher.asked import chat, prompts
from instructrec_jax.teacher.checks import validate
from instructrec_jax.teacher.protocol import INSTANCE, INTENTION, PREFERENCE
from instructrec_jax.teacher.rules.extractive import Extractive
from tests.teacher.asked.chat_server import KEY, ChatServer


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


def _shown(said, name):
  [line] = [x for x in said.splitlines() if x.strip().startswith(f"{name} ")]
  return line.split()[-1]


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
      [chat.Chat("toy", chat.SAMPLING).body(PREFERENCE, request),
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


def test_fields_say_whether_they_look_at_the_target():
  free = {n for n, c in schema.ANNOTATIONS.items() if not c.looks_at_target}
  assert free == {"user", "position", "preference"}
  for kind in (PREFERENCE, INTENTION):
    for name in kind.outputs:
      assert schema.ANNOTATIONS[name].looks_at_target == kind.looks_at_target


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


def test_the_api_teacher_from_the_command_line(shop, quick, capfd):
  api = ["--teacher=api", "--model=toy", "--num_users=5"]
  prices = ["--price_input=1", "--price_output=10"]
  with ChatServer() as server:
    api.append(f"--base_url={server.url}")
    assert _run(shop, *api, *prices, "--estimate") == 0
    said = capfd.readouterr().out
    assert "no request was sent" in said
    assert "intention / requests" in said
    assert "in_all / cost" in said
    assert not server.requests
    assert not (shop / "annotations" / "shop").exists()

    assert _run(shop, *api, *prices, "--judge=3") == 0
    out, err = capfd.readouterr()
    sent = len(server.requests)
    assert _shown(out, "api / answers_sent") == f"{sent:,}"
    assert "cost_of_this_run" in out
    assert "by_judge" in out
    assert KEY not in out + err
  frame = _read(shop)
  assert frame.height == 15
  assert frame["preference"].null_count() == 0
  assert frame["vague_intention_2"].null_count() == 0
  for path in (shop / "annotations").rglob("*"):
    assert path.is_dir() or KEY.encode() not in path.read_bytes()
  # Everything is kept, so nobody needs to be there.
  shutil.rmtree(shop / "annotations" / "shop")
  assert _run(shop, *api, *prices, "--judge=3") == 0
  out = capfd.readouterr().out
  assert _shown(out, "api / answers_kept_before") == f"{sent:,}"
  # Names and numbers stand below each other, however long a name is.
  lines = [line for line in out.splitlines() if " / by_rules / " in line]
  assert len({len(line) for line in lines}) == 1
  assert _read(shop).equals(frame)


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


def test_batches_are_written_and_read_from_the_command_line(
  shop, quick, capsys, tmp_path
):
  api = ["--teacher=api", "--model=toy", "--num_users=5",
         "--base_url=http://127.0.0.1:1/v1"]  # fmt: skip
  assert _run(shop, *api, f"--write_requests={tmp_path}/batch") == 0
  [path] = (tmp_path / "batch").iterdir()
  answers = tmp_path / "answers.jsonl"
  with answers.open("w") as f:
    for line in path.read_text().splitlines():
      request = json.loads(line)
      form = request["body"]["response_format"]["json_schema"]
      texts = {
        n: f"I want something quiet for my friend {n}"
        for n in form["schema"]["required"]
      }
      body = {"choices": [{"message": {"content": json.dumps(texts)}}]}
      response = {"status_code": 200, "body": body}
      row = {"custom_id": request["custom_id"], "response": response}
      f.write(json.dumps(row) + "\n")
  assert _run(shop, *api, f"--read_answers={answers}") == 0
  assert _shown(capsys.readouterr().out, "left_to_ask") == "0"
  assert _run(shop, *api) == 0
  assert _read(shop)["preference"].null_count() == 0


@pytest.mark.parametrize(
  ("argv", "said"),
  [
    (["--teacher=extractiv"], "Did you mean 'extractive'"),
    (["--model=x"], "--model is for --teacher=api or local, not extractive"),
    (["--teacher=api"], "--teacher=api needs --model"),
    (["--per_user=-1"], "per_user is -1"),
    (["--num_users=0"], "num_users is 0: expected 1 to"),
    (["--teacher=local", "--model=/no"], "config.json"),
    (["--teacher=api", "--model=m", "--sampling=[1]"],
     "expected a JSON object"),
    (["--teacher=api", "--model=m", '--sampling={"n": 2}'], "may not set n"),
    (["--teacher=api", "--model=m", "--response_format=xml"], "json_schema"),
    (["--teacher=api", "--model=m", "--price_input=1", "--estimate"],
     "both --price_input and --price_output"),
    (["--teacher=api", "--model=m", "--estimate", "--read_answers=x"],
     "give only one of --estimate and --read_answers"),
  ],
)  # fmt: skip
def test_wrong_options_are_said(argv, said, shop, capsys, monkeypatch):
  monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
  assert _run(shop, *argv) == 1
  assert said in capsys.readouterr().err
  assert not (shop / "annotations" / "shop").exists()


def test_without_tables_it_says_what_to_run(tmp_path):
  with pytest.raises(InputError, match="run `instructrec normalize` first"):
    command.annotate("shop", data_dir=tmp_path)
