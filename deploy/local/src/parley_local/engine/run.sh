#!/bin/bash
# Runs the engine in the foreground, making its data folder first when there is none.
# usage: run.sh PREFIX DATA PORT      PGFSYNC=off for data that may be lost
set -euo pipefail
prefix=$1 data=$2 port=$3
bin=$prefix/x/usr/lib/postgresql/18/bin
as=()
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
  mkdir -p "$data" && chown 65534:65534 "$data"
  as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
run() { ${as[@]+"${as[@]}"} env -i PATH=/usr/bin:/bin HOME="$data" LANG=C.UTF-8 LC_ALL=C.UTF-8 "$@"; }
if [ ! -f "$data/.ready" ]; then
  mkdir -p "$data" && find "$data" -mindepth 1 -delete
  run "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale-provider=builtin --locale=C.UTF-8 --no-sync --no-instructions
  cat >> "$data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 120
shared_buffers = 64MB
shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'
cron.database_name = 'postgres'
cron.host = '127.0.0.1'
deadlock_timeout = 10ms
fsync = ${PGFSYNC:-on}
documentdb_core.enableCollation = on
CONF
  # The first start listens on a socket only: nobody shall connect before the extension is there.
  run "$bin/pg_ctl" -D "$data" -l "$data/first-start.log" -o "-c listen_addresses= -c unix_socket_directories=$data" -t 60 -w start
  run "$bin/psql" -qX -h "$data" -p "$port" -U postgres -v ON_ERROR_STOP=1 -c "SET client_min_messages=warning" \
    -c "CREATE EXTENSION documentdb CASCADE" -f - < "$(dirname "$0")/races.sql"
  run "$bin/pg_ctl" -D "$data" -m fast -w stop
  touch "$data/.ready"
fi
exec ${as[@]+"${as[@]}"} env -i PATH=/usr/bin:/bin HOME="$data" LANG=C.UTF-8 LC_ALL=C.UTF-8 "$bin/postgres" -D "$data" -p "$port"
