"""Computes the traffic of a compiled program from its text.

XLA's own cost analysis counts a loop's body once, and counts data that stays in
a chip's fast memory as traffic. So this module reads the scheduled program of
one chip instead.
"""

import dataclasses
import functools
import math
import re
from collections.abc import Iterator, Mapping, Sequence

# Bytes that a chip sends in a ring of n for each byte of its operand.
_SENT = {
  "all-gather": lambda n: n - 1,
  "all-reduce": lambda n: 2 * (n - 1) / n,
  "all-to-all": lambda n: (n - 1) / n,
  "collective-permute": lambda n: 1,
  "reduce-scatter": lambda n: (n - 1) / n,
}
# These move nothing: they name values, or end a transfer counted at its start.
_FREE = re.compile(
  r"parameter|constant|tuple|get-tuple-element|bitcast|after-all|iota|"
  r"partition-id|replica-id|optimization-barrier|.*-done|.*-update"
)
_FREE_CALLS = ("AllocateBuffer", "ConcatBitcast")
_SLICES = ("dynamic-slice", "slice", "slice-start", "gather")
# The index of the operand that is written into the first.
_UPDATE = {"dynamic-update-slice": 1, "scatter": 2}
_ARRAY = re.compile(r"\b([a-z]+\d*\w*)\[([\d,]*)\](\{[^{}]*\})?")


@dataclasses.dataclass(frozen=True)
class Traffic:
  """Bytes that one chip moves in one run of a program.

  Attributes:
    hbm: Bytes read from its HBM and written to it.
    ici: Bytes sent to other chips, in rings.
  """

  hbm: float = 0.0
  ici: float = 0.0

  def __add__(self, other: "Traffic") -> "Traffic":
    return Traffic(self.hbm + other.hbm, self.ici + other.ici)

  def times(self, n: int) -> "Traffic":
    """Returns the traffic of n runs."""
    return Traffic(self.hbm * n, self.ici * n)


@dataclasses.dataclass(frozen=True)
class _Array:
  size: int  # Bytes.
  in_hbm: bool


@dataclasses.dataclass(frozen=True)
class _Instruction:
  name: str
  opcode: str
  arrays: tuple[_Array, ...]  # The arrays of the result.
  operands: tuple[str, ...]
  rest: str  # Attributes, after the value of a constant or a parameter.
  is_root: bool

  @property
  def size(self) -> int:
    return sum(array.size for array in self.arrays)

  @property
  def results(self) -> tuple[_Array, ...]:
    """The arrays written. A transfer's start lists its operands too."""
    n = len(self.operands)
    if not self.opcode.endswith("-start"):
      return self.arrays
    first = self.opcode in ("copy-start", "all-reduce-start")
    return self.arrays[:n] if first else self.arrays[n : 2 * n]

  @property
  def is_free(self) -> bool:
    """Whether it moves nothing."""
    target = re.search(r'custom_call_target="(\w+)"', self.rest)
    return bool(_FREE.fullmatch(self.opcode)) or (
      target is not None and target[1] in _FREE_CALLS
    )

  def called(self, *keys: str) -> list[str]:
    """Returns the names of the computations in attributes."""
    found = re.findall(
      rf"\b(?:{'|'.join(keys)})=(%\S+|\{{[^}}]*\}})", self.rest
    )
    return re.findall(r"%([\w.\-]+)", " ".join(found))


_Computation = dict[str, _Instruction]


def traffic(text: str) -> Traffic:
  """Returns the traffic of one run of a program.

  Every instruction reads its operands and writes its result, if they are in
  HBM. A slice reads only its part of an array. A loop's body counts for each
  iteration. Transfers that XLA overlaps count too.

  Args:
    text: The compiled program, `compiled.as_text()`.

  Raises:
    ValueError: The number of a loop's iterations is unknown.
  """
  computations, entry = _parse(text)
  return _Walk(computations).computation(entry)


