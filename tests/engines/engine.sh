# shellcheck shell=bash disable=SC2154 # what the scripts say
# What the tests' own engines share. Sourced by `old` and `current`, which say what is theirs:
#
#   engine            its name
#   subnet            the first three numbers of its network, in the range reserved for benchmarks (198.18.0.0/15)
#   provide_programs  a function: sees to it that dockerd, containerd and runc are there, and puts them first on PATH
#   dockerd_options   what only this engine is told
#
# Each engine lives in a network namespace of its own, so that several run beside each other and beside the machine's own
# without fighting over iptables chains, bridges and published ports. A veth pair and NAT lead from there to the outside.
# A test runs in that namespace too (nsenter --net=$NETNS), and so reaches published ports on 127.0.0.1.

# shellcheck source=../../examples/offline/lib.sh
source "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/../../examples/offline/lib.sh"

# Images and build caches stay between runs. Sockets and pidfiles are short-lived, and a socket's path must be short.
data=$cache_dir/engines/$engine
run=/run/dev-test-engines/$engine
log=$cache_dir/logs/engine-$engine.log
containerd_log=$cache_dir/logs/engine-$engine-containerd.log

namespace=dev-$engine
# The name of our end of the veth pair, at most 15 characters.
outer_link=dev-$engine

inside() { nsenter --net="/run/netns/$namespace" "$@"; }
client() { docker --host "unix://$run/docker.sock" "$@"; }

