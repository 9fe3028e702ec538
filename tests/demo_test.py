from instructrec_jax import demo, runs
from instructrec_jax.eval import results


def test_the_demo_goes_all_the_way(tmp_path, monkeypatch, capsys):
  train, evaluate = runs.train, runs.evaluate
  monkeypatch.setattr(
    runs,
    "train",
    lambda files, bindings, **kw: train(
      files,
      [
        *bindings,
        "TRAIN_STEPS = 2",
        "WARMUP_STEPS = 1",
        "T5Config.emb_dim = 16",
      ],
      **kw,
    ),
  )
  monkeypatch.setattr(
    runs, "evaluate", lambda *args, **kw: evaluate(*args, **kw, batch_size=200)
  )
  monkeypatch.setattr(
    demo.simulate.world, "__defaults__", (200, 120, 0), raising=True
  )
  demo.demo(tmp_path / "demo")
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
