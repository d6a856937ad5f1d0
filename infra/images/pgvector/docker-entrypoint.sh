#!/bin/bash
# Makes the data directory on the first start, as the upstream image's entrypoint does, then becomes the server.
# What was made half way on a start that was cut short is thrown away and made again.
set -euo pipefail

if [ "${1:-postgres}" != postgres ]; then
  exec "$@"
fi
shift || true

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
password=${POSTGRES_PASSWORD:-}
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  [ -z "$password" ] || { echo "POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are both set" >&2; exit 1; }
  password=$(cat "$POSTGRES_PASSWORD_FILE")
fi

if [ ! -s "$PGDATA/PG_VERSION" ] || [ -e "$PGDATA/.being-made" ]; then
  [ -n "$password" ] || { echo "no password: set POSTGRES_PASSWORD_FILE" >&2; exit 1; }
  mkdir -p "$PGDATA" # it may be a folder of a volume that nobody has made yet
  find "$PGDATA" -mindepth 1 -delete
  touch "$PGDATA/.being-made"
  mkdir "$PGDATA/.new"
  # initdb reads the password from a file that only this process ever has
  initdb --pgdata="$PGDATA/.new" --username="$user" --pwfile=<(printf '%s\n' "$password") \
    --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >&2
  find "$PGDATA/.new" -mindepth 1 -maxdepth 1 -exec mv -t "$PGDATA" {} +
  rmdir "$PGDATA/.new"
  chmod 0700 "$PGDATA"
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  # While it is prepared the server listens on its socket alone: who waits for TCP waits for the end of this.
  pg_ctl --pgdata="$PGDATA" --wait --options="-c listen_addresses='' -c unix_socket_directories=/var/run/postgresql" start >&2
  if [ "$database" != postgres ]; then
    psql -v ON_ERROR_STOP=1 --no-psqlrc --username="$user" --dbname=postgres -v name="$database" \
      <<< 'CREATE DATABASE :"name";' >&2
  fi
  for file in /docker-entrypoint-initdb.d/*; do
    case "$file" in
      *.sql) psql -v ON_ERROR_STOP=1 --no-psqlrc --username="$user" --dbname="$database" --file="$file" >&2 ;;
      *.sh) bash "$file" >&2 ;;
    esac
  done
  pg_ctl --pgdata="$PGDATA" --wait --mode=fast stop >&2
  rm "$PGDATA/.being-made"
fi

exec postgres "$@"
