#!/bin/sh
# Installs one service alone into a virtual environment: install.sh SERVICE VENV
# It gets what it declares and nothing else, in the versions of requirements.lock, each file checked against its hashes there.
set -eu
service=$1 venv=$2
cd "$(dirname "$0")/.."

members=services/$service
if grep -q '"parley-common' "$members/pyproject.toml"; then members="libs/common $members"; fi
declared=
for member in $members; do declared="$declared -r $member/pyproject.toml"; done

uv venv --quiet "$venv"
# shellcheck disable=SC2086  # paths of ours, without spaces
echo parley-common | uv pip install --quiet --python "$venv" --require-hashes --no-build --no-sources \
  --constraints requirements.lock --excludes /dev/stdin $declared
# shellcheck disable=SC2086
uv pip install --quiet --python "$venv" --no-deps --no-sources --offline $members
uv pip check --quiet --python "$venv"
