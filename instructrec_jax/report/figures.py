"""Figures as SVG elements in the colours of the page.

Each function returns one `<svg>` element without outside resources. Colours are
CSS variables of the page (`--ink`, `--faint`, `--grid`, `--s0` ...), for light
and dark pages. Text stays text. Figures are narrow enough for a phone.
"""

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from html import escape

import matplotlib
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from instructrec_jax.eval.resampling import Estimate
from instructrec_jax.report.calibration import Reliability

# The number of colours. The last is grey, for the optimum and for systems past
# the others. Names are always shown too.
SERIES = 8
MARKERS = "os^DvpX*"
# The most points of a line. More ranks are added up in groups.
POINTS = 20

# Matplotlib needs colours that it can parse. These stand for CSS variables.
_INK, _FAINT, _GRID = "#010101", "#020202", "#030303"
_SERIES = [f"#0400{i:02x}" for i in range(SERIES)]
_VARIABLES = {
  _INK: "var(--ink)",
  _FAINT: "var(--faint)",
  _GRID: "var(--grid)",
  **{colour: f"var(--s{i})" for i, colour in enumerate(_SERIES)},
}
# The start of a reference from a figure to a part of itself.
_REFERENCE = r"(?:url\(|href=\")#"
_WIDTH = 3.5  # inches: 336 CSS pixels, in which 9 points are 12 pixels
_LABEL = 36  # characters that fit above a bar, beside its value
_STYLE = {
  "svg.fonttype": "none",
  "svg.hashsalt": "instructrec",
  "font.size": 9,
  "text.color": _INK,
  "axes.edgecolor": _GRID,
  "axes.labelcolor": _FAINT,
  "axes.axisbelow": True,
  "axes.spines.top": False,
  "axes.spines.right": False,
  "axes.spines.left": False,
  "xtick.color": _FAINT,
  "ytick.color": _FAINT,
  "xtick.major.size": 0,
  "ytick.major.size": 0,
  "grid.color": _GRID,
  "grid.linewidth": 0.7,
  "lines.solid_capstyle": "round",
}


@matplotlib.rc_context(_STYLE)
def bars(
  name: str,
  labels: Sequence[str],
  series: Sequence[int],
  estimates: Sequence[Estimate],
  chance: float,
) -> str:
  """Draws one metric: a bar with its interval for each system.

  Args:
    name: The metric's name, as shown.
    labels: The systems' names, top to bottom.
    series: Each system's colour, from 0 to SERIES - 1.
    estimates: Each system's value.
    chance: The value of random guessing, a dashed line.

  Returns:
    The SVG element.
  """
  n = len(labels)
  fig, ax = _axes(0.62 + 0.47 * n)
  for y, (label, colour, estimate) in enumerate(
    zip(labels, series, estimates, strict=True)
  ):
    ax.barh(y, estimate.value, height=0.42, color=_SERIES[colour], zorder=2)
    ax.plot([estimate.low, estimate.high], [y, y], color=_INK, lw=1.6, zorder=3)
    # No mathtext, because a name may contain a dollar sign.
    short = label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…"
    ax.text(0, y - 0.32, short, va="bottom", parse_math=False)
    ax.text(
      1,
      y - 0.32,
      f"{estimate.value:.4f}",
      va="bottom",
      ha="right",
      weight="bold",
    )
  # Only beside the bars, so that the line does not cross a name.
  rows = np.arange(n)
  ax.vlines(
    np.full(n, chance), rows - 0.3, rows + 0.3, _INK, lw=1.2, ls=(0, (2, 1.5))
  )
  ax.set(xlim=(0, 1), ylim=(n - 0.65, -0.85), yticks=[])
  ax.xaxis.set_major_locator(matplotlib.ticker.MultipleLocator(0.2))
  ax.grid(axis="x")
  told = "; ".join(
    f"{label} {e.value:.4f}, interval {e.low:.4f} to {e.high:.4f}"
    for label, e in zip(labels, estimates, strict=True)
  )
  return _svg(fig, f"{name} by system", f"{told}; chance {chance:.4f}.")


