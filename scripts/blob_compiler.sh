#!/usr/bin/env bash
# Fetches Intel's offline MyriadX compiler, which makes .blob files for OAK cameras and Neural Compute Sticks, into
# blob-compiler/ (never part of this project, never redistributed). It comes under Intel's own licence: the script shows it and
# asks; VPUNAS_ACCEPT_INTEL_LICENSE=1 answers yes. Safe to call again.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly version=2021.3.0  # the last wheel with the program itself
readonly target=blob-compiler

say() { printf 'blob-compiler: %s\n' "$*"; }
fail() { printf 'blob-compiler: error: %s\n' "$*" >&2; exit 1; }

[ "$(uname -sm)" = "Linux x86_64" ] || fail "Intel's compiler runs on Linux x86-64 only, this is $(uname -sm)"

install_libusb() {
  ldconfig -p | grep -q 'libusb-1\.0\.so\.0' && return
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then as_root=(sudo)
    else fail "libusb-1.0 is missing and neither root nor sudo; ask an administrator for: apt-get install libusb-1.0-0"; fi
  fi
  say "installing libusb-1.0-0"
  "${as_root[@]}" apt-get update -q -o Dpkg::Use-Pty=0
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 libusb-1.0-0 \
    || fail "apt-get could not install libusb-1.0-0"
}

accept_licence() {
  say "the compiler is Intel's, under Intel's End User License Agreement, which begins:"
  head -n 20 "$1/EULA.txt" | sed 's/^/    /'
  say "the whole text will be in $target/licence/EULA.txt"
  [ "${VPUNAS_ACCEPT_INTEL_LICENSE:-}" = 1 ] && { say "accepted by VPUNAS_ACCEPT_INTEL_LICENSE=1"; return; }
  [ -t 0 ] || fail "no terminal to ask on; set VPUNAS_ACCEPT_INTEL_LICENSE=1 if you accept Intel's licence"
  local answer
  read -r -p "blob-compiler: do you accept Intel's licence? [yes/no] " answer
  [ "$answer" = yes ] || fail "not accepted; nothing was installed"
}

if [ -x "$target/libs/myriad_compile" ] && [ "$(cat "$target/version" 2>/dev/null)" = "$version" ]; then
  install_libusb
  say "already there ($target/)"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say "downloading openvino $version (27 MB)"
.venv/bin/python -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.8 \
  --implementation cp --platform manylinux2014_x86_64 "openvino==$version" -d "$work" \
  || fail "pip could not download openvino==$version; is the network up?"
python3 -m zipfile -e "$work"/openvino-*.whl "$work/wheel"
info=$(echo "$work"/wheel/openvino-*.dist-info)
accept_licence "$info"
install_libusb

mkdir -p "$work/new/licence"
mv "$work/wheel/openvino/libs" "$work/new/libs"
cp "$info"/*.txt "$info/METADATA" "$work/new/licence/"
chmod +x "$work/new/libs/myriad_compile"
printf '%s' "$version" > "$work/new/version"
LD_LIBRARY_PATH="$work/new/libs" "$work/new/libs/myriad_compile" -h >/dev/null \
  || fail "the compiler does not start on this machine"
rm -rf "$target"
mv "$work/new" "$target"
say "ready: $target/libs/myriad_compile"
