# shellcheck shell=bash
# Code that the launchers share: flags, quoting, and dry runs.
#
# A launcher declares `flags` (name to default; a flag without a value has the
# default "no"), defines usage() and calls parse_flags. The words after -- are
# then in `job`.

if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  echo "$0 needs bash 4.4 or newer, but this is $BASH_VERSION" >&2
  exit 1
fi

shopt -s inherit_errexit
declare -A flags=()
job=()
# shellcheck disable=SC2034  # The launchers use it.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The exit status of a training command that has saved and has to be started
# again: 128 + SIGTERM.
# shellcheck disable=SC2034  # The launchers use it.
readonly UNFINISHED=143

say() {
  echo "${0##*/}: $*" >&2
}

die() {
  say "$*"
  exit 1
}

usage_error() {
  say "$*; see --help"
  exit 2
}

# Prints words as one line of shell that stands for the same words.
quote() {
  local word line=
  for word in "$@"; do
    if [[ ! $word =~ ^[A-Za-z0-9_@%+=:,./-]+$ ]]; then
      # Inside '…', every character except ' stands for itself in any shell.
      word="'${word//\'/\'\\\'\'}'"
    fi
    line+="${line:+ }$word"
  done
  printf '%s\n' "$line"
}

# Runs a command. In a dry run, prints it.
run() {
  if [[ ${flags[dry-run]} == yes ]]; then
    quote "$@"
  else
    "$@"
  fi
}

# Sets `flags` and `job` from --name value, --name=value, --switch, -- job….
parse_flags() {
  local name
  while (($#)); do
    case $1 in
      -h | --help)
        usage
        exit 0
        ;;
      --)
        shift
        (($#)) || usage_error "expected a command after --"
        job=("$@")
        return
        ;;
      --*)
        name=${1%%=*}
        name=${name#--}
        [[ -v flags[$name] ]] || usage_error "unknown flag --$name: the flags" \
          "are $(printf -- '--%s\n' "${!flags[@]}" | sort | tr '\n' ' ')--help"
        if [[ ${flags[$name]} == no || ${flags[$name]} == yes ]]; then
          [[ $1 == "--$name" ]] || usage_error "--$name takes no value"
          flags[$name]=yes
        elif [[ $1 == *=* ]]; then
          flags[$name]=${1#*=}
        else
          (($# > 1)) || usage_error "--$name needs a value"
          flags[$name]=$2
          shift
        fi
        ;;
      *) usage_error "unexpected argument '$1': a job comes after --" ;;
    esac
    shift
  done
}

# Requires flags to have a value.
need() {
  local name
  for name in "$@"; do
    [[ -n ${flags[$name]} ]] || usage_error "--$name is required"
  done
}

need_number() {
  local name
  for name in "$@"; do
    [[ ${flags[$name]} =~ ^[0-9]+$ ]] ||
      usage_error "--$name takes a number, not '${flags[$name]}'"
  done
}

# Requires a name that is valid for machines and jobs in clouds.
need_name() {
  need name
  [[ ${flags[name]} =~ ^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$ ]] || usage_error \
    "--name takes at most 40 lower-case letters, digits and dashes, a letter" \
    "first, not '${flags[name]}'"
}

# Requires a job, either after -- or by --smoke.
need_job() {
  if [[ -n ${flags[smoke]} ]]; then
    ((${#job[@]} == 0)) || usage_error "give --smoke or a job, not both"
    job=(launch/local_smoke.sh --model-dir "${flags[smoke]}")
  fi
  ((${#job[@]})) || usage_error "say what to run: -- instructrec train … or" \
    "--smoke FOLDER"
}

# Requires a program, except in a dry run.
need_program() {
  [[ ${flags[dry-run]} == yes ]] || command -v "$1" >/dev/null ||
    die "$1 is not installed here, or not on the PATH"
}

# Splits --topology v5e:4x4 into `generation` and `topology`; counts `chips`.
split_topology() {
  need topology
  [[ ${flags[topology]} =~ ^(v[0-9a-z]+):([0-9]+x[0-9]+(x[0-9]+)?)$ ]] ||
    usage_error "--topology takes a value such as v5e:4x4 or v4:2x2x4, not" \
      "'${flags[topology]}'"
  generation=${BASH_REMATCH[1]}
  topology=${BASH_REMATCH[2]}
  # shellcheck disable=SC2034  # The launchers use it.
  chips=$((${topology//x/*}))
  local dimensions=${topology//[0-9]/}
  case $generation:${#dimensions} in
    v4:2 | v5p:2 | v5e:1 | v6e:1) ;;
    v4:* | v5p:*) usage_error "$generation has topologies of three numbers," \
      "such as 2x2x4, not $topology" ;;
    v5e:* | v6e:*) usage_error "$generation has topologies of two numbers," \
      "such as 4x4, not $topology" ;;
    *) usage_error "unknown TPU '$generation': expected v4, v5e, v5p or v6e" ;;
  esac
}
