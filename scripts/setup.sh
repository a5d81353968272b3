#!/usr/bin/env bash
# Installs what vpunas needs: Debian packages, .venv with the libtorch and OpenVINO wheels (headers, CMake files and
# libraries; no Python of theirs is run). Safe to call again: it only does what is missing.
#
#   scripts/setup.sh          what the program and its tests need (VPUNAS_TORCH=2.11.0: another release of libtorch)
#   scripts/setup.sh --bench  also .venv-bench with what PyTorch's Python side needs (`make bench-peers`)
#   scripts/setup.sh --docs   also doxygen (`make docs`)
#   scripts/setup.sh --dev    also clang and .venv-dev with the tools of `make check`, `make fuzz` and `make calibrate`
set -euo pipefail
cd "$(dirname "$0")/.."

readonly torch_version=${VPUNAS_TORCH:-2.13.0}
readonly openvino_version=2026.4.1
readonly clang_format_version=19.1.7
readonly clang_tidy_version=19.1.0.1
readonly numpy_version=2.4.6
readonly scipy_version=1.17.1

packages=(
  ca-certificates g++ make cmake ninja-build python3 python3-venv
  nlohmann-json3-dev libcli11-dev libtomlplusplus-dev libprotozero-dev libgloo-dev zlib1g-dev
  libjpeg-dev libpng-dev libhwy-dev libeigen3-dev libgtest-dev libbenchmark-dev dataset-fashion-mnist
)
[ "${1:-}" = --dev ] && packages+=(clang libclang-rt-14-dev)
[ "${1:-}" = --docs ] && packages+=(doxygen)
readonly packages

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

is_installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

install_packages() {
  command -v dpkg-query >/dev/null || fail "this is not a Debian system; install the equivalents of: ${packages[*]}"
  local missing=()
  for package in "${packages[@]}"; do is_installed "$package" || missing+=("$package"); done
  [ ${#missing[@]} -eq 0 ] && return
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    # Without a terminal sudo cannot ask for a password, so it must not try to.
    if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then as_root=(sudo)
    else fail "missing packages and neither root nor sudo; ask an administrator for: apt-get install ${missing[*]}"; fi
  fi
  say "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -q -o Dpkg::Use-Pty=0
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}" \
    || fail "apt-get could not install: ${missing[*]}"
}

# make_venv FOLDER STAMP COMMAND...: creates the virtual environment and runs its pip once for each new STAMP.
make_venv() {
  local venv=$1 stamp=$2
  shift 2
  [ "$(cat "$venv/.setup-stamp" 2>/dev/null)" = "$stamp" ] && return
  say "preparing $venv ($stamp)"
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv" || fail "python3 -m venv $venv failed; is python3-venv installed?"
  "$venv/bin/pip" install -q --disable-pip-version-check "$@" \
    || fail "pip could not install $stamp; is the network up and the disk not full?"
  printf '%s' "$stamp" > "$venv/.setup-stamp"
}

# What libtorch's wheel wants of the wheels that it names: all of CUDA's where there is a GPU; else only those without
# which a CUDA build of libtorch_cpu.so does not load. Nothing of a CPU build.
cuda_wheels() {
  .venv/bin/python - "$([ -e /dev/nvidiactl ] && echo gpu)" <<'PYTHON'
import importlib.metadata, re, sys
from pip._vendor.packaging.requirements import Requirement
for text in importlib.metadata.requires("torch") or []:
    wanted = Requirement(text)
    if (wanted.marker and not wanted.marker.evaluate({"extra": ""})) or not re.match("nvidia-|cuda-toolkit", wanted.name):
        continue
    if sys.argv[1]:
        wanted.extras |= {"crt"} if wanted.name == "cuda-toolkit" else set()  # headers that cudart's include
    else:
        wanted.extras &= {"cudart", "cupti"}
        if not wanted.extras and not re.match("nvidia-cuda-(runtime|cupti)", wanted.name):
            continue
    wanted.marker = None
    print(wanted)
PYTHON
}

has_cuda_headers() { compgen -G '.venv/lib/python3*/site-packages/nvidia/*/include/crt/host_defines.h' > /dev/null; }
misses_libraries() { ldd "$1" | grep 'not found' > /dev/null; }

add_cuda_libraries() {
  local libraries=(.venv/lib/python3*/site-packages/torch/lib/libtorch_cpu.so) wheels
  [ -e /dev/nvidiactl ] && libraries+=("${libraries[0]/_cpu/_cuda}")
  [ -f "${libraries[-1]}" ] || return 0
  misses_libraries "${libraries[-1]}" || { [ -e /dev/nvidiactl ] && ! has_cuda_headers; } || return 0
  mapfile -t wheels < <(cuda_wheels)
  say "adding CUDA's libraries (${wheels[*]})"
  .venv/bin/pip install -q --disable-pip-version-check --no-warn-conflicts "${wheels[@]}" \
    || fail "pip could not install ${wheels[*]}; is the network up and the disk not full?"
  ! misses_libraries "${libraries[0]}" || fail "libtorch $torch_version still misses libraries (ldd ${libraries[0]})"
}

install_packages
make_venv .venv "torch==$torch_version openvino==$openvino_version" \
  --no-deps "torch==$torch_version" "openvino==$openvino_version"
add_cuda_libraries
if [ "${1:-}" = --bench ]; then
  make_venv .venv-bench "python of torch==$torch_version" typing_extensions filelock sympy networkx jinja2 fsspec
fi
if [ "${1:-}" = --dev ]; then
  tools=("clang-format==$clang_format_version" "clang-tidy==$clang_tidy_version"
         "numpy==$numpy_version" "scipy==$scipy_version")
  make_venv .venv-dev "${tools[*]}" "${tools[@]}"
fi
say "ready"
