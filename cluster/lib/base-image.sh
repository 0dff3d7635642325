# shellcheck shell=bash
# The base of our images, made from Debian's packages where no registry is within reach.

readonly BASE_SUITE=bookworm
readonly BASE_IMAGE=localhost/debian:$BASE_SUITE-slim
# What slim images leave out.
readonly BASE_EXCLUDES=(doc groff info linda lintian locale man)

# Makes the base again when its recipe or the month changes, so that it does not age for ever.
build_base_image() {
  local recipe archive work excludes
  excludes=("${BASE_EXCLUDES[@]/#/--dpkgopt=path-exclude=/usr/share/}")
  excludes=("${excludes[@]/%//*}")
  recipe=$({
    echo "${excludes[@]}"
    date +%Y-%m
  } | sha256sum | cut -c1-16)
  [[ $(base_label) != "$recipe" ]] || return 0
  archive=$CACHE_ROOT/$BASE_SUITE-$recipe.tar
  if [[ ! -s $archive ]]; then
    say "making the base image of Debian $BASE_SUITE"
    mkdir -p "$CACHE_ROOT"
    mmdebstrap --quiet --variant=minbase --include=ca-certificates,tzdata "${excludes[@]}" \
      --format=tar "$BASE_SUITE" "$archive.new" ||
      die "making the base image failed; the lines above say why (Debian's package server must be within reach)"
    mv "$archive.new" "$archive"
  fi
  work=$(buildah from scratch)
  buildah add --quiet "$work" "$archive" / >/dev/null
  buildah config --cmd /bin/bash --label videofactory.recipe="$recipe" "$work"
  buildah commit --quiet --rm "$work" "$BASE_IMAGE" >/dev/null
}

base_label() {
  buildah inspect --type image --format '{{index .OCIv1.Config.Labels "videofactory.recipe"}}' \
    "$BASE_IMAGE" 2>/dev/null || :
}
