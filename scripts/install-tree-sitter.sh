#!/usr/bin/env bash
# Finds or installs the command line of tree-sitter, and prints its path for AMPC_TEST_TREE_SITTER. What is there already is kept.
#
#   scripts/install-tree-sitter.sh [FOLDER]     default: .peers/tree-sitter in the repository
#
# npm's package fetches a program from elsewhere as it is installed. Where that cannot be reached and apt knows a Debian mirror, the package of
# Debian 13 is unpacked beside the C library that it was built for.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$root/.peers/tree-sitter}

fail() {
  echo "install-tree-sitter: $*" >&2
  exit 1
}

works() { "$1" --version >/dev/null 2>&1; }

for candidate in tree-sitter "$folder/node_modules/.bin/tree-sitter" "$folder/tree-sitter"; do
  if works "$candidate"; then
    command -v "$candidate"
    exit
  fi
done

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
echo '{ "private": true }' >"$folder/package.json"
timeout 120 npm install --prefix "$folder" --fetch-retries 1 --no-audit --no-fund tree-sitter-cli@0.25 >/dev/null 2>&1 || true
if works "$folder/node_modules/.bin/tree-sitter"; then
  echo "$folder/node_modules/.bin/tree-sitter"
  exit
fi

[ "$(uname -m)" = x86_64 ] && command -v apt-get dpkg-deb curl >/dev/null || fail 'npm could not install it, and this is no Debian on x86-64'
mirror=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' | awk '$1 == "bookworm" && $2 == "main" { print $3; exit }')
[ -n "$mirror" ] || fail 'npm could not install it, and apt names no mirror of Debian'
fetch() { curl --silent --show-error --fail --location --max-time 120 "$@"; }
fetch --output "$folder/Packages.xz" "${mirror}dists/trixie/main/binary-amd64/Packages.xz" || fail 'the mirror has no Debian 13'
for package in tree-sitter-cli libc6 libgcc-s1; do
  read -r file sha256 < <(xzcat "$folder/Packages.xz" | awk -v package="$package" '
    $1 == "Package:" { current = $2 }
    current == package && $1 == "Filename:" { file = $2 }
    current == package && $1 == "SHA256:" { print file, $2 }')
  fetch --output "$folder/$package.deb" "$mirror$file"
  echo "$sha256 $folder/$package.deb" | sha256sum --check --quiet >&2 || fail "$package is damaged"
  dpkg-deb --extract "$folder/$package.deb" "$folder/debian"
  rm "$folder/$package.deb"
done
rm "$folder/Packages.xz"
cat >"$folder/tree-sitter" <<'SCRIPT'
#!/bin/sh
root=$(cd "$(dirname "$0")" && pwd)/debian
libraries=$root/usr/lib/x86_64-linux-gnu
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$root/usr/bin/tree-sitter" "$@"
SCRIPT
chmod +x "$folder/tree-sitter"
works "$folder/tree-sitter" || fail 'it does not start'
echo "$folder/tree-sitter"
