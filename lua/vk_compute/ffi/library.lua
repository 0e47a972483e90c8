--- Finds, loads and checks libvulkan_compute.
--
-- Where it looks, in this order; the first file that exists is the one used:
--
-- 1. the environment variable VKC_LIBRARY, a path: where it is set, nothing else is tried;
-- 2. beside the Lua modules: `libvulkan_compute.so` in their folder; for modules in `TREE/lua`,
--    `TREE/build/libvulkan_compute.so`; for modules in `PREFIX/share/lua/5.1`, `PREFIX/lib`,
--    `PREFIX/lib64` and Debian's `PREFIX/lib/x86_64-linux-gnu` (or what the machine is);
-- 3. the system's search, as for any shared library (LD_LIBRARY_PATH, ldconfig).
-- @module vk_compute.ffi.library

local ffi = require("ffi")
local declarations = require("vk_compute.ffi.declarations")
local errors = require("vk_compute.system.errors")
local libc = require("vk_compute.system.libc")

local library = {}

local FILE = "libvulkan_compute.so"
local SONAME = FILE .. "." .. declarations.VERSION_MAJOR

-- Where Debian puts libraries, within lib.
local MULTIARCH = { x64 = "x86_64-linux-gnu", arm64 = "aarch64-linux-gnu" }

local REMEDY = "build it (cmake -S . -B build && cmake --build build), install it,"
  .. " or set VKC_LIBRARY to the path of " .. FILE

-- Absolute, so that a change of directory between require and the first use does no harm.
local function absolute(path)
  local resolved = libc.realpath(path, nil)
  if resolved == nil then return nil end
  local text = ffi.string(resolved)
  libc.free(resolved)
  return text
end

-- The folder that holds vk_compute.lua, or nil where this chunk was not loaded from a file.
local MODULES = (function()
  local source = debug.getinfo(1, "S").source
  local own_folder = source:match("^@(.*)/[^/]*/[^/]*$")
  return own_folder and absolute(own_folder .. "/..")
end)()

local function files_beside_modules()
  if not MODULES then return {} end
  local files = { MODULES .. "/" .. FILE }
  local tree = MODULES:match("^(.*)/lua$")
  if tree then files[#files + 1] = tree .. "/build/" .. FILE end
  local prefix = MODULES:match("^(.*)/share/lua/5%.1$")
  if prefix then
    files[#files + 1] = ("%s/lib/%s"):format(prefix, SONAME)
    files[#files + 1] = ("%s/lib64/%s"):format(prefix, SONAME)
    local multiarch = MULTIARCH[jit.arch]
    if multiarch then files[#files + 1] = ("%s/lib/%s/%s"):format(prefix, multiarch, SONAME) end
  end
  return files
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

-- Refuses a library that has other declarations than these.
local function check_version(lib, path)
  local found, version = pcall(function() return lib.vkc_version() end)
  if not found then errors.raise("%s is not libvulkan_compute: it has no vkc_version", path) end
  local major, minor = math.floor(version / 1000000), math.floor(version / 1000) % 1000
  if major ~= declarations.VERSION_MAJOR or (major == 0 and minor ~= declarations.VERSION_MINOR) then
    errors.raise("%s is version %s, but this Lua module is made for version %d.%d: install the two"
      .. " from one release, or set VKC_LIBRARY to the path of a fitting library",
      path, ffi.string(lib.vkc_version_string()), declarations.VERSION_MAJOR, declarations.VERSION_MINOR)
  end
  return lib
end

local function open(path)
  local ok, lib = pcall(ffi.load, path)
  if not ok then errors.raise("cannot load libvulkan_compute: %s: %s", lib, REMEDY) end
  return check_version(lib, path)
end

local function find()
  local chosen = os.getenv("VKC_LIBRARY")
  if chosen and chosen ~= "" then
    if exists(chosen) then return open(absolute(chosen)) end
    errors.raise("libvulkan_compute was not found. Tried:\n  %s (VKC_LIBRARY)\nSet VKC_LIBRARY to"
      .. " the path of %s, or unset it", chosen, FILE)
  end

  local tried = {}
  for _, path in ipairs(files_beside_modules()) do
    if exists(path) then return open(path) end
    tried[#tried + 1] = path
  end
  for _, name in ipairs({ SONAME, FILE }) do
    local ok, lib = pcall(ffi.load, name)
    if ok then return check_version(lib, name) end
    tried[#tried + 1] = name .. " (the system's search: " .. lib .. ")"
  end
  local format = "libvulkan_compute was not found. Tried:" .. ("\n  %s"):rep(#tried) .. "\nTo go on, %s"
  tried[#tried + 1] = REMEDY
  errors.raise(format, unpack(tried))
end

local loaded

--- The library as LuaJIT's FFI gives it: its fields are the functions of vulkan_compute.h. Found and
-- loaded at the first call, which raises when there is none or it is of another version.
-- @treturn userdata
function library.load()
  loaded = loaded or find()
  return loaded
end

return library
