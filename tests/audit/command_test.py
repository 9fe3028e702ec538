"""The command line: what it prints and writes, and the warnings of `build`."""

import json

import pytest

from instructrec_jax import artifacts, cli
from instructrec_jax.audit import command
from instructrec_jax.data import names, simulate

_DAY = 86_400


def _run(*argv):
  return cli.main([str(arg) for arg in argv])


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
  """A shop whose customers take items in the order of their ids."""
  folder = tmp_path_factory.mktemp("shop")
  log = ["user_id,item_id,timestamp"]
  for user in range(200):
    for place, item in enumerate((0, 2, 4, 5, 7, 8)):
      item += user * 7 % 30
      log.append(f"u{user},i{item:03},{1_600_000_000 + place * _DAY}")
  items = [f"i{item:03},Thing {item}" for item in range(40)]
  (folder / "interactions.csv").write_text("\n".join(log) + "\n")
  (folder / "items.csv").write_text("\n".join(["item_id,title", *items]) + "\n")
  data = f"--data_dir={folder}"
  assert (
    _run("normalize", "table", "--raw", folder, "--dataset=shop", data) == 0
  )
  return folder


def test_build_warns_of_a_leak_and_says_what_shows_all(shop, capsys):
  argv = ["build", "shop", f"--data_dir={shop}"]
  assert _run(*argv) == 0
  lines = capsys.readouterr().err.splitlines()
  warned = [line for line in lines if line.startswith("warning: ")]
  assert any("'next id' ranks at HR@1 1.0" in line for line in warned)
  assert f"`instructrec audit shop --data_dir {shop}` shows all rules." in lines
  # Nothing is built again, and nothing is audited.
  assert _run(*argv) == 0
  assert "warning" not in capsys.readouterr().err


def test_the_command_prints_what_it_writes(small_data, tmp_path, capsys):
  files = [tmp_path / "audit.md", tmp_path / "audit.json"]
  argv = ["audit", "small", f"--data_dir={small_data}", "--split=validation"]
  assert _run(*argv, *(f"--out={file}" for file in files)) == 0
  shown = capsys.readouterr()
  assert shown.out.strip() == files[0].read_text().strip()
  assert f"written: {files[1]}" in shown.err
  told = json.loads(files[1].read_text())
  assert (told["dataset"], told["split"]) == ("small", "validation")
  assert "| words of I2 | title words in I2 |" in shown.out


def test_product_search_has_no_history_but_texts(small_data, capsys):
  argv = ["audit", "small", f"--data_dir={small_data}", "--variant=search"]
  assert _run(*argv) == 0
  shown = capsys.readouterr().out
  assert shown.startswith("# Audit of small_search, test")
  assert "| next id |" not in shown
  assert "| words of I2 |" in shown


@pytest.mark.parametrize(
  ("options", "expected"),
  [
    (["--split=train"], "unknown split with candidates 'train'"),
    (["--variant=hrad"], "unknown variant of records 'hrad'. Did you mean"),
    (["--out=audit.pdf"], "known: .json, .md"),
    (["--data_dir=nowhere"], "run `instructrec build` first"),
  ],
)
def test_what_cannot_be_used_is_said_in_one_line(
  options, expected, small_data, capsys
):
  argv = ["audit", "small", f"--data_dir={small_data}", *options]
  assert _run(*argv) == 1
  (message,) = capsys.readouterr().err.splitlines()
  assert message.startswith("instructrec audit: ")
  assert expected in message


def test_the_demo_s_world_has_no_leak(tmp_path):
  simulate.write(tmp_path / "raw", num_users=600)
  for domain in simulate.KINDS:
    raw = f"--raw={tmp_path}/raw/{domain}"
    data = f"--data_dir={tmp_path}"
    assert _run("normalize", "table", raw, f"--dataset={domain}", data) == 0
    assert _run("build", domain, data) == 0
    assert command.warnings(domain, data_dir=tmp_path) == []


def test_the_order_in_the_manifest_is_shown(shop, tmp_path, capsys):
  (tmp_path / "records").symlink_to(shop / "records")
  tables = names.tables_dir(tmp_path, "shop")
  order = {"by": "time", "tied_neighbours": 0.25}
  artifacts.run_stage(
    "normalize", tables, lambda _: {"order": order}, inputs={}, options={}
  )
  assert _run("audit", "shop", f"--data_dir={tmp_path}") == 0
  assert "- tied_neighbours: .250" in capsys.readouterr().out
