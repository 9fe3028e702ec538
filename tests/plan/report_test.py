"""Reports and tables of figures that are given."""

import dataclasses
import json

import pytest

from instructrec_jax.plan import chips, report, steps
from instructrec_jax.plan.compile import Figures
from instructrec_jax.plan.search import Largest

FITS = Figures(
  chips.CHIPS["v5e"],
  peak=6 * 10**9,
  flops=40e12,
  compile_seconds=90.0,
  arguments=10**9,
  results=0,
  temporaries=4 * 10**9,
  code=10**9,
  hbm_bytes=100e9,
  ici_bytes=10e9,
)
PLAN = report.Plan(
  "training step",
  "v5e:4x4",
  {"data": 4, "model": 4},
  steps.Layout(4, 2),
  batch_size=64,
  tokens=640,
  bytes_a_chip={"parameters": 712_000_000, "optimizer": 5_000_000},
  useful_flops=30e12,
  figures=FITS,
)
SHORT = dataclasses.replace(
  PLAN,
  layout=steps.Layout(1, 1),
  mesh={"data": 16, "model": 1},
  figures=Figures(chips.CHIPS["v5e"], 20_000_000_000, 40e12, 30.0),
)


def test_a_step_takes_as_long_as_its_busiest_part():
  assert FITS.seconds == pytest.approx(
    {"products": 40 / 197, "memory": 100 / 819, "network": 0.1}
  )
  assert PLAN.seconds == pytest.approx(40 / 197)
  assert PLAN.utilisation == pytest.approx(30 / 40)


def test_the_report_says_everything():
  text = report.text(PLAN)
  for expected in (
    "v5e:4x4: 16 chips, data 4, model 4, batch 64",
    "parameters                  0.71 GB  split over data and model",
    "optimizer                   5.00 MB",
    "temporaries                 4.00 GB",
    "peak                        6.00 GB  of 16.91 GB: fits, 10.91 GB left",
    "25% of them recomputed",
    "0.203 s  estimated: the longest of products 0.203 s, memory 0.122 s",
    "75%  of the peak of 197 Tflop/s",
    "201,728  positions a second",
    "compilation                    90 s",
  ):
    assert expected in text, text


def test_not_to_fit_is_an_answer():
  text = report.text(SHORT)
  assert "20.00 GB  of 16.91 GB: does not fit, short by 3.09 GB" in text
  assert "step" not in text.partition("per chip")[2]
  assert SHORT.seconds is SHORT.utilisation is None


def test_the_table_has_the_fastest_first_and_says_what_was_left_out():
  slow = dataclasses.replace(
    PLAN, figures=dataclasses.replace(FITS, hbm_bytes=900e9)
  )
  text = report.table([SHORT, slow, PLAN], [("1, 16", "3 heads")])
  rows = text.splitlines()[3:]
  assert [row.split()[-3] for row in rows[:2]] == ["75%", "14%"]
  assert rows[2].endswith("does not fit, short by 3.09 GB")
  assert rows[3].endswith("1, 16  cannot be used: 3 heads")


@pytest.mark.parametrize("plan", [PLAN, SHORT])
def test_json_holds_the_figures_by_name(plan):
  largest = Largest(fits=96, fails=100, unit=4)
  found = json.loads(json.dumps(report.as_json(plan, largest)))
  assert found["fits"] == (plan is PLAN)
  assert found["peak"] == plan.figures.peak
  assert found["num_partitions"] == plan.layout.num_partitions
  assert found["step_seconds"] == plan.seconds
  assert found["largest_batch"] == {"fits": 96, "fails": 100, "unit": 4}


@pytest.mark.parametrize(
  ("largest", "expected"),
  [
    (Largest(96, 100, 4), "largest batch that fits: 96 rows"),
    (Largest(96, 112, 4), "96 rows fit, 112 do not"),
    (Largest(96, None, 4), "96 rows fit; larger ones were not tried"),
    (Largest(0, 4, 4), "no batch fits; the smallest tried has 4 rows"),
  ],
)
def test_what_is_known_of_the_largest_batch(largest, expected):
  assert expected in report.largest_text(largest)


def test_every_layout_of_four_chips():
  assert [
    (each.num_partitions, each.parameter_partitioning_dims)
    for each in steps.layouts(4)
  ] == [(1, 1), (1, 2), (2, 1), (2, 2), (4, 1)]
