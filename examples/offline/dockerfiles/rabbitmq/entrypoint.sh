#!/bin/sh
# Writes RABBITMQ_DEFAULT_USER, _PASS and _VHOST where the server reads them, then becomes the server, or any other
# command, as the user rabbitmq.
set -eu

if [ "$(id -u)" = 0 ]; then
  if [ "${1:-}" = rabbitmq-server ]; then
    find /var/lib/rabbitmq ! -user rabbitmq -exec chown rabbitmq:rabbitmq {} +
  fi
  case ${1:-} in
    # The command line tools share a secret file with the server, which only its owner may read.
    rabbitmq*) exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups "$0" "$@" ;;
  esac
fi

if [ "${1:-}" = rabbitmq-server ]; then
  {
    if [ -n "${RABBITMQ_DEFAULT_USER:-}" ]; then echo "default_user = $RABBITMQ_DEFAULT_USER"; fi
    if [ -n "${RABBITMQ_DEFAULT_PASS:-}" ]; then echo "default_pass = $RABBITMQ_DEFAULT_PASS"; fi
    if [ -n "${RABBITMQ_DEFAULT_VHOST:-}" ]; then echo "default_vhost = $RABBITMQ_DEFAULT_VHOST"; fi
  } >/etc/rabbitmq/conf.d/10-defaults.conf
fi
exec "$@"
