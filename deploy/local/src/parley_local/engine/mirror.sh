#!/bin/sh
# Prints the mirror from which this Debian installs: the first that apt knows; fails when it knows none.
# usage: mirror.sh [/etc/apt]
apt=${1:-/etc/apt}
cat "$apt/sources.list.d/debian.sources" "$apt/sources.list" 2> /dev/null | awk '
  /^(URIs:|deb[ \t])/ && match($0, /https?:[^ \t]+/) { print substr($0, RSTART, RLENGTH); found = 1; exit }
  END { if (!found) { print "apt knows no mirror of Debian: set DEBIAN_MIRROR to one" > "/dev/stderr"; exit 1 } }'
