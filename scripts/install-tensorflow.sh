#!/usr/bin/env bash
# Builds the native addon of @tensorflow/tfjs-node against the C library inside TensorFlow's Python wheel, and prints the path of the addon
# for AMPC_TFJS_BINDING. What is there already is kept. Needs npm, python3 with pip, and a C++ compiler with make.
#
#   scripts/install-tensorflow.sh [FOLDER]     default: .peers/tensorflow in the repository
#
# AMPC_TF_WHEEL names another wheel than tensorflow-cpu: a requirement for pip (`tensorflow==2.21.*`, with GPU support) or a file.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$root/.peers/tensorflow}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
package=$folder/node_modules/@tensorflow/tfjs-node
addon=$package/lib/napi-v8/tfjs_binding.node
wheel=$folder/wheel

fail() {
  echo "install-tensorflow: $*" >&2
  exit 1
}

if [ -f "$addon" ]; then
  echo "$addon"
  exit
fi

if [ ! -f "$package/binding.gyp" ]; then
  echo '{ "private": true }' >"$folder/package.json"
  timeout 300 npm install --prefix "$folder" --ignore-scripts --fetch-retries 1 --no-audit --no-fund @tensorflow/tfjs-node@4.22.0 >&2 || fail 'npm could not fetch @tensorflow/tfjs-node'
fi

if [ ! -f "$wheel/tensorflow/libtensorflow_cc.so.2" ]; then
  rm -rf "$wheel"
  mkdir -p "$wheel/download"
  case ${AMPC_TF_WHEEL:-} in
    *.whl) cp "$AMPC_TF_WHEEL" "$wheel/download" ;;
    *) timeout 600 python3 -m pip download --quiet --disable-pip-version-check --retries 1 --timeout 60 --no-deps --dest "$wheel/download" "${AMPC_TF_WHEEL:-tensorflow-cpu}" >&2 ||
      fail 'pip could not fetch the wheel of TensorFlow' ;;
  esac
  python3 - "$wheel" <<'PYTHON'
import glob, sys, zipfile
folder = sys.argv[1]
libraries = ('tensorflow/libtensorflow_cc.so.2', 'tensorflow/libtensorflow_framework.so.2')
for path in glob.glob(f'{folder}/download/*.whl'):
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name in libraries or name.startswith('tensorflow/include/') or name.endswith('.dist-info/METADATA')])
PYTHON
  rm -rf "$wheel/download"
fi

# The places in which the package's own build looks for the C library.
mkdir -p "$package/deps/lib"
ln -sfn "$wheel/tensorflow/include" "$package/deps/include"
for name in libtensorflow.so libtensorflow_cc.so.2; do ln -sf "$wheel/tensorflow/libtensorflow_cc.so.2" "$package/deps/lib/$name"; done
for name in libtensorflow_framework.so libtensorflow_framework.so.2; do
  ln -sf "$wheel/tensorflow/libtensorflow_framework.so.2" "$package/deps/lib/$name"
done

prefix=$(node -p 'path.resolve(process.execPath, "../..")')
nodedir=()
if [ -f "$prefix/include/node/node_api.h" ]; then nodedir=(--nodedir="$prefix"); fi
(
  cd "$package"
  node "$(npm root --global)/npm/node_modules/node-gyp/bin/node-gyp.js" rebuild "${nodedir[@]}" \
    --napi_build_version=8 --module_name=tfjs_binding --module_path="$package/lib/napi-v8"
) >"$folder/build.log" 2>&1 || fail "the addon does not build: $(tail -n 3 "$folder/build.log" | tr '\n' ' ')"
echo "$addon"
