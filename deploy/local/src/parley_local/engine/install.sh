#!/bin/bash
# Extracts PostgreSQL 18 with the DocumentDB engine (Debian forky's packages) under PREFIX, without touching the system.
# usage: install.sh PREFIX
set -euo pipefail
prefix=$1 apt=$1/apt root=$1/x
[ -f "$prefix/.done" ] && exit 0
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$root" "$prefix/bin"
: > "$apt/status"
mirror=${DEBIAN_MIRROR:-$(sh "$(dirname "$0")/mirror.sh")}
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror forky main" > "$apt/sources.list"
# Container images hook a clean-up of the system's package cache into apt; it must not run here.
printf '#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n#clear DPkg::Post-Invoke;\n' > "$apt/nohooks.conf"
options=(-c "$apt/nohooks.conf" -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State="$apt"
  -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt" -o Dir::State::status="$apt/status" -o APT::Install-Recommends=false
  -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=
  -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
apt-get "${options[@]}" -qq update

packages="postgresql-18 postgresql-client-18 postgresql-18-documentdb postgresql-18-cron postgresql-18-rum
  postgresql-18-pgvector postgresql-18-postgis-3 postgresql-18-postgis-3-scripts"
# PostGIS' raster modules are not loaded: take only what the core module links.
geo=$(apt-cache "${options[@]}" depends postgresql-18-postgis-3 | awk '/Depends: lib(geos|json-c|pcre2|proj|protobuf-c|stdc|gcc|xml2)/{print $2}')
bson=$(apt-cache "${options[@]}" depends postgresql-18-documentdb | awk '/Depends: lib/{print $2}')
unwanted='^lib(perl|json-perl|text-|systemd-shared|semanage|sepol|debconfclient|c-l10n|c-gconv|gconv|nss3|gdbm|proc2|pam-modules|c-bin)'
libraries=$(apt-get "${options[@]}" -s install postgresql-18 postgresql-client-18 $geo $bson \
  | awk '/^Inst (lib|zlib1g)/{print $2}' | grep -Ev "$unwanted")
(cd "$apt/archives" && apt-get "${options[@]}" -qq download $packages $libraries && for deb in *.deb; do dpkg -x "$deb" "$root"; done)

extensions=$root/usr/share/postgresql/18/extension
cp "$extensions/postgis-3.control" "$extensions/postgis.control"
find "$extensions" \( -name '*--ANY*.sql' -o -name 'postgis_*' -o -name 'postgis--unpackaged*' -o -name 'address_standardizer*' \) -delete
rm -rf "$root"/usr/share/{doc,man,locale,postgis,lintian,zoneinfo,i18n,bug} "$root"/usr/{sbin,bin} \
  "$root"/usr/lib/postgresql/18/lib/{bitcode,pgxs} "$root"/usr/lib/x86_64-linux-gnu/{gconv,audit}

# Each program runs through the extracted loader; --argv0 keeps PostgreSQL's own relocation working.
libs=$root/usr/lib/x86_64-linux-gnu bin=$root/usr/lib/postgresql/18/bin
for program in postgres initdb pg_ctl psql; do
  mv "$bin/$program" "$bin/$program.real"
  printf '#!/bin/sh\nexec %s --argv0 %s --library-path %s %s "$@"\n' \
    "$libs/ld-linux-x86-64.so.2" "$bin/$program" "$libs:$root/usr/lib/postgresql/18/lib" "$bin/$program.real" > "$bin/$program"
  chmod 755 "$bin/$program"
done
rm -rf "$apt"
touch "$prefix/.done"
