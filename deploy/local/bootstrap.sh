#!/bin/bash
# Makes .venv with everything in requirements.lock, unless nothing changed since the last time.
set -euo pipefail
cd "$(dirname "$0")/../.."
stamp=.venv/.parley-stamp
wanted=$(cat requirements.lock pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml deploy/local/pyproject.toml | sha256sum)
[ -x .venv/bin/python ] && [ "$(cat $stamp 2>/dev/null)" = "$wanted" ] && exit 0

if [ -n "${PARLEY_CACHE:-}" ]; then cache=$PARLEY_CACHE
elif [ "$(id -u)" = 0 ]; then cache=/var/cache/parley
else cache=$HOME/.cache/parley; fi
mkdir -p "$cache"

find_python() {
  local candidates=(python3.13 python3.12 python3)
  for root in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[23]*; do candidates+=("$root/bin/python"); done
  for candidate in "${candidates[@]}"; do # a pyenv shim may exist and yet not run
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 14))' 2> /dev/null; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  echo "Parley needs Python 3.12 or 3.13 with venv; none was found. Install one (Debian: apt-get install python3.13 python3.13-venv; or pyenv install 3.13)." >&2
  exit 1
}

python=$(find_python)
echo "Setting up .venv with $("$python" --version) (the first time takes about half a minute)"
uv=$cache/uv/bin/uv
if ! [ -x "$uv" ]; then
  "$python" -m venv "$cache/uv"
  "$cache/uv/bin/pip" install -q "uv==0.13.9"
fi
"$uv" venv -q --allow-existing --python "$python" .venv
"$uv" pip sync -q --compile-bytecode --require-hashes --python .venv/bin/python requirements.lock
members=()
for member in libs/* services/* deploy/local; do members+=(-e "$member"); done
"$uv" pip install -q --no-deps --python .venv/bin/python "${members[@]}"
echo "$wanted" > "$stamp"
