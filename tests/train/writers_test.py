import json

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util import tensor_util

from instructrec_jax.train import writers


def test_a_line_for_each_step(tmp_path):
  writer = writers.JsonLinesWriter(tmp_path / "run" / "metrics.jsonl")
  writer.write_scalars(10, {"loss": 2.5})
  writer.write_scalars(20, {"loss": 2.0})
  lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
  assert [json.loads(x) for x in lines] == [
    {"step": 10, "loss": 2.5},
    {"step": 20, "loss": 2.0},
  ]


def test_a_resumed_run_replaces_what_it_writes_anew(tmp_path):
  path = tmp_path / "metrics.jsonl"
  path.write_text(
    '{"step": 10, "loss": 3}\n{"step": 20, "loss": 2}\n{"step": 30, "lo'
  )
  writer = writers.JsonLinesWriter(path)
  assert path.read_text().count("\n") == 2  # Untouched before the first line.
  writer.write_scalars(20, {"loss": 1})
  assert [json.loads(x)["loss"] for x in path.read_text().splitlines()] == [
    3,
    1,
  ]


def test_damaged_lines_are_left_out_and_counted(tmp_path, capsys):
  path = tmp_path / "metrics.jsonl"
  path.write_bytes(
    b'{"step": 10, "loss": 3}\n{"st\x80\n[10]\n{"loss": 3}\n'
    b'{"step": 20, "note": "a\xe2\x80\xa8b"}\n{"step": "x"}\n'
  )
  writers.JsonLinesWriter(path).write_scalars(30, {"loss": 1})
  rows = [json.loads(x) for x in path.read_text().split("\n")[:-1]]
  assert [row["step"] for row in rows] == [10, 20, 30]
  assert rows[1]["note"] == "a\u2028b"
  assert capsys.readouterr().err == f"{path}: 4 damaged lines are left out\n"


def test_the_terminal_shows_a_line(capsys):
  writers.TerminalWriter().write_scalars(5, {"loss": 0.123456})
  assert capsys.readouterr().err == "step 5: loss 0.1235\n"


def test_default_writer_writes_tensorboard_and_json(tmp_path):
  writer = writers.default_writer(tmp_path)
  writer.write_scalars(1, {"loss": 1.0})
  writer.write_scalars(2, {"loss": 0.5})
  writer.flush()
  assert (tmp_path / "metrics.jsonl").exists()
  events = event_accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
  events.Reload()
  [name] = events.Tags()["tensors"]
  figures = [
    (event.step, tensor_util.make_ndarray(event.tensor_proto).item())
    for event in events.Tensors(name)
  ]
  assert (name, figures) == ("loss", [(1, 1.0), (2, 0.5)])
