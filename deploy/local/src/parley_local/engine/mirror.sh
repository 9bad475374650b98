#!/bin/sh
# Prints the mirror from which this Debian installs: the first that apt knows, or else Debian's own.
# usage: mirror.sh [/etc/apt]
apt=${1:-/etc/apt}
{
  cat "$apt/sources.list.d/debian.sources" 2> /dev/null
  cat "$apt/sources.list" 2> /dev/null
  echo "deb http://deb.debian.org/debian"
} | awk '/^(URIs:|deb[ \t])/ && match($0, /https?:[^ \t]+/) { print substr($0, RSTART, RLENGTH); exit }'
