#!/bin/sh
# The check that Compose files call in the official image, as `healthcheck.sh --connect --innodb_initialized`: healthy when the
# server answers over TCP, which it never does before the database is finished. The options are accepted and ask no more.
# A refused password is an answer too.
mariadb-admin --protocol=tcp --host=127.0.0.1 --user=healthcheck --connect-timeout=3 ping >/dev/null 2>&1
