# shellcheck shell=bash
# Packages of others, as lists in the repository pin them: installed once, in the user's cache.

INSTALLED_CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/videofactory

# install_once NAME COMMAND INTERPRETER FILE…: a folder in the cache, which COMMAND FOLDER FILE… has filled. It is named by
# the files' content and by the version of the interpreter, whose next one looks for packages elsewhere. Prints the folder.
install_once() {
  local name=$1 command=$2 interpreter=$3 folder version
  shift 3
  version=$("$interpreter" --version) || {
    echo "there is no $interpreter; $name needs it" >&2
    return 1
  }
  folder=$INSTALLED_CACHE/$name-$({
    echo "$version"
    cat "$@"
  } | sha256sum | cut -c1-12)
  if [[ ! -e $folder/complete ]]; then
    mkdir -p "$INSTALLED_CACHE"
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

# python_packages NAME REQUIREMENTS: prints the folder of a Python that has them.
python_packages() { install_once "$1" make_venv python3 "$2"; }

make_venv() {
  python3 -m venv "$1" || {
    echo "there is no Python with its module venv; on Debian: apt-get install python3-venv" >&2
    return 1
  }
  "$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2"
}
