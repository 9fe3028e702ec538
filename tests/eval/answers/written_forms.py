"""The forms in which models write lists, as a table."""

import json
import string


def _lines(form, **more):
  """Returns a writer of lines; a form may use {n}, {letter}, {t} and `more`."""
  return lambda titles: "\n".join(
    form.format(
      n=n, letter=string.ascii_uppercase[(n - 1) % 26],
      small=string.ascii_lowercase[(n - 1) % 26], t=t, **more
    )
    for n, t in enumerate(titles, 1)
  )  # fmt: skip


def _between(mark, form="{t}", before="", after=""):
  return lambda titles: (
    before
    + mark.join(form.format(n=n, t=t) for n, t in enumerate(titles, 1))
    + after
  )


def _json(make, before="", after="", **how):
  return lambda titles: before + json.dumps(make(titles), **how) + after


def _table(form, head):
  body = _lines(form)
  rule = "|".join("---" for _ in head.strip("|").split("|"))
  return lambda titles: f"{head}\n|{rule}|\n{body(titles)}"


def _after(before, form, after=""):
  body = _lines(form)
  return lambda titles: before + body(titles) + after


# Forms of lists of any titles, whatever characters are in them.
ANY = {
  "numbers": _lines("{n}. {t}"),
  "numbers and brackets": _lines("{n}) {t}"),
  "numbers in brackets": _lines("({n}) {t}"),
  "numbers with a hash": _lines("#{n} {t}"),
  "numbers with a colon": _lines("{n}: {t}"),
  "bullets": _lines("- {t}"),
  "stars": _lines("* {t}"),
  "bold titles": _lines("{n}. **{t}**"),
  "bold numbers": _lines("**{n}.** {t}"),
  "bold lines": _lines("**{n}. {t}**"),
  "headings": _lines("### {n}. {t}"),
  "quotations": _lines("> {n}. {t}"),
  "bold bullets": _lines("- **{t}**"),
  "bullets and numbers": _lines("- {n}. {t}"),
  "boxes": _lines("- [ ] {t}"),
  "letters": _lines("{letter}. {t}"),
  "letters and brackets": _lines("{letter}) {t}"),
  "letters in brackets": _lines("({small}) {t}"),
  "bold letters": _lines("**{letter}.** {t}"),
  "ordinals": _lines("{n}th: {t}"),
  "ranks": _lines("Rank {n}: {t}"),
  "options": _lines("Option {letter}: {t}"),
  "keycaps": _lines("{n}\ufe0f\u20e3 {t}"),
  "lines": _lines("{t}"),
  "lines below words": _after("Here is the ranking:\n\n", "{t}"),
  "numbers below words": _after("Sure! Here is the ranking:\n\n", "{n}. {t}"),
  "numbers above words": _after("", "{n}. {t}", "\n\nEnjoy them!"),
  "quoted": _lines('{n}. "{t}"'),
  "JSON": _json(list),
  "JSON in lines": _json(list, indent=2),
  "JSON in a fence": _json(list, "Here you are:\n```json\n", "\n```"),
  "JSON in words": _json(list, "The ranking is ", "."),
  "JSON objects": _json(lambda ts: [{"title": t, "score": 1} for t in ts]),
  "JSON ranks": _json(
    lambda ts: [{"rank": n, "name": t} for n, t in enumerate(ts, 1)], indent=1
  ),
  "JSON in an object": _json(lambda ts: {"ranking": list(ts)}),
  "JSON with reasons": _json(
    lambda ts: [{"title": t, "reason": f"It is like {ts[-1]}."} for t in ts]
  ),
  "JSON numbered": _json(lambda ts: [f"{n}. {t}" for n, t in enumerate(ts, 1)]),
  "thoughts before": _after("<think>\n1. Nothing\n</think>\n", "{n}. {t}"),
  "thoughts without a start": _after("So, Nothing.</think>\n", "{n}. {t}"),
  "dashes and words": _lines("{n}. {t} - it fits this user"),
  "bold and words": _lines("{n}. **{t}** because it is like others"),
}
# Forms in which a character of some titles would mean something else.
PLAIN = {
  "a table": _table("| {n} | {t} |", "| Rank | Title |"),
  "a table of one column": _table("| {t} |", "| Title |"),
  "a table with years": _table("| {n} | {t} | 2001 |", "| # | Title | Year |"),
  "bold in a table": _table("| {n} | **{t}** |", "| Rank | Title |"),
  "makers": _lines("{n}. {t} by Nintendo"),
  "makers and years": _lines("{n}. {t} by Bungie (2001)"),
  "years in brackets": _lines("{n}. {t} (2001)"),
  "years": _lines("{n}. {t}, 2001"),
  "prices": _lines("{n}. {t} $19.99"),
  "prices in brackets": _lines("{n}. {t} ($19.99)"),
  "prices after commas": _lines("{n}. {t}, €20"),
  "scores": _lines("{n}. {t}: 0.95"),
  "scores of ten": _lines("{n}. {t} - 9/10"),
  "commas": _between(", "),
  "semicolons": _between("; "),
  "arrows": _between(" > "),
  "other arrows": _between(" \u2192 "),
  "brackets": _between(", ", before="[", after="]"),
  "brackets and quotes": _between(", ", "'{t}'", "[", "]"),
  "brackets after words": _between(", ", before="Ranking: [", after="]"),
  "a sentence": _between(", ", before="I recommend: ", after="."),
  "numbers in a line": _between(" ", "{n}. {t}"),
  "makers in a line": _between(", ", "{t} by Nintendo"),
  "years in a line": _between(", ", "{t}, 2001"),
  "letters in a line": lambda titles: " ".join(
    f"{string.ascii_uppercase[n % 26]}. {t}" for n, t in enumerate(titles)
  ),
  "letters in brackets in a line": lambda titles: " ".join(
    f"({string.ascii_lowercase[n % 26]}) {t}" for n, t in enumerate(titles)
  ),
}
# Titles that begin with a number or letter, or hold what separates others.
TITLES = (
  "Halo", "Halo 2", "Zelda, the Awakening", "7 Wonders", "2001: A Space Trip",
  "Stand by Me", "Rock and Roll", "A. I. Love", "1984", "[REC]", "M. Butterfly",
  "Crash; Burn - Remastered", "What's Up?", "Go (Weiqi)", "Awakening",
  "3. Bundesliga", "Six Days, Seven Nights", "$9.99", "Nine > Ten",
  'The "Best" Of', "B) Side", "**Stars**", "Portal, 2007", "Alone: 5",
)  # fmt: skip
SIMPLE = ("Halo", "Tetris", "Chess Master", "Rock Band", "Pirate Lagoon")
