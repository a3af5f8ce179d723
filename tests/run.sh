#!/bin/sh
# Runs every test of mailferry, after installing what the tests talk to: a real Dovecot, a real Chromium, OpenSSL for a
# throw-away certificate. As root it installs Debian packages; otherwise it says which ones are missing. Cyrus and Courier
# conflict with Dovecot as packages, so they are not installed: they are unpacked into the target directory.
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

# Where the tests look for Cyrus and Courier (tests/it/support/unpacked.rs). Change the number when the list changes.
edition=1
packages="cyrus-imapd cyrus-common sasl2-bin courier-imap courier-base courier-authlib libcourier-unicode4 \
    libdb5.3 libgdbm6 libgssapi-krb5-2 libical3 libicu72 libidn12 libjansson4 libk5crypto3 libkeyutils1 libkrb5-3 \
    libkrb5support0 libldap-2.5-0 libnsl2 libpcre3 libpq5 libsasl2-2 libsasl2-modules libsasl2-modules-db libsqlite3-0 \
    libtirpc3 libwrap0 libxapian30 libxml2"
servers="${CARGO_TARGET_DIR:-target}/servers"
if [ "$(cat "$servers/edition" 2>/dev/null || true)" != "$edition" ]; then
    rm -rf "$servers"
    mkdir -p "$servers"
    # Cyrus runs as the user mail, who has to get to its programs.
    if ! su -s /bin/sh mail -c "test -x '$(realpath "$servers")'"; then
        rmdir "$servers"
        rm -rf /var/tmp/mailferry-servers
        mkdir -p /var/tmp/mailferry-servers
        ln -s /var/tmp/mailferry-servers "$servers"
    fi
    unpacked="$(realpath "$servers")"
    apt-get -o DPkg::Lock::Timeout=300 -qq update
    # Where another apt-get cleans up meanwhile, a download fails that works the next time.
    download() { (cd "$unpacked" && apt-get -o Acquire::Retries=3 -qq download "$@"); }
    # shellcheck disable=SC2086 # a list of packages
    if ! download $packages 2>/dev/null && ! download $packages; then
        echo "Cyrus and Courier cannot be had: the tests need Debian 12 (bookworm) and its packages" >&2
        echo "  $packages" >&2
        exit 1
    fi
    for package in "$unpacked"/*.deb; do
        dpkg -x "$package" "$unpacked/root"
        rm "$package"
    done
    # Courier asks a monitor of files, which is not there, and waits for it at each start; this one says so at once.
    cc -shared -fPIC -o "$unpacked/root/usr/lib/libfam.so.0" tests/it/support/libfam.c
    echo "$edition" > "$servers/edition"
fi

exec cargo test --locked "$@"