# install_missing PROGRAM=PACKAGE...: where a program is missing, says so and installs its package, on Debian and Ubuntu.
install_missing() {
  local pair packages=()
  for pair in "$@"; do
    type "${pair%%=*}" >/dev/null 2>&1 || packages+=("${pair#*=}")
  done
  ((${#packages[@]})) || return 0
  type apt-get >/dev/null 2>&1 || die 3 "the engine '$engine' needs ${packages[*]}" "Install them, then run this again."
  say "==> Installing, with apt-get: ${packages[*]}"
  with_log "$cache_dir/logs/apt.log" apt-get update
  DEBIAN_FRONTEND=noninteractive with_log "$cache_dir/logs/apt.log" \
    apt-get install --yes --no-install-recommends "${packages[@]}"
}

# --- Network --------------------------------------------------------------------------------------------------------

# Our rules in the machine's own tables, each as arguments after -t TABLE -I or -D. First in FORWARD, because an engine in the
# machine's own namespace drops there what it does not know.
for_each_rule() {
  "$@" filter FORWARD -i "$outer_link" -j ACCEPT
  "$@" filter FORWARD -o "$outer_link" -j ACCEPT
  "$@" nat POSTROUTING -s "$subnet.0/30" ! -d "$subnet.0/30" -j MASQUERADE
}
add_rule() { iptables --wait -t "$1" -I "${@:2}"; }
remove_rule() {
  while iptables --wait -t "$1" -C "${@:2}" 2>/dev/null; do iptables --wait -t "$1" -D "${@:2}"; done
}

network_up() {
  local link mtu=1500
  # The path outside may carry smaller packets than is usual.
  if link=$(ip -4 -json route get 198.51.100.1 2>/dev/null); then
    link=$(sed 's/.*"dev":"\([^"]*\)".*/\1/' <<<"$link")
    mtu=$(<"/sys/class/net/$link/mtu")
  fi
  ip netns add "$namespace"
  ip link add "$outer_link" mtu "$mtu" type veth peer name eth0 mtu "$mtu" netns "$namespace"
  ip address add "$subnet.1/30" dev "$outer_link"
  ip link set "$outer_link" up
  inside ip link set lo up
  inside ip address add "$subnet.2/30" dev eth0
  inside ip link set eth0 up
  inside ip route add default via "$subnet.1"
  # Containers do not know of that limit.
  inside iptables --wait -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
  # Any engine switches this on, and none off.
  echo 1 >/proc/sys/net/ipv4/ip_forward
  for_each_rule add_rule
}

network_down() {
  for_each_rule remove_rule
  if [[ -e /run/netns/$namespace ]]; then ip netns delete "$namespace"; fi
  # The veth pair goes with the namespace, but a container that has not ended keeps that alive for a moment.
  if [[ -e /sys/class/net/$outer_link ]]; then ip link delete "$outer_link"; fi
}

# The name servers, as options for dockerd. One on this machine's loopback cannot be reached from another namespace; where
# systemd-resolved is that one, its upstream servers are asked.
dns_options() {
  grep --quiet '^nameserver' /etc/resolv.conf || return 0
  local file server
  for file in /etc/resolv.conf /run/systemd/resolve/resolv.conf; do
    [[ -r $file ]] || continue
    sed -n 's/^nameserver[[:space:]]*\([0-9.]*\)$/\1/p' "$file" | while read -r server; do
      [[ $server == 127.* ]] || printf '%s\n' --dns "$server"
    done | grep . && return
  done
  die 1 "the only name server of this machine listens on its loopback, which containers of a test engine cannot reach" \
    "Add one that others can reach to /etc/resolv.conf."
}

# --- The engine -----------------------------------------------------------------------------------------------------

is_running() { runs_as "$run/dockerd.pid" dockerd && engine_answers "unix://$run/docker.sock"; }

start() {
  if is_running; then
    # The socket's place is the same for every cache folder, the engine's data is not.
    [[ $(<"$run/cache") == "$cache_dir" ]] ||
      die 1 "the engine '$engine' runs already, with $(<"$run/cache") as its cache folder" "Stop it there first."
    return
  fi
  ((EUID == 0)) || die 3 "the engine '$engine' needs root: it makes a network namespace"
  stop
  mkdir -p "$run" "$data" "$cache_dir/logs"
  echo "$cache_dir" >"$run/cache"
  provide_programs
  network_up
  start_containerd
  start_dockerd
  clean
}

# A containerd of its own: dockerd would use the machine's where one runs, and share its images and containers with it.
start_containerd() {
  cat >"$run/containerd.toml" <<END
version = 2
root = "$data/containerd"
state = "$run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "$run/containerd.sock"
END
  spawn "$containerd_log" nsenter --net="/run/netns/$namespace" containerd --config "$run/containerd.toml"
  echo $! >"$run/containerd.pid"
  wait_until 30 test -S "$run/containerd.sock" || give_up "containerd did not start within 30 s" "$containerd_log"
}

start_dockerd() {
  local found dns
  found=$(dns_options)
  read -ra dns <<<"${found//$'\n'/ }"
  # dockerd refuses to start beside a pidfile whose number is in use, even by another program.
  rm -f "$run/dockerd.pid"
  spawn "$log" nsenter --net="/run/netns/$namespace" dockerd \
    --host "unix://$run/docker.sock" --pidfile "$run/dockerd.pid" \
    --data-root "$data/docker" --exec-root "$run/docker" --containerd "$run/containerd.sock" \
    "${dns[@]}" "${dockerd_options[@]}"
  wait_until 60 is_running || give_up "the engine '$engine' did not answer within 60 s" "$log"
}

give_up() {
  tail -n 20 "$2" >&2
  die 3 "$1" "log: $2"
}

# Nothing of earlier test runs stays: this engine is the tests' own. Images stay, but for those that tests built, and of
# the build cache what fits into 2 GB.
clean() {
  local found
  mapfile -t found < <(client container ls --all --quiet)
  if ((${#found[@]})); then client container rm --force --volumes "${found[@]}" >/dev/null; fi
  mapfile -t found < <(client volume ls --quiet)
  if ((${#found[@]})); then client volume rm --force "${found[@]}" >/dev/null; fi
  client network prune --force >/dev/null
  client image prune --force >/dev/null
  client image prune --force --all --filter label=com.docker.compose.project >/dev/null
  # By its API: the client's command differs with and without buildx.
  curl --silent --show-error --fail --output /dev/null --unix-socket "$run/docker.sock" \
    --request POST "http://localhost/v1.41/build/prune?keep-storage=2000000000"
}

stop() {
  # So that the engine need not wait for each container to end in its own time.
  if is_running; then clean; fi
  stop_or_kill dockerd
  stop_containers_without_engine
  stop_or_kill containerd
  network_down
  unmount_below "$run"
  unmount_below "$data"
  rm -rf "$run"
}

# Where the engine was killed, its containers run on.
stop_containers_without_engine() {
  runs_as "$run/containerd.pid" containerd || return 0
  local container
  for container in $(ctr --address "$run/containerd.sock" --namespace moby tasks ls --quiet); do
    ctr --address "$run/containerd.sock" --namespace moby tasks rm --force "$container" >/dev/null
  done
}

unmount_below() {
  local mounted
  # Deepest first. The list writes a space as \040.
  awk -v below="$1/" '{ gsub(/\\040/, " ", $5) } index($5, below) == 1 { print $5 }' /proc/self/mountinfo | sort --reverse |
    while read -r mounted; do umount "$mounted"; done
}

stop_or_kill() {
  local pidfile=$run/$1.pid
  stop_pidfile "$pidfile" "$1" 30 && return
  say "note: $1 of the engine '$engine' did not end within 30 s, and is killed"
  kill -KILL "$(<"$pidfile")"
  wait_until 10 has_ended "$pidfile" "$1" || die 1 "$1 (process $(<"$pidfile")) cannot be killed"
}

# What a shell needs to use the engine: eval "$(tests/engines/NAME start)"
show() {
  echo "DOCKER_HOST=unix://$run/docker.sock"
  echo "NETNS=/run/netns/$namespace"
  echo "ENGINE_PIDFILE=$run/dockerd.pid"
}

main() {
  only_one "engine-$engine"
  case ${1:-} in
    start)
      start
      show
      ;;
    stop) stop ;;
    # The engine alone, as a service manager would: its containers stop, its containerd and its network stay.
    restart)
      is_running || die 1 "the engine '$engine' does not run" "Start it with 'tests/engines/$engine start'."
      provide_programs
      stop_or_kill dockerd
      start_dockerd
      show
      ;;
    clean)
      is_running || die 1 "the engine '$engine' does not run"
      clean
      ;;
    *) die 2 "usage: tests/engines/$engine start|stop|restart|clean" ;;
  esac
}
