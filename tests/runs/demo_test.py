from instructrec_jax.eval.recording import results
from instructrec_jax.runs import demo
from tests import tiny


def test_the_demo_goes_all_the_way(tmp_path, capsys):
  demo.demo(
    tmp_path / "demo",
    num_users=200,
    num_items=120,
    gin_bindings=[*tiny.NETWORK, "TRAIN_STEPS = 2", "WARMUP_STEPS = 1"],
  )
  shown = capsys.readouterr().out
  for system in (
    "optimum",
    "popularity",
    "random",
    "instructrec_demo_p1_i0_t3",
  ):
    assert system in shown
  page = (tmp_path / "demo" / "report.html").read_text()
  assert "<svg" in page
  assert "http://" not in page.replace("http://www.w3.org/", "")
  found = {
    folder.parent.name: results.read_result(folder.parent)
    for folder in (tmp_path / "demo" / "results").rglob("metrics.json")
  }
  optimum = found["optimum"].metrics["hr@1"].value
  popularity = found["popularity"].metrics["hr@1"].value
  # The planted optimum is what it is called: far above what is easy.
  assert optimum > 2 * popularity
  # Everybody was asked the same.
  assert len({result.requests for result in found.values()}) == 1
