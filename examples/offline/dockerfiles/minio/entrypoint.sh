#!/bin/sh
# `docker run IMAGE server /data` means `minio server /data`.
set -eu
case ${1:-} in
  server | -*) set -- minio "$@" ;;
esac
exec "$@"
