#!/usr/bin/env bash
# Makes a database in an empty data folder, then becomes the server. The promises are those of the official image:
# MARIADB_ROOT_PASSWORD (or MARIADB_ALLOW_EMPTY_ROOT_PASSWORD, MARIADB_RANDOM_ROOT_PASSWORD), MARIADB_ROOT_HOST, MARIADB_DATABASE,
# MARIADB_USER and MARIADB_PASSWORD, each also as MYSQL_... and as ..._FILE, and /docker-entrypoint-initdb.d.
set -euo pipefail
shopt -s nullglob
data=/var/lib/mysql
socket=/run/mysqld/mysqld.sock

# setting NAME DEFAULT: MARIADB_NAME, MYSQL_NAME, or what the files hold that MARIADB_NAME_FILE or MYSQL_NAME_FILE names.
setting() {
  local prefix variable file
  for prefix in MARIADB MYSQL; do
    variable=${prefix}_$1 file=${prefix}_$1_FILE
    if [[ -n ${!variable:-} ]]; then
      printf '%s' "${!variable}"
      return
    elif [[ -n ${!file:-} ]]; then
      cat "${!file}"
      return
    fi
  done
  printf '%s' "${2:-}"
}

# Quotes a value for SQL: as a string, or as the name of a database.
sql_string() {
  local value=${1//\\/\\\\}
  printf "'%s'" "${value//\'/\'\'}"
}
# shellcheck disable=SC2016 # the backquotes are SQL's
sql_name() { printf '`%s`' "${1//\`/\`\`}"; }

run_sql() { mariadb --socket="$socket" --user=root --binary-mode "$@"; }

make_database() {
  local root_password root_host database user password
  root_password=$(setting ROOT_PASSWORD)
  root_host=$(setting ROOT_HOST %)
  database=$(setting DATABASE)
  user=$(setting USER)
  password=$(setting PASSWORD)
  if [[ -z $root_password && -n $(setting RANDOM_ROOT_PASSWORD) ]]; then
    root_password=$(head -c 24 /dev/urandom | base64)
    echo "GENERATED ROOT PASSWORD: $root_password"
  fi
  if [[ -z $root_password && -z $(setting ALLOW_EMPTY_ROOT_PASSWORD) ]]; then
    echo "error: set one of MARIADB_ROOT_PASSWORD, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD and MARIADB_RANDOM_ROOT_PASSWORD." >&2
    exit 1
  fi

  mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal --skip-test-db --skip-log-bin >/dev/null

  # While scripts run, the server has no network: who connects over TCP finds either nothing or the finished database.
  "$@" --skip-networking --socket="$socket" --skip-log-bin &
  local server=$! tries
  for ((tries = 0; tries < 600; tries++)); do
    if run_sql --execute='SELECT 1' >/dev/null 2>&1; then break; fi
    kill -0 "$server"
    sleep 0.05
  done

  # Debian's tables come with a root without a password for each name of this machine. Only the socket's is wanted, and one
  # that may do nothing, for healthcheck.sh.
  run_sql <<'END'
DELETE FROM mysql.global_priv WHERE User IN ('', 'root') AND Host <> 'localhost';
DELETE FROM mysql.proxies_priv WHERE Host <> 'localhost';
FLUSH PRIVILEGES;
CREATE USER 'healthcheck'@'localhost', 'healthcheck'@'127.0.0.1', 'healthcheck'@'::1';
END
  if [[ -n $database ]]; then run_sql <<<"CREATE DATABASE IF NOT EXISTS $(sql_name "$database");"; fi
  if [[ -n $user && -n $password ]]; then
    run_sql <<<"CREATE USER $(sql_string "$user")@'%' IDENTIFIED BY $(sql_string "$password");"
    if [[ -n $database ]]; then
      # _ and % are wildcards in a GRANT.
      local pattern=${database//_/\\_}
      run_sql <<<"GRANT ALL ON $(sql_name "${pattern//%/\\%}").* TO $(sql_string "$user")@'%';"
    fi
  fi

  # Scripts run as root, with their database chosen, while root has no password yet.
  local file options=()
  if [[ -n $database ]]; then options=(--database="$database"); fi
  for file in /docker-entrypoint-initdb.d/*; do
    run_init_file "$file" "${options[@]}"
  done

  {
    if [[ $root_host != localhost ]]; then
      echo "CREATE USER 'root'@$(sql_string "$root_host") IDENTIFIED BY $(sql_string "$root_password");"
      echo "GRANT ALL ON *.* TO 'root'@$(sql_string "$root_host") WITH GRANT OPTION;"
    fi
    echo "SET PASSWORD FOR 'root'@'localhost' = PASSWORD($(sql_string "$root_password"));"
  } | run_sql
  kill -TERM "$server"
  wait "$server"
  echo "MariaDB init process done. Ready for start up."
}

run_init_file() {
  local file=$1
  shift
  echo "$0: $file"
  # shellcheck disable=SC1090 # a file of whoever uses this image
  case $file in
    # As in the official image: a script that is not executable shares our functions.
    *.sh) if [[ -x $file ]]; then "$file"; else source "$file"; fi ;;
    *.sql) run_sql "$@" <"$file" ;;
    *.sql.gz) gunzip --stdout "$file" | run_sql "$@" ;;
    *.sql.xz) xz --decompress --stdout "$file" | run_sql "$@" ;;
    *) echo "$0: ignored: $file" ;;
  esac
}

# `docker run IMAGE --max-connections=50` means the server with that option. mysqld is its older name.
if [[ ${1:-} == -* ]]; then set -- mariadbd "$@"; fi
if [[ ${1:-} == mysqld ]]; then set -- mariadbd "${@:2}"; fi

if [[ ${1:-} == mariadbd ]]; then
  if ((EUID == 0)); then
    find "$data" /run/mysqld ! -user mysql -exec chown mysql:mysql {} +
    # The same script once more, as the user that the server runs as.
    exec env HOME="$data" setpriv --reuid=mysql --regid=mysql --init-groups "$0" "$@"
  fi
  if [[ ! -d $data/mysql ]]; then make_database "$@"; fi
fi
# The server takes this process's place: signals reach it, and its exit code is the container's.
exec "$@"
