#!/bin/sh
# Has Docker Compose read its file, with fresh settings; needs no engine.
set -eu
cd "$(dirname "$0")"
settings=$(mktemp)
trap 'rm -f "$settings"' EXIT
sh new-env.sh > "$settings"
docker compose --env-file "$settings" config --quiet
docker compose --env-file "$settings" --profile sandbox config --quiet
