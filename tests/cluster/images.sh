# shellcheck shell=bash disable=SC2154 # what the cluster's script says
# Images of one static program, made without an engine. Sourced, never run.

# scratch_image NAME PROGRAM PATH: an image with nothing but this program, in the cluster's containerd.
scratch_image() {
  local image=$1 program=$2 path=$3 sum marker folder layer
  sum=$(sha256sum "$program" | cut -c 1-16)
  marker=$data/image-$(basename "$path")-$sum
  # containerd keeps images between runs.
  if [[ -e $marker ]] && ctr_here images ls --quiet | grep --quiet --line-regexp --fixed-strings "$image"; then return; fi
  rm -f "$data/image-$(basename "$path")-"*
  folder=$(mktemp -d "$run/image.XXXXXX")
  mkdir -p "$folder/root$(dirname "$path")" "$folder/root/tmp" "$folder/out"
  chmod 1777 "$folder/root/tmp"
  install "$program" "$folder/root$path"
  tar --create --owner=0 --group=0 --directory "$folder/root" --file "$folder/out/layer.tar" .
  layer=$(sha256sum "$folder/out/layer.tar" | cut -d ' ' -f 1)
  printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["%s"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$(go env GOARCH)" "$path" "$layer" >"$folder/out/config.json"
  printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$image" >"$folder/out/manifest.json"
  tar --create --directory "$folder/out" --file "$folder/image.tar" manifest.json config.json layer.tar
  with_log "$logs/import.log" ctr_here images import "$folder/image.tar"
  rm -rf "$folder"
  touch "$marker"
}
