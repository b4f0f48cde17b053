#!/usr/bin/env bash
# Makes a database in an empty data folder, then becomes the server. The promises are those of the official image:
# POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB (each also as ..._FILE), POSTGRES_INITDB_ARGS, POSTGRES_HOST_AUTH_METHOD, PGDATA,
# and /docker-entrypoint-initdb.d.
set -euo pipefail
shopt -s nullglob

# setting NAME DEFAULT: from the variable, or from the file that NAME_FILE names.
setting() {
  local file="${1}_FILE"
  if [[ -n ${!1:-} ]]; then
    printf '%s' "${!1}"
  elif [[ -n ${!file:-} ]]; then
    cat "${!file}"
  else
    printf '%s' "$2"
  fi
}

make_database() {
  local user password database auth password_file
  user=$(setting POSTGRES_USER postgres)
  password=$(setting POSTGRES_PASSWORD "")
  database=$(setting POSTGRES_DB "$user")
  auth=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  if [[ -z $password && $auth != trust ]]; then
    echo "error: POSTGRES_PASSWORD is empty. Set it, or POSTGRES_HOST_AUTH_METHOD=trust to do without." >&2
    exit 1
  fi

  # A file descriptor, so that the password shows in no process list. initdb refuses an empty one.
  exec {password_file}< <(printf '%s\n' "${password:-unused}")
  # Unquoted on purpose: POSTGRES_INITDB_ARGS is a list of options.
  # shellcheck disable=SC2086
  initdb --username="$user" --pwfile="/dev/fd/$password_file" --auth-local=trust --auth-host="$auth" ${POSTGRES_INITDB_ARGS:-}
  exec {password_file}<&-
  printf '\nhost all all all %s\n' "$auth" >>"$PGDATA/pg_hba.conf"

  # While scripts run, the server listens on its unix socket only: who connects over TCP finds either nothing or the
  # finished database.
  PGUSER=$user pg_ctl --pgdata="$PGDATA" --wait start --options="-c listen_addresses=''"
  if [[ $database != postgres ]]; then
    psql --username="$user" --dbname=postgres --no-psqlrc --set=ON_ERROR_STOP=1 --set=name="$database" <<<'CREATE DATABASE :"name";'
  fi
  export POSTGRES_USER=$user POSTGRES_PASSWORD=$password POSTGRES_DB=$database
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    run_init_file "$file"
  done
  PGUSER=$user pg_ctl --pgdata="$PGDATA" --mode=fast --wait stop
  echo "PostgreSQL init process complete; ready for start up."
}

run_init_file() {
  echo "$0: $1"
  # shellcheck disable=SC1090 # a file of whoever uses this image
  case $1 in
    # As in the official image: a script that is not executable shares our variables.
    *.sh) if [[ -x $1 ]]; then "$1"; else source "$1"; fi ;;
    *.sql) run_sql --file="$1" ;;
    *.sql.gz) gunzip --stdout "$1" | run_sql ;;
    *.sql.xz) xz --decompress --stdout "$1" | run_sql ;;
    *) echo "$0: ignored: $1" ;;
  esac
}

run_sql() {
  psql --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --no-password --no-psqlrc --set=ON_ERROR_STOP=1 "$@"
}

# `docker run IMAGE -c max_connections=200` means the server with that option.
if [[ ${1:-} == -* ]]; then set -- postgres "$@"; fi

if [[ ${1:-} == postgres ]]; then
  if ((EUID == 0)); then
    mkdir -p "$PGDATA"
    chmod 0700 "$PGDATA"
    find "$PGDATA" ! -user postgres -exec chown postgres:postgres {} +
    # The same script once more, as the user that the server runs as.
    exec env HOME=/var/lib/postgresql setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
  fi
  if [[ -s $PGDATA/PG_VERSION ]]; then
    echo "PostgreSQL Database directory appears to contain a database; Skipping initialization"
  else
    make_database
  fi
fi
# The server takes this process's place: signals reach it, and its exit code is the container's.
exec "$@"
