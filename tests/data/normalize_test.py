import polars as pl
import pytest

from instructrec_jax import schema
from instructrec_jax.data import normalize
from instructrec_jax.errors import InputError
from tests.data.raw_files import read_tables, write_log, write_recbole


def test_tables_are_written_as_declared(ml_100k, tmp_path):
  manifest = normalize.normalize("movielens/100k", ml_100k, tmp_path, k_core=2)
  tables = read_tables(tmp_path, "ml_100k")
  for name, columns in schema.TABLES.items():
    for column, dtype in tables[name].schema.items():
      assert column in columns or name == "users"
      if column in columns:
        assert dtype == columns[column].dtype
  assert tables["users"].columns[2:] == [
    "age", "gender", "occupation", "zip", "age_group"
  ]  # fmt: skip
  assert tables["users"]["user_id"].to_list() == list("7654321")
  assert tables["users"]["zip"][0] == "07067"
  assert manifest["inputs"].keys() == {
    "interactions",
    "items",
    "users",
    "genres",
  }
  assert manifest["counts"]["interactions"]["dropped"] == {
    "not 4 fields": 1,
    "movieId is not a number": 1,
    "item without a title": 7,
  }
  assert manifest["counts"]["first_bad"] == {
    "interactions: not 4 fields": "u.data:36",
    "interactions: movieId is not a number": "u.data:37",
  }
  assert manifest["counts"]["user_attributes"]["dropped"] == {
    "user is not kept": 2
  }


def test_a_changed_raw_file_is_noticed(games, tmp_path):
  def run(**kwargs):
    return normalize.normalize(
      "instructrec/games", games, tmp_path / "data", **kwargs
    )

  assert not run()["reused"]
  assert run()["reused"]
  with pytest.raises(InputError, match=r"options.k_core: was 1, is now 2"):
    run(k_core=2)
  with (games / "Games.item").open("a") as f:
    f.write("i999\tNew\n")
  with pytest.raises(InputError, match=r"inputs.items.bytes"):
    run()
  assert not run(overwrite=True)["reused"]


@pytest.mark.parametrize(
  ("options", "said"),
  [
    ({"k_core": 0}, "k_core is 0: expected at least 1"),
    ({"dataset": "My Games"}, "such as 'my_games'"),
    ({"dataset": "2018"}, "such as 'data_2018'"),
  ],
)
def test_bad_options(games, tmp_path, options, said):
  with pytest.raises(InputError, match=said):
    normalize.normalize("instructrec/games", games, tmp_path, **options)


def test_own_log_end_to_end(tmp_path):
  rows = [(f"u{u}", f"p{i}", 100 - i) for u in range(5) for i in range(5)]
  raw = write_log(
    tmp_path / "raw", rows, [(f"p{i}", f"Cup, no. {i}") for i in range(5)]
  )
  normalize.normalize("table", raw, tmp_path, dataset="shop")
  tables = read_tables(tmp_path, "shop")
  first = tables["interactions"].filter(pl.col("user") == 0)
  # Later rows of the log are earlier events here.
  assert first["item"].to_list() == [4, 3, 2, 1, 0]
  assert tables["items"]["title"][4] == "Cup, no. 4"


def test_histories_keep_their_order(tmp_path):
  histories = {"b": ["3", "1", "2"], "a": ["2", "3", "1"]}
  titles = {str(i): f"T{i}" for i in (1, 2, 3)}
  raw = write_recbole(tmp_path / "raw", histories, titles)
  normalize.normalize("instructrec/games", raw, tmp_path)
  tables = read_tables(tmp_path, "games")
  assert tables["users"]["user_id"].to_list() == ["b", "a"]
  assert tables["interactions"].rows() == [
    (0, 2),
    (0, 0),
    (0, 1),
    (1, 1),
    (1, 2),
    (1, 0),
  ]


def test_real_games_are_the_papers(real_data, tmp_path):
  manifest = normalize.normalize(
    "instructrec/games", real_data / "amazon-games-2018", tmp_path
  )
  counts = manifest["counts"]
  assert counts["users"]["kept"] == 50_546
  assert counts["items"]["kept"] == 16_859
  assert counts["interactions"]["kept"] == 440_264
  titles = read_tables(tmp_path, "games")["items"]["title"]
  assert not titles.str.contains(r"&(amp|#39|rsquo);").any()
