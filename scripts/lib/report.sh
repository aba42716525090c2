# Headings, times and the one way to fail. Sourced, never run.

started_at=$SECONDS

# A heading on a line of its own.
heading() { printf '\n== %s\n' "$*"; }

# A remark below a heading.
note() { printf '   %s\n' "$*"; }

# Says why on standard error, and stops.
die() {
  printf '\nerror: %s\n' "$1" >&2
  shift
  if (($#)); then printf '       %s\n' "$@" >&2; fi
  exit 1
}

# section NAME COMMAND...: runs a command under a heading and says how long it took.
section() {
  local name="$1" since=$SECONDS status=0
  shift
  heading "$name: $*"
  "$@" </dev/null || status=$?
  if ((status)); then
    printf '\n== %s FAILED after %d s (exit code %d)\n' "$name" $((SECONDS - since)) "$status" >&2
    exit "$status"
  fi
  note "$name passed in $((SECONDS - since)) s"
}

# The last line of a run that came to its end.
passed() { heading "all passed in $((SECONDS - started_at)) s"; }
