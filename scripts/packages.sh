# Installing what is missing. To be sourced.

# install_missing PACKAGE...: installs those Debian packages that are not there. Touches nothing, and
# needs no rights, when all are.
install_missing() {
  if ! command -v dpkg-query >/dev/null; then
    echo "This is not Debian: what is needed goes there by the names $*" >&2
    return
  fi
  local package missing=()
  for package in "$@"; do
    if [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
      missing+=("$package")
    fi
  done
  if ((${#missing[@]} == 0)); then return; fi

  local as_root=()
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      echo "error: missing packages, and no sudo to install them with. As root:" >&2
      echo "  apt-get install ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "installing: ${missing[*]}"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 install "${missing[@]}" >/dev/null
}

# has_vulkan_driver: whether any Vulkan driver is installed, or named by the environment.
has_vulkan_driver() {
  if [[ -n ${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-} ]]; then return 0; fi
  compgen -G '/usr/share/vulkan/icd.d/*.json' >/dev/null ||
    compgen -G '/etc/vulkan/icd.d/*.json' >/dev/null
}

BUILD_PACKAGES=(cmake ninja-build g++ libvulkan-dev glslang-tools spirv-tools)
RUN_PACKAGES=(libvulkan1 luajit lua-argparse lua-cjson lua-posix libxxhash0)
