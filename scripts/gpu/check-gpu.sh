#!/bin/sh
# Unpacks what scripts/bundle-gpu.ts packed beside this file, once, and runs scripts/check-gpu.mjs of it with its own node. Needs tar, and xz
# or python3. AMPC_CHECK_FOLDER: where to; arguments are those of check-gpu.mjs.
set -e
here=$(cd "$(dirname "$0")" && pwd)
to=${AMPC_CHECK_FOLDER:-${TMPDIR:-/tmp}/ampc-gpu-$(id -u)}

unpack() {
  if command -v xz >/dev/null 2>&1; then xz -dc "$1"; else
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer)' "$1"
  fi | tar -x -C "$2" --no-same-owner
}

if [ ! -e "$to/unpacked" ]; then
  mkdir -p "$to"
  unpack "$here/ampc-gpu.tar.xz" "$to"
  for piece in "$here"/cifar10-*.tar.xz; do
    if [ -e "$piece" ]; then
      mkdir -p "$to/data"
      unpack "$piece" "$to/data"
    fi
  done
  : >"$to/unpacked"
fi

export AMPC_CACHE="${AMPC_CACHE:-$to/cache}"
mkdir -p "$AMPC_CACHE"
if [ -z "$AMPC_DATA" ] && [ -d "$to/data" ]; then export AMPC_DATA="$to/data"; fi
# Behind what the machine has itself.
export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$to/lib"
exec "$to/bin/node" "$to/ampc/scripts/check-gpu.mjs" "$@"
