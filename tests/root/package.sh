#!/usr/bin/env bash
# The Debian package in a clean Debian: installs, starts as its unit would, serves,
# takes over the first release's database, upgrades, is removed and purged without a trace.
#
#   tests/root/package.sh BINARY     needs root, debootstrap, dpkg-dev, curl and sqlite3
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=${1:?which binary?}
base=target/clean-debian
room=target/room
user=61000 # stands for the one that DynamicUser lends

if [ -z "${PORCHLIGHT_ALONE:-}" ]; then
  if [ ! -e $base/complete ]; then
    echo "   making a clean Debian in $base"
    rm -rf $base
    debootstrap --variant=minbase --include=ca-certificates bookworm $base >target/debootstrap.log 2>&1 ||
      { tail -5 target/debootstrap.log; exit 1; }
    touch $base/complete
  fi
  # A network of our own, so that the package's own port is free.
  exec unshare --net env PORCHLIGHT_ALONE=yes "$0" "$@"
fi
ip link set lo up

fail() { echo "   $*"; exit 1; }
inside() { chroot $room env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
# What a package manager and its logs note of themselves is theirs.
everything() {
  find $room -xdev -printf '%P %y %m %U %s\n' |
    grep -v -E '^(var/(lib/dpkg|cache|log)|etc/ld.so.cache)' | grep -v -E '^[^ ]* d ' | sort
}

package=$(contrib/debian/build "$binary")
echo "   $package: $(stat -c %s "$package") bytes, $(dpkg-deb -f "$package" Depends)"
if command -v lintian >/dev/null; then
  # It is no package of Debian's own: it closes no bug of theirs, and who builds
  # it for others gives an address with DEBEMAIL.
  lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs,bogus-mail-host,bogus-mail-host-in-debian-changelog "$package"
fi

rm -rf $room
cp -a $base $room
everything >target/before
cp "$package" $room/package.deb
inside dpkg -i /package.deb >target/dpkg.log 2>&1 || { cat target/dpkg.log; exit 1; }
inside porchlight --version
inside porchlight --config /etc/porchlight/config.toml check

unit=$room/usr/lib/systemd/system/porchlight.service
start=$(sed -n 's/^ExecStart=//p' $unit)
daemon=
stop() {
  [ -n "$daemon" ] || return 0
  kill -TERM "$daemon" 2>/dev/null || true
  wait "$daemon" || { local code=$?; daemon=; cat target/room.log; fail "it ended with $code"; }
  daemon=
}
trap 'kill -KILL "$daemon" 2>/dev/null || true' EXIT
# As the unit would: not root, its state directory made for it, nothing else writable.
begin() {
  install -d -m 700 -o $user -g $user $room/var/lib/porchlight
  # shellcheck disable=SC2086
  chroot --userspec=$user:$user $room env -i PATH=/usr/bin $start >target/room.log 2>&1 &
  daemon=$!
  for _ in $(seq 300); do
    curl -fs -o target/page http://127.0.0.1:8080/ && return 0
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.1
  done
  cat target/room.log
  fail "no page"
}

begin
grep -q '尚未配置' target/page || fail "the page does not say that it is not set up"
curl -fs http://127.0.0.1:8080/api/v1/summary.json | grep -q '"verdict": *"unknown"' || fail "a page that knows nothing must say unknown"
as_operator() { chroot --userspec=$user:$user $room /usr/bin/porchlight --config /etc/porchlight/config.toml --data /var/lib/porchlight "$@"; }
as_operator status
as_operator reload
stop
echo "   starts, serves, says that it is not set up, stops"

# The first release's database, told as if it had ended an hour ago. Its endpoints are the sample's.
database=$room/var/lib/porchlight/porchlight.db
ask() { sqlite3 "file:$database?mode=ro" "$1"; }
rm -f $room/var/lib/porchlight/*
sqlite3 $database <tests/fixtures/first-release.sql >/dev/null
sqlite3 $database "
  CREATE TEMP TABLE shift AS SELECT (unixepoch() - 3600) * 1000 - max(at_ms) AS ms FROM result;
  UPDATE result SET at_ms = at_ms + (SELECT ms FROM shift);
  UPDATE newest SET at_ms = at_ms + (SELECT ms FROM shift);
  UPDATE span SET from_ms = from_ms + (SELECT ms FROM shift), to_ms = to_ms + (SELECT ms FROM shift);"
chown -R $user:$user $room/var/lib/porchlight
had=$(ask 'SELECT count(*) FROM span') results=$(ask 'SELECT count(*) FROM result')
cp $room/usr/share/doc/porchlight/examples/config.toml $room/etc/porchlight/config.toml
begin
curl -fs -o target/history http://127.0.0.1:8080/en/c/web
stop
if [ "$(ask 'SELECT count(*) FROM span')" -lt "$had" ] || [ "$(ask 'SELECT count(*) FROM result')" -lt "$results" ]; then
  fail "history was lost: there were $had spans and $results results"
fi
grep -q '4 h 1 min' target/history || fail "the page does not show the outage of some weeks before"
echo "   took over the first release's database: $had spans and $results results are still there, schema $(ask 'PRAGMA user_version')"

# What root restores, the service must be able to use.
as_root() { inside porchlight --config /etc/porchlight/config.toml --data /var/lib/porchlight "$@"; }
as_root backup /monday.db
rm $room/var/lib/porchlight/porchlight.db*
as_root restore /monday.db
rm $room/monday.db
begin
stop
[ "$(ask 'SELECT count(*) FROM span')" -ge "$had" ] || fail "what was restored is not all there"
echo "   restored by root, and used by the service"

printf '\n# mine\n' >>$room/etc/porchlight/config.toml
inside dpkg --force-confold -i /package.deb >target/dpkg.log 2>&1 || { cat target/dpkg.log; exit 1; }
grep -q '# mine' $room/etc/porchlight/config.toml || fail "the upgrade took the operator's config"
begin
stop
echo "   upgraded over a changed config, which stayed"

inside dpkg -r porchlight >target/dpkg.log 2>&1 || { cat target/dpkg.log; exit 1; }
[ -e $room/var/lib/porchlight/porchlight.db ] || fail "removing took the history"
[ -e $room/etc/porchlight/config.toml ] || fail "removing took the config"
inside dpkg -P porchlight >target/dpkg.log 2>&1 || { cat target/dpkg.log; exit 1; }
rm $room/package.deb
everything >target/after
diff target/before target/after || fail "purging left something behind, or took something along"
for directory in var/lib/porchlight etc/porchlight usr/share/porchlight; do
  [ ! -e "$room/$directory" ] || fail "purging left $directory"
done
echo "   removed with the history kept, purged without a trace"
rm -rf $room
