# shellcheck shell=bash
# Functions shared by the scripts that bring engines and images to a bare machine.
# Sourced, never run: `source "$here/lib.sh"`.
#
# Everything that is downloaded or built goes to one cache folder outside the checkout, so that a second run, or a
# second checkout, costs nothing. Removing that folder is always safe while no engine of ours runs.

# Where downloads, builds and logs are kept between runs.
cache_dir="${DEV_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/dev-stack}"

# Progress goes to stderr: stdout is what a caller reads.
say() { printf '%s\n' "$*" >&2; }

# die CODE MESSAGE...: each further argument is one line.
die() {
  local code=$1
  shift
  printf 'error: %s\n' "$1" >&2
  shift
  if (($#)); then printf '       %s\n' "$@" >&2; fi
  exit "$code"
}

# wait_until SECONDS COMMAND...: repeats a check until it holds. Fails when the deadline has passed.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# only_one NAME: from here to the end of the script, no second copy of it runs on this cache.
only_one() {
  mkdir -p "$cache_dir"
  exec {lock_fd}>"$cache_dir/$1.lock"
  flock "$lock_fd"
}

# with_log FILE COMMAND...: a long step whose output matters only when it fails.
with_log() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if ! "$@" >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die 1 "this failed: $*" "its whole output is in $log"
  fi
}

# --- Engines --------------------------------------------------------------------------------------------------------

# engine_answers HOST: is there a Docker API behind this DOCKER_HOST? Never takes longer than a few seconds.
engine_answers() {
  case $1 in
    unix://*)
      [[ -S ${1#unix://} ]] || return 1
      curl --silent --fail --noproxy '*' --max-time 3 --output /dev/null --unix-socket "${1#unix://}" http://localhost/_ping
      ;;
    # tcp with certificates and ssh: the client knows how to reach those.
    *) timeout 10 docker --host "$1" version >/dev/null 2>&1 ;;
  esac
}

# The places where an engine usually listens, best first, one DOCKER_HOST a line.
usual_engines() {
  # Rootless Docker, Docker Desktop and others announce themselves as the client's current context.
  if command -v docker >/dev/null; then
    docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || say "note: docker has no readable context"
  fi
  local runtime="${XDG_RUNTIME_DIR:-/run/user/$(id -u)}" socket
  for socket in \
    /var/run/docker.sock \
    "$runtime/docker.sock" \
    "$HOME/.docker/run/docker.sock" \
    "$HOME/.docker/desktop/docker.sock" \
    "$runtime/podman/podman.sock" \
    /run/podman/podman.sock; do
    echo "unix://$socket"
  done
}

# Prints the DOCKER_HOST of an engine that answers; fails where there is none.
find_engine() {
  local host
  # A person who names an engine means that one: no other is looked for.
  if [[ -n ${DOCKER_HOST:-} ]]; then
    engine_answers "$DOCKER_HOST" || return 1
    echo "$DOCKER_HOST"
    return
  fi
  while read -r host; do
    if engine_answers "$host"; then
      echo "$host"
      return
    fi
  done < <(usual_engines)
  return 1
}

# --- Processes that outlive a script --------------------------------------------------------------------------------

# runs_as PIDFILE NAME: does the process in this file live, and is it still that program? Numbers are used again after a
# reboot, so the number alone says nothing.
runs_as() {
  local pid
  # The file may go away at any moment.
  pid=$(cat "$1" 2>/dev/null) || return 1
  [[ -n $pid && -r /proc/$pid/comm && $(<"/proc/$pid/comm") == "$2" ]]
}

# spawn LOG COMMAND...: starts a program in a session of its own, so that it outlives this script and its terminal. The lock
# of only_one stays with the script.
spawn() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if [[ -n ${lock_fd:-} ]]; then
    setsid "$@" >"$log" 2>&1 </dev/null {lock_fd}>&- &
  else
    setsid "$@" >"$log" 2>&1 </dev/null &
  fi
}

# stop_pidfile PIDFILE NAME SECONDS: asks the process in this file to end and waits for that. Fails where it does not.
stop_pidfile() {
  if runs_as "$1" "$2"; then
    kill -TERM "$(<"$1")"
    wait_until "$3" has_ended "$1" "$2" || return 1
  fi
  rm -f "$1"
}

has_ended() { ! runs_as "$1" "$2"; }

# --- Built once -----------------------------------------------------------------------------------------------------

# go_version FOLDER MODULE: the version of a module that FOLDER/go.mod asks for.
go_version() { awk -v module="$2" '$1 == module && $2 ~ /^v/ { print $2 }' "$1/go.mod"; }

# go_tools FOLDER [BUILD OPTION...]: builds the tools that FOLDER/go.mod names, once per go.sum, options and target, and prints
# the folder they are in.
go_tools() {
  local module=$1 name out partial packages
  shift
  name=$(basename "$module")
  # File names relative to the module, so that every checkout shares the result.
  out=$cache_dir/go/$name-$(
    cd "$module" || exit
    {
      sha256sum go.mod go.sum
      printf '%s\n' "$(uname -m)" "${GOOS:-}" "${GOARCH:-}" "${CGO_ENABLED:-}" "$@"
    } | sha256sum | cut -c 1-16
  )
  if [[ ! -d $out ]]; then
    type go >/dev/null 2>&1 || die 1 "$name is built from Go modules, and there is no 'go'" "Go 1.21 or newer will do: https://go.dev/dl/"
    say "==> Building $name from Go modules (once; a few minutes)"
    mapfile -t packages < <(go -C "$module" list tool)
    mkdir -p "$cache_dir/go"
    # Results of an older go.sum, and of a build that was interrupted.
    rm -rf "$cache_dir/go/$name"-*
    partial=$(mktemp -d "$cache_dir/go/$name-partial.XXXXXX")
    with_log "$cache_dir/logs/go-$name.log" go -C "$module" build -trimpath -ldflags='-s -w' "$@" -o "$partial/" "${packages[@]}"
    mv "$partial" "$out"
  fi
  echo "$out"
}
