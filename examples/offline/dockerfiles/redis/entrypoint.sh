#!/bin/sh
# Becomes redis-server, as the user redis, with the given options. Any other command runs as it is.
set -eu

# `docker run IMAGE --appendonly yes` and `docker run IMAGE /etc/my.conf` mean the server with that.
case ${1:-} in
  -* | *.conf) set -- redis-server "$@" ;;
esac

if [ "${1:-}" = redis-server ]; then
  shift
  # The official server is built to answer other machines without a password; Debian's wants to be told. Options that
  # follow overrule this one.
  case ${1:-} in
    -h | --help | -v | --version | --check-system | --test-memory) set -- redis-server "$@" ;;
    "" | -*) set -- redis-server --protected-mode no "$@" ;;
    *)
      file=$1
      shift
      set -- redis-server "$file" --protected-mode no "$@"
      ;;
  esac
  if [ "$(id -u)" = 0 ]; then
    find . ! -user redis -exec chown redis:redis {} +
    exec env HOME=/data setpriv --reuid=redis --regid=redis --init-groups "$@"
  fi
fi
exec "$@"
