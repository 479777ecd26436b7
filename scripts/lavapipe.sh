#!/usr/bin/env bash
# Unpacks lavapipe, Mesa's Vulkan driver for the processor, into a folder, with the libraries that this system lacks; needs no root.
# WebGPU refuses what is older than Mesa 25, which Debian 12 has in its backports.
#   scripts/lavapipe.sh <folder>    then VK_DRIVER_FILES=<folder>/usr/share/vulkan/icd.d/lvp_icd.json and LD_LIBRARY_PATH=<folder>/usr/lib/<machine>-linux-gnu
set -euo pipefail
folder=$1
driver=$folder/usr/share/vulkan/icd.d/lvp_icd.json
[ -f "$driver" ] && exit 0
command -v apt-get >/dev/null && command -v dpkg >/dev/null || { echo "no apt: lavapipe cannot be fetched" >&2; exit 1; }
. /etc/os-release
[ "$ID" = debian ] || { echo "not Debian: install mesa-vulkan-drivers (25 or later) and libvulkan1" >&2; exit 1; }

part=$folder.part
rm -rf "$part" && mkdir -p "$part"/{lists/partial,debs/partial,root}
part=$(cd "$part" && pwd)
for suite in "$VERSION_CODENAME" "$VERSION_CODENAME-backports"; do
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main"
done >"$part/sources.list"
apt() {
  apt-get -qq -o Dir::Etc::sourcelist="$part/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::Lists="$part/lists" \
    -o Dir::Cache::archives="$part/debs" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Debug::NoLocking=1 "$@"
}
apt update
apt -t "$VERSION_CODENAME-backports" -y --download-only --no-install-recommends install mesa-vulkan-drivers libvulkan1
for deb in "$part"/debs/*.deb; do dpkg -x "$deb" "$part/root"; done
rm -rf "$folder" && mv "$part/root" "$folder" && rm -rf "$part"
[ -f "$driver" ]