@matplotlib.rc_context(_STYLE)
def rank_histogram(
  labels: Sequence[str],
  series: Sequence[int],
  shares: Sequence[np.ndarray],
  chance: np.ndarray,
) -> str:
  """Draws how often the positive had each rank.

  Args:
    labels: The systems' names.
    series: Each system's colour and marker, from 0 to SERIES - 1.
    shares: For each system [R], the share of positives at ranks 1 to R.
    chance: [R], the expected shares of random guessing.

  Returns:
    The SVG element.
  """
  fig, ax = _axes(2.2)
  width = -(-len(chance) // POINTS)
  starts = np.arange(0, len(chance), width)
  # A point for several ranks is in their middle.
  ranks = starts + (np.minimum(width, len(chance) - starts) + 1) / 2
  for colour, share in zip(series, shares, strict=True):
    ax.plot(
      ranks,
      np.add.reduceat(share, starts),
      color=_SERIES[colour],
      lw=1.6,
      marker=MARKERS[colour],
      ms=4.5,
    )
  ax.plot(
    ranks, np.add.reduceat(chance, starts), color=_FAINT, ls=(0, (3, 2)), lw=1.2
  )
  ax.set_ylim(bottom=0)
  ax.set_xlabel(
    "rank of the positive (1 is best)"
    + (f", {width} ranks a point" if width > 1 else "")
  )
  if width == 1 and len(ranks) <= 10:
    ax.set_xticks(ranks)
  ax.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, None))
  ax.grid(axis="y")
  told = "; ".join(
    f"{label} first in {share[0]:.1%}, last in {share[-1]:.1%} of requests"
    for label, share in zip(labels, shares, strict=True)
  )
  return _svg(fig, "Rank of the positive by system", f"{told}.")


@matplotlib.rc_context(_STYLE)
def reliability(
  labels: Sequence[str],
  series: Sequence[int],
  measured: Sequence[Reliability],
) -> str:
  """Draws the share of positives by predicted probability.

  Args:
    labels: The systems' names.
    series: Each system's colour and marker, from 0 to SERIES - 1.
    measured: Each system's calibration.

  Returns:
    The SVG element.
  """
  fig, ax = _axes(2.6)
  ax.plot([0, 1], [0, 1], color=_FAINT, ls=(0, (3, 2)), lw=1.2)
  for colour, system in zip(series, measured, strict=True):
    ax.plot(
      system.given,
      system.found,
      color=_SERIES[colour],
      lw=1.6,
      marker=MARKERS[colour],
      ms=4.5,
    )
  ax.set_xlim(0, 1)
  ax.set_ylim(0, 1)
  ax.set_xlabel("probability that the system gives a candidate")
  for axis in (ax.xaxis, ax.yaxis):
    axis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, None))
  ax.grid()
  told = "; ".join(
    f"{label} is off by {system.error:.3f} on average"
    for label, system in zip(labels, measured, strict=True)
  )
  return _svg(fig, "Calibration by system", f"{told}.")


@matplotlib.rc_context(_STYLE)
def loss_curve(steps: np.ndarray, losses: np.ndarray) -> str:
  """Draws the training loss, and its moving average if there are many steps.

  Args:
    steps: int [S], ascending.
    losses: float [S], finite.

  Returns:
    The SVG element.
  """
  fig, ax = _axes(2.2)
  window = len(losses) // 25
  if window < 2:
    ax.plot(steps, losses, color=_SERIES[0], lw=1.8)
  else:
    ax.plot(steps, losses, color=_FAINT, lw=0.7, alpha=0.45)
    mean = np.convolve(losses, np.full(window, 1 / window), mode="valid")
    # The mean of the losses up to a step, without later ones.
    ax.plot(steps[window - 1 :], mean, color=_SERIES[0], lw=1.8)
    # One early spike must not flatten the rest.
    low, high = np.quantile(losses, [0.0, 0.99])
    ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low) + 1e-9)
  ax.set_xlabel("step")
  ax.xaxis.set_major_locator(
    matplotlib.ticker.MaxNLocator(nbins=6, integer=True)
  )
  ax.grid(axis="y")
  return _svg(
    fig,
    "Training loss",
    f"From {losses[0]:.3f} at step {steps[0]} to {losses[-1]:.3f} at step "
    f"{steps[-1]}; the lowest is {losses.min():.3f}.",
  )


