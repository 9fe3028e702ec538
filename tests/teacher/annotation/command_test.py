"""The command that annotates."""

import json
import shutil

import polars as pl
import pytest

from instructrec_jax import cli
from instructrec_jax.data.queries import ANNOTATIONS
from instructrec_jax.errors import InputError
from instructrec_jax.teacher.annotation import command
from tests.teacher.asked.chat_server import KEY, ChatServer


@pytest.fixture
def shop(shop_dir, tmp_path):
  """A data folder of its own with the tables of `shop`."""
  (tmp_path / "tables").mkdir()
  (tmp_path / "tables" / "shop").symlink_to(shop_dir / "tables" / "shop")
  return tmp_path


def _read(folder, name=ANNOTATIONS):
  return pl.read_parquet(folder / "annotations" / "shop" / name)


def _run(shop, *argv):
  return cli.main(["annotate", "shop", f"--data_dir={shop}", *argv])


def _shown(said, name):
  [line] = [x for x in said.splitlines() if x.strip().startswith(f"{name} ")]
  return line.split()[-1]


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
    (["--teacher=local", "--model=/no"], "config.json"),
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


@pytest.mark.parametrize(
  ("given", "said"),
  [
    ({"per_user": -1}, "per_user is -1"),
    ({"num_users": 0}, "num_users is 0: expected 1 to"),
  ],
)
def test_numbers_that_cannot_be_used_are_said(given, said, shop):
  with pytest.raises(InputError, match=said):
    command.annotate("shop", data_dir=shop, **given)
  assert not (shop / "annotations" / "shop").exists()


def test_without_tables_it_says_what_to_run(tmp_path):
  with pytest.raises(InputError, match="run `instructrec normalize` first"):
    command.annotate("shop", data_dir=tmp_path)