class _Walk:
  """Adds up instructions from the entry down."""

  def __init__(self, computations: Mapping[str, _Computation]):
    self._computations = computations
    self.computation = functools.cache(self._computation)

  def _computation(self, name: str) -> Traffic:
    found = self._computations[name].values()
    return sum((self._instruction(name, i) for i in found), Traffic())

  def _instruction(self, where: str, instruction: _Instruction) -> Traffic:
    opcode = instruction.opcode
    if opcode == "while":
      [body] = instruction.called("body")
      return self.computation(body).times(self._trips(instruction))
    if opcode == "conditional":
      branches = instruction.called(
        "branch_computations", "true_computation", "false_computation"
      )
      return max(map(self.computation, branches), key=lambda t: t.hbm)
    if opcode in ("call", "async-start"):
      return sum(
        map(self.computation, instruction.called("to_apply", "calls")),
        Traffic(),
      )
    if instruction.is_free:
      return Traffic()
    operands = [
      self._computations[where][name] for name in instruction.operands
    ]
    return Traffic(
      self._read(instruction, operands) + self._written(instruction, operands),
      self._sent(instruction, operands),
    )

  def _trips(self, loop: _Instruction) -> int:
    known = re.search(r'known_trip_count":\{"n":"(\d+)"', loop.rest)
    if known:
      return int(known[1])
    # jax.lax.scan counts from 0 to the one constant in the condition.
    [condition] = loop.called("condition")
    limits = [
      int(instruction.rest.partition(")")[0])
      for instruction in self._computations[condition].values()
      if instruction.opcode == "constant"
    ]
    if len(limits) != 1:
      raise ValueError(
        f"{loop.name}: expected one constant in its condition, got {limits}"
      )
    return limits[0]

  def _read(
    self, instruction: _Instruction, operands: Sequence[_Instruction]
  ) -> int:
    total = 0
    for index, operand in enumerate(operands):
      if all(array.in_hbm for array in operand.arrays):
        total += self._read_of(instruction, index, operand.size)
    return total

  def _read_of(self, user: _Instruction, index: int, size: int) -> int:
    """Returns the bytes that an instruction reads of an operand."""
    if user.opcode in _SLICES and index == 0:
      return min(sum(array.size for array in user.results), size)
    if user.opcode in _UPDATE and index == 0:
      return 0
    if user.opcode != "fusion":
      return size
    [inner] = user.called("calls")
    computation = self._computations[inner]
    parameter = _parameters(computation)[index]
    return min(size, self._read_inside(computation, parameter, size))

  def _read_inside(self, where: _Computation, name: str, size: int) -> int:
    total = 0
    for user in where.values():
      for index, operand in enumerate(user.operands):
        if operand != name:
          continue
        if user.opcode == "bitcast":
          total += self._read_inside(where, user.name, size)
        else:
          total += self._read_of(user, index, size)
    return total

  def _written(
    self, instruction: _Instruction, operands: Sequence[_Instruction]
  ) -> int:
    arrays = instruction.results
    if instruction.opcode in _UPDATE:
      sizes = [operands[_UPDATE[instruction.opcode]].size]
    else:
      sizes = [array.size for array in arrays]
    if instruction.opcode == "fusion":
      [inner] = instruction.called("calls")
      sizes = self._root_sizes(self._computations[inner])
    return sum(
      size for size, array in zip(sizes, arrays, strict=True) if array.in_hbm
    )

  def _root_sizes(self, computation: _Computation) -> list[int]:
    """Returns the bytes that a fusion writes for each array of its result."""
    [root] = [i for i in computation.values() if i.is_root]
    return list(self._sizes(computation, root))

  def _sizes(
    self, computation: _Computation, value: _Instruction
  ) -> Iterator[int]:
    operands = [computation[name] for name in value.operands]
    if value.opcode == "tuple":
      for operand in operands:
        yield from self._sizes(computation, operand)
    elif value.opcode == "bitcast":
      yield from self._sizes(computation, operands[0])
    elif value.opcode in _UPDATE:
      yield operands[_UPDATE[value.opcode]].size
    elif value.opcode == "fusion":
      [inner] = value.called("calls")
      yield from self._root_sizes(self._computations[inner])
    else:
      yield from (array.size for array in value.arrays)

  def _sent(
    self, instruction: _Instruction, operands: Sequence[_Instruction]
  ) -> float:
    if instruction.opcode == "fusion":
      [inner] = instruction.called("calls")
      computation = self._computations[inner]
      total = sum(
        self._sent(i, [computation[name] for name in i.operands])
        for i in computation.values()
        if i.opcode not in ("parameter", "constant")
      )
      # TPUs fuse a sum and the slice that each chip keeps of it.
      return total / (2 if inner.startswith("all-reduce-scatter") else 1)
    kind = instruction.opcode.removesuffix("-start")
    if kind not in _SENT:
      return 0.0
    size = sum(operand.size for operand in operands)
    return size * _SENT[kind](_group(instruction.rest))