@matplotlib.rc_context(_STYLE)
def stacked(
  title: str,
  labels: Sequence[str],
  parts: Mapping[str, Sequence[int]],
  unit: str,
) -> str:
  """Draws counts as stacked horizontal bars.

  Args:
    title: The title.
    labels: The name of each bar, top to bottom.
    parts: The counts of all bars, by part. Colours follow the order of parts.
    unit: The unit of the counts.

  Returns:
    The SVG element.
  """
  fig, ax = _rows(labels)
  left = np.zeros(len(labels))
  for colour, counts in zip(_SERIES, parts.values(), strict=False):
    ax.barh(range(len(labels)), counts, 0.66, left, color=colour)
    left += counts
  ax.set_xlabel(unit)
  told = "; ".join(
    f"{label} {', '.join(f'{n:,} {part}' for part, n in of.items())}"
    for label, of in (
      (label, {part: counts[y] for part, counts in parts.items()})
      for y, label in enumerate(labels)
    )
  )
  return _svg(fig, title, f"{told}.")


@matplotlib.rc_context(_STYLE)
def against_limit(
  title: str,
  labels: Sequence[str],
  middle: Sequence[float],
  most: Sequence[int],
  limit: int,
  unit: str,
) -> str:
  """Draws bars of means, thin lines to the maxima, and a limit.

  Args:
    title: The title.
    labels: The name of each bar, top to bottom.
    middle: The mean of each.
    most: The maximum of each.
    limit: The limit, a dashed line.
    unit: The unit of all numbers.

  Returns:
    The SVG element.
  """
  fig, ax = _rows(labels)
  rows = np.arange(len(labels))
  ax.hlines(rows, middle, most, _FAINT, lw=1.2)
  ax.plot(most, rows, "|", color=_FAINT, ms=5)
  ax.barh(rows, middle, 0.66, color=_SERIES[0])
  ax.axvline(limit, color=_INK, lw=1.2, ls=(0, (2, 1.5)))
  ax.set_xlim(left=0)
  ax.set_xlabel(unit)
  told = "; ".join(
    f"{label} {mean:.1f}, at most {largest:,}"
    for label, mean, largest in zip(labels, middle, most, strict=True)
  )
  return _svg(fig, title, f"{told}; limit {limit:,}.")


def _rows(labels: Sequence[str]) -> tuple:
  """Returns a figure with the rows' names at the left."""
  fig, ax = _axes(0.6 + 0.19 * len(labels))
  ax.set_yticks(range(len(labels)), labels, size=8, parse_math=False)
  ax.set_ylim(len(labels) - 0.4, -0.6)
  ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4, integer=True))
  ax.xaxis.set_major_formatter("{x:,.0f}")
  ax.grid(axis="x")
  return fig, ax


def _axes(height: float) -> tuple:
  # Not pyplot's figure, which has global state and needs a display.
  fig = matplotlib.figure.Figure(figsize=(_WIDTH, height), layout="constrained")
  return fig, fig.add_subplot()


def _svg(fig: matplotlib.figure.Figure, title: str, description: str) -> str:
  """Returns the figure as an `<svg>` element for a page."""
  buffer = io.StringIO()
  fig.savefig(
    buffer,
    format="svg",
    transparent=True,
    metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")),
  )
  svg = buffer.getvalue()
  svg = svg[svg.index("<svg") :]
  svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
  # Matplotlib uses the same ids in every figure, but ids must be unique in a
  # page. Only ids with references are kept, with a prefix of the figure.
  prefix = "f" + hashlib.sha256((title + svg).encode()).hexdigest()[:8]
  used = set(re.findall(rf"{_REFERENCE}([\w-]+)", svg))
  svg = re.sub(
    r' id="([^"]*)"',
    lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "",
    svg,
  )
  svg = re.sub(_REFERENCE, rf"\g<0>{prefix}-", svg)
  for colour, variable in _VARIABLES.items():
    svg = svg.replace(colour, variable)
  svg = re.sub(r"font-family: [^;\"]*", "font-family: var(--font)", svg)
  # The viewBox keeps the shape. The page sets the size.
  svg = re.sub(r' (width|height)="[^"]*pt"', "", svg, count=2)
  label = escape(f"{title}. {description}")
  return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
