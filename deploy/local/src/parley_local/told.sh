#!/bin/sh
# Starts a part in the environment that PARLEY_TOLD holds: supervisord's file takes no quotes and no #.
# usage: told.sh PROGRAM ARGUMENT...
eval "$(printf %s "$PARLEY_TOLD" | base64 -d)"
unset PARLEY_TOLD
exec "$@"
