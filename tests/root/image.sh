#!/usr/bin/env bash
# The image without an engine: the root file system that the Dockerfile's last stage
# describes, run as its user with everything but the volume read-only.
#
#   tests/root/image.sh STATIC_BINARY     needs root and curl
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=${1:?which binary?}
if [ -z "${PORCHLIGHT_ALONE:-}" ]; then
  # Mounts and a network that end with us.
  exec unshare --mount --net env PORCHLIGHT_ALONE=yes "$0" "$@"
fi
ip link set lo up
root=target/image
fail() { echo "   $*"; exit 1; }

last=$(awk '/^FROM /{stage=""} {stage=stage $0 "\n"} END{printf "%s", stage}' Dockerfile)
word() { sed -n "s/^$1 //p" <<<"$last"; }
rm -rf $root
mkdir -p $root/proc $root/dev $root/etc
while read -r line; do
  owner=$(sed -n 's/.*--chown=\([^ ]*\).*/\1/p' <<<"$line")
  from=$(awk '{print $(NF-1)}' <<<"$line") to=$root$(awk '{print $NF}' <<<"$line")
  mkdir -p "$(dirname "$to")"
  case $line in
    *--from=build*)
      case $from in
        /out/porchlight) install -m 755 "$binary" "$to" ;;
        /out/data) mkdir -p "$to" ;;
        *) install -m 644 "$from" "$to" ;;
      esac ;;
    *) install -m 644 "$from" "$to" ;;
  esac
  [ -z "$owner" ] || chown -R "$owner" "$to"
done < <(word COPY)
# Of a static binary ldd may say so, and be content.
if ldd $root/usr/bin/porchlight 2>/dev/null | grep -q '=>'; then fail "the binary is not static"; fi
touch $root/dev/null $root/dev/random $root/dev/urandom
list() { tr '[]",' '    ' <<<"$1"; }

mount --bind $root $root
mount -o remount,bind,ro $root
# What every engine gives: a static getrandom falls back on the device.
for device in null random urandom; do mount --bind /dev/$device $root/dev/$device; done
mount --bind -o rw $root/data $root/data
mount -o remount,bind,rw $root/data
# shellcheck disable=SC2046,SC2086
run() { chroot --userspec="$(word USER)" $root $(list "$(word ENTRYPOINT)") "$@"; }
read -ra variables <<<"$(word ENV)"
export "${variables[@]}"
run --version
# Not through the function above: its process would be a shell's, not the daemon's.
# shellcheck disable=SC2046
chroot --userspec="$(word USER)" $root $(list "$(word ENTRYPOINT)") $(list "$(word CMD)") >target/image.log 2>&1 &
daemon=$!
trap 'kill -KILL "$daemon" 2>/dev/null || true' EXIT
for _ in $(seq 300); do
  curl -fs -o target/page http://127.0.0.1:8080/ && break
  kill -0 "$daemon" 2>/dev/null || break
  sleep 0.1
done
grep -q '尚未配置' target/page || { cat target/image.log; fail "no page"; }
[ "$(stat -c %u "/proc/$daemon")" = "$(word USER | cut -d: -f1)" ] || fail "it runs as somebody else"
health=$(sed -n 's/^HEALTHCHECK.*CMD //p' <<<"$last")
# shellcheck disable=SC2046
chroot --userspec="$(word USER)" $root $(list "$health") >target/health 2>&1 || { cat target/health; fail "not healthy"; }
kill -TERM "$daemon"
wait "$daemon" || { cat target/image.log; fail "it did not end well"; }
trap - EXIT
# shellcheck disable=SC2046
if chroot --userspec="$(word USER)" $root $(list "$health") >/dev/null 2>&1; then fail "healthy though it is stopped"; fi
echo "   $(du -sb --exclude=data $root | cut -f1) bytes; served, was healthy and stopped as $(word USER) on a read-only root"
