# Installing what is missing. To be sourced.

# is_there PACKAGE: whether a Debian package is installed, or another that does its work.
is_there() {
  if [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; then return 0; fi
  # Another LuaJIT, such as the package luajit2, whose place luajit would take.
  [[ $1 == luajit ]] && luajit -e 'require("ffi")' 2>/dev/null
}

# install_missing PACKAGE...: installs those Debian packages that are not there. Touches nothing, and
# needs no rights, when all are. Removes nothing.
install_missing() {
  if ! command -v dpkg-query >/dev/null; then
    echo "This is not Debian: what is needed goes there by the names $*" >&2
    return
  fi
  local package missing=()
  for package in "$@"; do
    if ! is_there "$package"; then missing+=("$package"); fi
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
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    --no-remove -o Dpkg::Use-Pty=0 install "${missing[@]}" >/dev/null; then
    echo "error: apt-get did not install these, for the reason above. Where they would remove packages that" >&2
    echo "you have, decide by yourself: apt-get install ${missing[*]}" >&2
    return 1
  fi
}

# install_if_known PACKAGE...: the same for what is not needed, and not in every release of Debian. To be
# called after install_missing, which asks for what there is.
install_if_known() {
  local package
  for package in "$@"; do
    if apt-cache show "$package" >/dev/null 2>&1; then install_missing "$package"; fi
  done
}

# has_usable_device TREE: whether the command built there finds a device it can use. Files that name drivers
# show nothing: drivers may be gone, or other programs'.
has_usable_device() {
  local devices
  devices=$("$1/bin/vulkan-compute" devices --json 2>/dev/null) && [[ $devices == *'"usable":true'* ]]
}

BUILD_PACKAGES=(cmake ninja-build g++ libvulkan-dev glslang-tools spirv-tools)
RUN_PACKAGES=(libvulkan1 luajit lua-argparse lua-cjson lua-posix libxxhash0)
