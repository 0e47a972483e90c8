-- The Lua part, as a rock: `luarocks --lua-version=5.1 make` in this tree. libvulkan_compute itself is
-- installed by `cmake --install`, LuaJIT and libxxhash by the system.
rockspec_format = "3.0"
package = "vulkan_compute"
version = "0.2.0-1"
description = {
  summary = "Similarity matrices and diversity sequences of embeddings, on any Vulkan device, exactly",
  license = "MIT",
}
-- `make` takes the tree that this file lies in.
source = { url = "." }
dependencies = { "lua == 5.1", "argparse", "lua-cjson", "luaposix" }
-- The program names its own interpreter, LuaJIT, and finds the modules beside it.
deploy = { wrap_bin_scripts = false }
build = {
  type = "command",
  install_command = 'cp -r lua/. "$(LUADIR)"',
  install = { bin = { "bin/vulkan-compute" } },
}
