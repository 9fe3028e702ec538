"""Raw files to instructions in one command."""

from instructrec_jax import artifacts, cli
from instructrec_jax.data import simulate
from instructrec_jax.data.names import annotations_dir, records_dir

_COLUMNS = [
  f"--{role}_column={column}"
  for role, column in (
    ("review", "review"),
    ("rating", "rating"),
    ("category", "categories"),
  )
]


def _prepare(folder, *options):
  return cli.main(
    [
      "prepare",
      "table",
      f"--raw={folder}/raw/board_games",
      f"--data_dir={folder}/data",
      "--dataset=shop",
      "--k_core=1",
      *options,
    ]
  )


def test_everything_is_made_once(tmp_path, capsys):
  simulate.write(tmp_path / "raw", num_users=30, num_items=30)
  assert _prepare(tmp_path, *_COLUMNS) == 0
  said = capsys.readouterr()
  for stage in ("normalize", "annotate", "build", "build --variant search"):
    assert f"── {stage}\n" in said.err
  assert said.out.count("shop: done") == 4
  assert "# Instructions of shop" in said.out
  data = tmp_path / "data"
  for variant in ("", "search"):
    assert (records_dir(data, "shop", variant) / "manifest.json").exists()
  assert _prepare(tmp_path, *_COLUMNS) == 0
  assert capsys.readouterr().out.count("shop: is there already") == 4
  # Whoever else has written the texts, they are kept.
  again = ["annotate", "shop", f"--data_dir={data}", "--seed=7", "--overwrite"]
  assert cli.main(again) == 0
  assert _prepare(tmp_path, *_COLUMNS, "--overwrite") == 0
  texts = artifacts.read_manifest(annotations_dir(data, "shop"), "annotate")
  assert texts["seed"] == 7
  built = artifacts.read_manifest(records_dir(data, "shop"), "build")
  assert built["inputs"]["annotations"] == texts["fingerprint"]


def test_without_reviews_and_labels_there_is_no_product_search(
  tmp_path, capsys
):
  simulate.write(tmp_path / "raw", num_users=30, num_items=30)
  assert _prepare(tmp_path) == 0
  said = capsys.readouterr()
  assert "no reviews in the dataset" in said.out
  assert "search" not in said.err
  assert "absent" in said.out
  assert not records_dir(tmp_path / "data", "shop", "search").exists()


def test_a_category_that_is_not_there(tmp_path, capsys):
  status = cli.main(["prepare", "amazon_2018/Gift_Crads", f"--raw={tmp_path}"])
  assert status == 1
  assert "Did you mean 'Gift_Cards'" in capsys.readouterr().err
