"""The output of `instructrec sources`: the sources, and a folder's files."""

import inspect
import textwrap
from collections.abc import Iterator

from instructrec_jax.data import sources
from instructrec_jax.data.formats.archives import Folder

_WIDTH = 80


def lines(name: str | None = None, raw: str | None = None) -> Iterator[str]:
  """Yields the lines of a listing.

  Args:
    name: a source to describe in detail; None lists all of them in short.
    raw: a folder or archive, to list which files of each source it has.

  Raises:
    InputError: the source is unknown or the folder does not exist.
  """
  folder = None if raw is None else Folder(raw)
  if name is not None:
    # The name may be that of a family or of one of its members.
    family = sources.SOURCES.get(f"{name}/{sources.CATEGORY}")
    yield from _detail(name, family or sources.find(name))
    if folder is not None:
      yield from _found(name, folder)
  elif folder is None:
    for each, source in sources.SOURCES.items():
      yield from _short(each, source)
  else:
    there = [each for each in _names() if _matches(each, folder)]
    for each in there:
      yield each
      yield from _found(each, folder)
    none = [each for each in sources.SOURCES if not _is_of(each, there)]
    if none:
      yield from _wrapped("no files of", ", ".join(none), indent=0)
  if folder is not None:
    yield from (f"warning: {error}" for error in folder.damaged)


def _short(name: str, source: sources.Source) -> Iterator[str]:
  yield f"{name}  (dataset {source.dataset or 'named by you'})"
  yield from _wrapped("homepage", source.homepage)
  yield from _wrapped("licence", source.licence)
  yield from _wrapped("files", ", ".join(source.files.values()))


def _detail(name: str, source: sources.Source) -> Iterator[str]:
  yield f"{name}  (dataset {source.dataset or 'named by you'})"
  said = (inspect.getdoc(source.reader) or "").partition("\n\n")[0]
  yield from _wrapped("reader", " ".join(said.split()))
  yield from _wrapped("homepage", source.homepage)
  yield from _wrapped("licence", source.licence)
  for role, file in source.files.items():
    optional = " (optional)" if role.endswith("?") else ""
    yield from _wrapped(role.removesuffix("?"), file + optional)
  packed = (
    f", such as {' or '.join(source.archives)}" if source.archives else ""
  )
  yield from _wrapped(
    "packed", f"each file as .gz, or in any .zip, .tar or .tar.gz{packed}"
  )
  yield from _wrapped("k-core", f"{source.k_core}, or as --k_core says")
  if source.categories:
    yield from _wrapped("any of", ", ".join(sorted(source.categories)))
  for option, meaning in source.options.items():
    yield from _wrapped(f"--{option}", meaning)


def _found(name: str, folder: Folder) -> Iterator[str]:
  """Yields the folder's files for each role, and the missing files."""
  source = sources.find(name)
  matches = _matches(name, folder)
  missing = []
  for role in source.files:
    files = matches.get(role, [])
    text = ", ".join(str(file) for file in files)
    if len(files) > 1:
      text = f"several: {text}. Choose one with --{role.removesuffix('?')}_file"
    if not files:
      text = f"missing: {source.files[role]}"
      if role.endswith("?"):
        text = f"absent, but optional: {source.files[role]}"
      else:
        missing.append(role)
    yield from _wrapped(role.removesuffix("?"), text)
  if not missing:
    dataset = "" if source.dataset else " --dataset NAME"
    yield f"  instructrec normalize {name} --raw {folder.path}{dataset}"


def _matches(name: str, folder: Folder) -> dict[str, list]:
  """Returns the matching files by role, without roles that have none."""
  source = sources.find(name)
  found = {
    role: folder.find(source.patterns(role), source.archives, source.in_parts)
    for role in source.files
  }
  return {role: files for role, files in found.items() if files}


def _names() -> Iterator[str]:
  for name, source in sources.SOURCES.items():
    if source.categories:
      family = name.removesuffix(sources.CATEGORY)
      yield from (f"{family}{each}" for each in source.categories)
    else:
      yield name


def _is_of(source: str, names: list[str]) -> bool:
  family = source.removesuffix(sources.CATEGORY)
  return any(
    name == source or (family != source and name.startswith(family))
    for name in names
  )


def _wrapped(label: str, text: str, indent: int = 2) -> list[str]:
  start = f"{'':{indent}}{label:<12}  " if indent else f"{label} "
  return textwrap.wrap(
    text,
    max(_WIDTH, len(start) + 20),
    initial_indent=start,
    subsequent_indent=" " * len(start),
    break_long_words=False,
    break_on_hyphens=False,
  )
