#!/bin/sh
# Runs every test of mailferry, after installing what the tests talk to: a real Dovecot, a real Chromium, OpenSSL for a
# throw-away certificate. As root it installs Debian packages; otherwise it says which ones are missing.
set -eu
cd "$(dirname "$0")/.."

missing=""
[ -x /usr/sbin/dovecot ] && [ -e /usr/lib/dovecot/imap ] || missing="$missing dovecot-core dovecot-imapd"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
command -v cc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"

if [ -n "$missing" ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "The tests need packages that are not installed. Install them, then run this again:" >&2
        echo "  sudo apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -o DPkg::Lock::Timeout=300 -qq update
    # shellcheck disable=SC2086 # a list of packages
    apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends $missing >/dev/null
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "The tests start a Dovecot of their own, whose login processes change their user: run this as root (sudo $0)." >&2
    exit 1
fi

exec cargo test --locked "$@"
