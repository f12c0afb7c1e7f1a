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
  # no-manual-page and the like are faults; these two are not:
  # initial-upload-closes-no-bugs, no-changelog…: it is no package of Debian's own.
  lintian --fail-on error --suppress-tags no-changelog,initial-upload-closes-no-bugs "$package"
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
stop
echo "   starts, serves, says that it is not set up, stops"

if [ -e tests/fixtures/first-release.sql ]; then
  rm -f $room/var/lib/porchlight/*
  sqlite3 $room/var/lib/porchlight/porchlight.db <tests/fixtures/first-release.sql
  chown -R $user:$user $room/var/lib/porchlight
  cp tests/fixtures/first-release.toml $room/etc/porchlight/config.toml
  id=$(sed -n 's/^id = "\(.*\)"/\1/p' tests/fixtures/first-release.toml | head -1)
  results() { sqlite3 "file:$room/var/lib/porchlight/porchlight.db?mode=ro" 'SELECT count(*) FROM span'; }
  had=$(results)
  begin
  curl -fs "http://127.0.0.1:8080/en/c/$id" >target/history || fail "no page of $id"
  stop
  [ "$(results)" -ge "$had" ] || fail "spans were lost: $had, now $(results)"
  echo "   took over the first release's database: $had spans, now $(results)"
fi

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
