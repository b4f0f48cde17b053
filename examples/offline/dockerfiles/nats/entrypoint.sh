#!/bin/sh
# `docker run IMAGE --jetstream` means the server with that option.
set -eu
case ${1:-} in
  -*) set -- nats-server "$@" ;;
esac
exec "$@"
