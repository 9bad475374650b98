#!/bin/sh
# Prints .env.example with a fresh secret wherever a value is missing.
set -eu
while IFS= read -r line; do
  case $line in
    PARLEY_SECRET_KEY=) secret=$(head -c 32 /dev/urandom | base64) ;;
    [A-Z]*=) secret=$(od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n') ;;
    *) secret= ;;
  esac
  printf '%s%s\n' "$line" "$secret"
done < "$(dirname "$0")/.env.example"