def _group(rest: str) -> int:
  """Returns the number of chips of a collective, from its attributes.

  The forms are [groups,chips]<=…, {{0,1},{2,3}}, pairs of source and target,
  and mesh['a'=4,'b'=2] {'a'}, a mesh and the axes of the collective.

  Raises:
    ValueError: The form is unknown.
  """
  if "source_target_pairs=" in rest:
    return 2
  if iota := re.search(r"replica_groups=\[\d+,(\d+)\]", rest):
    return int(iota[1])
  if listed := re.search(r"replica_groups=\{\{([\d,]+)\}", rest):
    return listed[1].count(",") + 1
  mesh = re.search(r"replica_groups=mesh\[([^\]]*)\][^{]*\{([^}]*)\}", rest)
  if not mesh:
    raise ValueError(f"a collective over an unknown group: {rest[:200]}")
  sizes = dict(re.findall(r"'(\w+)'=(\d+)", mesh[1]))
  # A part of an axis is 'a':(size before it)its size.
  over = re.findall(r"'(\w+)'(?::\(\d+\)(\d+))?", mesh[2])
  return math.prod(int(part or sizes[axis]) for axis, part in over)


def _parameters(computation: _Computation) -> list[str]:
  """Returns the names of a computation's parameters, in order."""
  found = [i for i in computation.values() if i.opcode == "parameter"]
  found.sort(key=lambda i: int(i.rest.partition(")")[0]))
  return [i.name for i in found]


def _parse(text: str) -> tuple[dict[str, _Computation], str]:
  """Returns the computations by name, and the name of the entry."""
  computations: dict[str, _Computation] = {}
  entry, current = "", {}
  for line in text.splitlines():
    header = re.match(r"(ENTRY )?%?([\w.\-]+) \(.*\{$", line)
    if header:
      current = computations[header[2]] = {}
      entry = header[2] if header[1] else entry
    elif match := re.match(r"\s+(ROOT )?%?([\w.\-]+) = (.+)", line):
      instruction = _instruction(match[2], match[3], bool(match[1]))
      current[instruction.name] = instruction
  return computations, entry


def _instruction(name: str, text: str, is_root: bool) -> _Instruction:
  end = _closing(text) if text.startswith("(") else text.index(" ")
  arrays, text = text[:end], text[end:].strip()
  opcode, _, text = text.partition("(")
  operands: tuple[str, ...] = ()
  if opcode not in ("constant", "parameter"):
    end = _closing("(" + text) - 1
    operands = tuple(re.findall(r"%([\w.\-]+)", text[:end]))
    text = text[end:]
  return _Instruction(
    name, opcode, tuple(_arrays(arrays)), operands, text, is_root
  )


def _closing(text: str) -> int:
  """Returns the place after the bracket that closes the first."""
  depth = 0
  for match in re.finditer(r"[()]", text):
    depth += 1 if match[0] == "(" else -1
    if depth == 0:
      return match.end()
  raise ValueError(f"not a compiled program's text: {text[:80]}")


def _arrays(text: str) -> Iterator[_Array]:
  for dtype, shape, layout in _ARRAY.findall(text):
    bits = int(re.search(r"\d+|$", dtype)[0] or 8)  # pred has no number.
    elements = math.prod(map(int, filter(None, shape.split(","))))
    # A layout names the memory if it is another than HBM: S(1) is VMEM.
    yield _Array(elements * bits // 8, "S(" not in layout)
