"""The Python that README and docs show is compiled, and run."""

import numpy as np
import pytest
import seqio

from instructrec_jax.baselines import rank
from instructrec_jax.cli import program
from instructrec_jax.eval import chance, metrics
from instructrec_jax.instructions import families, mixing, templates
from instructrec_jax.itdr import domains, pairs
from tests import made_up_itdr
from tests.docs import pages


def _blocks(name):
  return pages.blocks(pages.ROOT / "docs" / name, "python")


def _run(*blocks):
  names = {}
  for block in blocks:
    exec(compile(block, "block", "exec"), names)
  return names


@pytest.fixture
def registries():
  """Takes out of SeqIO's registries what a block has added."""
  both = (seqio.TaskRegistry, seqio.MixtureRegistry)
  before = [set(registry.names()) for registry in both]
  yield
  for registry, names in zip(both, before, strict=True):
    for name in set(registry.names()) - names:
      registry.remove(name)


@pytest.mark.parametrize(
  "block",
  [
    pytest.param(block, id=f"{page.name} {number}")
    for page in pages.PAGES
    for number, block in enumerate(pages.blocks(page, "python"))
  ],
)
def test_a_block_is_python(block):
  try:
    compile(block, "block", "exec")
  except SyntaxError:
    compile(f"{{{block}}}", "a row of a table", "eval")


def test_rates_are_of_families_that_there_are():
  [rates] = [b for b in _blocks("instructions.md") if "FAMILY_RATES" in b]
  names = _run(rates)
  assert mixing.family_rates(names["FAMILY_RATES"])["p1_to_p2"] == 1
  limits = mixing.instances_per_user(names["INSTANCES_PER_USER"])
  assert limits == {"p1_i0_t3": 5}


def test_another_project_registers_a_template(registries):
  [block] = [b for b in _blocks("instructions.md") if "tasks.register" in b]
  _run(block)
  assert "instructrec_shop_p1_i0_t2" in seqio.TaskRegistry.names()
  assert "instructrec_shop" in seqio.MixtureRegistry.names()


def test_a_pair_of_another_dataset(registries, tmp_path, monkeypatch):
  row, rows, whole = _blocks("itdr.md")
  names = {"Domain": domains.Domain, "Scale": domains.Scale}
  [(name, domain)] = eval(f"{{{row}}}", names).items()
  monkeypatch.setitem(domains.DOMAINS, name, domain)
  made_up_itdr.write_one(tmp_path / "data", name, users=80, items=40)
  monkeypatch.chdir(tmp_path)
  made = _run(whole)
  assert domains.DOMAINS[name] == domain
  assert made["pair"] == eval(rows.splitlines()[0], {"Pair": pairs.Pair})[0]
  assert made["pair"].task in seqio.TaskRegistry.names()


def test_a_teacher_writes_for_another_program(tmp_path, monkeypatch, capsys):
  [block] = [b for b in _blocks("teacher.md") if "texts.write" in b]
  monkeypatch.chdir(tmp_path)
  _run(block)
  [printed] = pages.blocks(pages.ROOT / "docs/teacher.md", "text")
  assert capsys.readouterr().out == printed


def test_a_row_of_wordings_fits_its_family(monkeypatch):
  [block] = [b for b in _blocks("extending.md") if "Row(" in b]
  new = families.Family("p2_i1_t3", ("p2", "i1"), "t3")
  monkeypatch.setitem(families.FAMILIES, new.name, new)
  made = list(templates.expand(_run(block)["row"]))
  assert [template.name for template in made] == [
    "p2_i1_t3/X2.0", "p2_i1_t3/X2.1", "p2_i1_t3/X2.held_out",
  ]  # fmt: skip


@pytest.mark.parametrize("of", ["candidates", "catalogue"])
def test_a_baseline_of_ones_own(of, small, tmp_path, monkeypatch):
  blocks = [b for b in _blocks("extending.md") if "same_words" in b]
  made = _run(blocks[0])["same_words"]
  assert eval(f"{{{blocks[1]}}}", {"same_words": made}) == {"same_words": made}
  monkeypatch.setitem(rank.BASELINES, "same_words", made)
  result = rank.evaluate_baseline(
    small, "small", "test", "same_words", tmp_path, rank=of
  )
  assert 0 < result.metrics["hr@10"].value <= 1


def test_a_metric_of_ones_own(monkeypatch):
  blocks = [b for b in _blocks("extending.md") if "discount" in b]
  names = _run(*blocks)
  monkeypatch.setitem(metrics.WHOLE, "first", names["first_discount"])
  monkeypatch.setitem(chance.WHOLE, "first", names["expected_first_discount"])
  rng = np.random.default_rng(0)
  gains = np.eye(10)[np.zeros(20_000, int)]
  outcomes = metrics.Outcomes.of(rng.random(gains.shape), gains)
  [found] = metrics.measure(outcomes, ["first"]).values()
  [expected] = chance.expected(outcomes, ["first"]).values()
  assert found.mean() == pytest.approx(expected, abs=0.01)


def test_the_teachers_page_shows_what_annotate_prints(
  tmp_path, monkeypatch, capsys
):
  page = pages.ROOT / "docs/teacher.md"
  [script] = [b for b in pages.blocks(page, "sh") if "simulate world" in b]
  [shown] = [b for b in pages.blocks(page, "") if "annotate games" in b]
  monkeypatch.chdir(tmp_path)
  for words in pages.commands(script):
    capsys.readouterr()
    assert program.main(words[1:]) == 0
  assert capsys.readouterr().out == shown

  _run(_blocks("teacher.md")[-1])
  printed = capsys.readouterr().out
  assert printed.count("\n") == 20
  text = " ".join(page.read_text().split())
  for line in printed.splitlines():
    assert line in text
