#!/usr/bin/env bash
# Fetches the site's only foreign script, the chart library uPlot (MIT), and lays it where the site serves it from.
#
#   scripts/vendor.sh [TARGET]     TARGET: webapp/static/vendor
#
# The files are committed, so nobody needs npm to run the site; this script says where they came from and renews them.
# The archive is refused unless its SHA-512 is the one written here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly VERSION=1.6.32
readonly SHA512=2883159c6ebccefbb95d751b0b82d010f9e1c0ec41b8bc96d401eda66e882935c89a46cb824332fa369b8cb8122cc6ac36e186cd09bf7a9ded3a4c93c6989023
readonly FILES=(dist/uPlot.iife.min.js dist/uPlot.min.css LICENSE)

fail() { # MESSAGE
    echo "error: $1" >&2
    exit 1
}

sha512() { # FILE
    if command -v sha512sum >/dev/null; then sha512sum "$1"; else shasum -a 512 "$1"; fi | cut -d ' ' -f 1
}

command -v npm >/dev/null || fail "npm is missing. Install Node.js; the files in webapp/static/vendor work without it."
target=$(mkdir -p "${1:-webapp/static/vendor}/uplot-$VERSION" && cd "${1:-webapp/static/vendor}/uplot-$VERSION" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

npm pack "uplot@$VERSION" --silent --pack-destination "$work" >/dev/null
archive="$work/uplot-$VERSION.tgz"
[[ $(sha512 "$archive") == "$SHA512" ]] || fail "uplot-$VERSION.tgz has another SHA-512 than expected. Do not use it."
tar -xzf "$archive" -C "$work"
for file in "${FILES[@]}"; do cp "$work/package/$file" "$target/"; done
echo "uPlot $VERSION is in ${target#"$PWD"/}"
