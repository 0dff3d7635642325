# shellcheck shell=bash
# Images go from buildah's store to an instance without a registry: buildah writes them into one
# OCI layout in the cache, quickly rather than small, and the instance's containerd is given
# just the blobs that it lacks.

readonly PAUSE_IMAGE=localhost/videofactory-pause:2
readonly LAYOUT=$CACHE_ROOT/images

# The image that keeps a pod's namespaces open: a program that sleeps. Its name must be busybox,
# which acts as the program that it is called by.
build_pause_image() {
  local archive work
  archive=$(pause_archive)
  [[ -s $archive ]] && return
  say "building the pause image"
  work=$(buildah from scratch)
  buildah copy --quiet "$work" "$(command -v busybox)" /busybox >/dev/null
  buildah config --entrypoint '["/busybox","sleep","2147483647"]' "$work"
  buildah commit --quiet --rm "$work" "$PAUSE_IMAGE" >/dev/null
  rm -f "$archive.new"
  buildah push --quiet "$PAUSE_IMAGE" "docker-archive:$archive.new:$PAUSE_IMAGE"
  mv "$archive.new" "$archive"
}

pause_archive() { echo "$(binaries)/pause-${PAUSE_IMAGE##*:}.tar"; }

# import_pause_image NODE
import_pause_image() {
  [[ -n $(loaded_digest "$1" "$PAUSE_IMAGE") ]] || containerd_ctr "$1" images import "$(pause_archive)" >/dev/null
}

# loaded_digest NODE IMAGE: digest of an image on a node; nothing if it is not there.
loaded_digest() { containerd_ctr "$1" images ls "name==$2" | awk 'NR == 2 { print $3 }'; }

# copy_images FROM TO: the images of one node, to another.
copy_images() {
  local images
  mapfile -t images < <(containerd_ctr "$1" images ls --quiet | grep '^localhost/')
  containerd_ctr "$1" images export - "${images[@]}" | containerd_ctr "$2" images import - >/dev/null
}

# load_image IMAGE[=NAME]: from buildah's store into the first node, unless it is there already.
load_image() {
  local image=${1%%=*} name=${1#*=} id digest
  id=$(buildah inspect --type image --format '{{.FromImageID}}' "$image" 2>/dev/null) ||
    die "no image $image in buildah's store (see: buildah images); build it with scripts/images"
  if [[ $(loaded_id "$name") == "sha256:$id" ]]; then
    say "$name is there already"
    return
  fi
  (
    lock "$CACHE_ROOT/.images.lock"
    mkdir -p "$LAYOUT"
    buildah push --quiet --compression-format zstd --compression-level 1 "$image" \
      "oci:$LAYOUT:$image"
    digest=$(layout_digest "$image")
    missing_blobs "$digest" | image_archive "$name" "$digest" | containerd_ctr "$NAME" images import - >/dev/null
    remove_unused_blobs
  )
  say "$name loaded"
}

# loaded_id IMAGE: its id on the first node: the digest of its configuration.
loaded_id() {
  local digest
  digest=$(loaded_digest "$NAME" "$1")
  [[ -z $digest ]] || containerd_ctr "$NAME" content get "$digest" | jq -r .config.digest
}

layout_digest() {
  jq -er --arg image "$1" '.manifests[]
    | select(.annotations["org.opencontainers.image.ref.name"] == $image).digest' "$LAYOUT/index.json"
}

# Paths in the layout of the blobs of a manifest.
blobs_of() {
  jq -r --arg manifest "$1" '$manifest, .config.digest, .layers[].digest | sub(":"; "/") | "blobs/" + .' \
    "$LAYOUT/blobs/${1/://}"
}

missing_blobs() {
  local present
  present=$(containerd_ctr "$NAME" content ls --quiet | sed 's|:|/|; s|^|blobs/|')
  blobs_of "$1" | sort -u | grep -vxF "${present:-none}" || :
}

# image_archive NAME DIGEST: an OCI archive of an image under this name, with just the blobs named on standard input.
image_archive() (
  staging=$(mktemp -d)
  trap 'rm -rf "$staging"' EXIT
  jq --arg digest "$2" --arg name "$1" '.manifests |= (map(select(.digest == $digest))[:1]
    | map(.annotations = {"io.containerd.image.name": $name}))' "$LAYOUT/index.json" >"$staging/index.json"
  cp "$LAYOUT/oci-layout" "$staging/"
  tar -cf - -C "$staging" oci-layout index.json -C "$LAYOUT" --files-from -
)

remove_unused_blobs() {
  local digest used=()
  while read -r digest; do
    mapfile -t -O "${#used[@]}" used < <(blobs_of "$digest")
  done < <(jq -r '.manifests[].digest' "$LAYOUT/index.json")
  (
    cd "$LAYOUT" || exit
    find blobs -type f | { grep -vxF "$(printf '%s\n' "${used[@]}")" || :; } | xargs -r rm -f
  )
}
