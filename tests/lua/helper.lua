--- What the specs share: contexts under validation, embeddings to compute with, other processes.

local assert = require("luassert")
local ffi = require("ffi")
local library = require("vk_compute.ffi.library")
local stdlib = require("posix.stdlib")
local vk = require("vk_compute")

local helper = {}

--- The repository's root, absolute.
helper.ROOT = stdlib.realpath(debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") .. "/../..")

-- Kernels that tests compile stay out of the user's own cache.
stdlib.setenv("MESA_SHADER_CACHE_DIR", helper.ROOT .. "/build/shader_cache")

local chosen = os.getenv("VKC_LIBRARY")
--- The library that the specs use, absolute.
helper.LIBRARY = stdlib.realpath(
  chosen and chosen ~= "" and chosen or helper.ROOT .. "/build/libvulkan_compute.so")

--- A context with the validation layer on.
function helper.new()
  return vk.new({ validation = true })
end

local messages_seen = 0

--- Fails when the validation layer has said anything since the last call. For after_each.
function helper.assert_no_validation_messages()
  local lib = library.load()
  local messages = {}
  for i = messages_seen, lib.vkc_validation_message_count() - 1 do
    local text = lib.vkc_validation_message(i)
    messages[#messages + 1] = text ~= nil and ffi.string(text) or "one more"
    messages_seen = i + 1
  end
  assert(#messages == 0, table.concat(messages, "\n"))
end

--- Runs fn while the library's functions named in overrides are replaced.
function helper.with_overrides(overrides, fn)
  local load = library.load
  local lib = setmetatable(overrides, { __index = load() })
  library.load = function() return lib end
  local ok, err = pcall(fn)
  library.load = load
  if not ok then error(err, 0) end
end

-- ---- Embeddings --------------------------------------------------------------------------------

-- Numbers in [-0.5, 0.5), the same in every run.
local function generator(seed)
  local state = seed
  return function()
    state = state * 16807 % 2147483647
    return state / 2147483647 - 0.5
  end
end

local function filled(n, d, seed)
  local random = generator(seed)
  local data = ffi.new("float[?]", n * d)
  for i = 0, n * d - 1 do data[i] = random() end
  return data
end

local function norm(data, row, d)
  local sum = 0
  for k = 0, d - 1 do sum = sum + data[row * d + k] ^ 2 end
  return math.sqrt(sum)
end

--- Kinds of embeddings, each a function (n, d) that gives FFI floats, n x d.
helper.kinds = {
  ["unequal norms"] = function(n, d) return filled(n, d, 4711) end,

  ["unit norms"] = function(n, d)
    local data = filled(n, d, 123)
    for row = 0, n - 1 do
      local length = norm(data, row, d)
      for k = row * d, row * d + d - 1 do data[k] = data[k] / length end
    end
    return data
  end,

  ["duplicates"] = function(n, d)
    local data = filled(n, d, 99)
    for row = 0, n - 1 do ffi.copy(data + row * d, data + row % 7 * d, d * 4) end
    return data
  end,

  ["zero rows"] = function(n, d)
    local data = filled(n, d, 2024)
    for row = 0, n - 1, 3 do ffi.fill(data + row * d, d * 4) end
    return data
  end,

  ["a large common direction"] = function(n, d)
    local data = filled(n, d, 31)
    for i = 0, n * d - 1 do data[i] = data[i] + 2 end
    return data
  end,
}

--- The same numbers as a table of tables.
function helper.nested(data, n, d)
  local rows = {}
  for i = 1, n do
    rows[i] = {}
    for k = 1, d do rows[i][k] = data[(i - 1) * d + k - 1] end
  end
  return rows
end

--- The same numbers as one table.
function helper.flat(data, n, d)
  local list = {}
  for i = 1, n * d do list[i] = data[i - 1] end
  return list
end

-- ---- Errors ------------------------------------------------------------------------------------

--- Fails unless fn raises an error with the given words in it, placed at fn's own lines.
-- Returns the error.
function helper.assert_raises(words, fn)
  local ok, err = pcall(fn)
  assert.is_false(ok, "no error was raised")
  local text = tostring(err)
  local info = debug.getinfo(fn, "S")
  local file, line = text:match("^(.-):(%d+): ")
  assert.are.equal(info.short_src, file, text)
  assert.is_true(tonumber(line) >= info.linedefined and tonumber(line) <= info.lastlinedefined, text)
  assert.is_truthy(text:find(words, 1, true), ("%q is not in: %s"):format(words, text))
  return err
end

-- ---- Processes ---------------------------------------------------------------------------------

--- Words as a part of a shell's command line.
function helper.quoted(...)
  local words = {}
  for k, word in ipairs({ ... }) do words[k] = "'" .. tostring(word):gsub("'", "'\\''") .. "'" end
  return table.concat(words, " ")
end

--- Runs a shell command made of such words. Fails where it fails.
function helper.execute(...)
  assert.are.equal(0, os.execute(helper.quoted(...)))
end

--- A new folder under the system's one for temporary files.
function helper.temporary_folder()
  return assert(stdlib.mkdtemp((os.getenv("TMPDIR") or "/tmp") .. "/vk_compute_spec.XXXXXX"))
end

--- Runs a Lua script in a new LuaJIT.
-- @tparam string script its text
-- @tparam {[string]=string} environment added to this process's; "" unsets
-- @tparam[opt="luajit"] string interpreter as a shell command
-- @treturn string its output, errors among it
-- @treturn number its exit code
function helper.run_script(script, environment, interpreter)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(script)
  file:close()
  local unset, set = {}, {}
  for name, value in pairs(environment) do
    if value == "" then unset[#unset + 1] = "-u " .. name else set[#set + 1] = helper.quoted(name .. "=" .. value) end
  end
  local pipe = assert(io.popen(("env %s %s %s %s 2>&1; echo exit code $?"):format(
    table.concat(unset, " "), table.concat(set, " "), interpreter or "luajit", helper.quoted(path))))
  local output, code = pipe:read("*a"):match("^(.*)exit code (%d+)\n$")
  pipe:close()
  os.remove(path)
  return output, tonumber(code)
end

--- Forgets what memory this process had in RAM.
function helper.reset_peak_resident_bytes()
  local file = assert(io.open("/proc/self/clear_refs", "w"))
  file:write("5")
  assert(file:close())
end

local function status_bytes(field)
  local file = assert(io.open("/proc/self/status"))
  local kibibytes = file:read("*a"):match(field .. ":%s*(%d+) kB")
  file:close()
  return tonumber(kibibytes) * 1024
end

--- Most bytes of memory that this process had in RAM at any time, since that was forgotten.
function helper.peak_resident_bytes()
  return status_bytes("VmHWM")
end

--- Bytes of memory that this process has in RAM.
function helper.resident_bytes()
  return status_bytes("VmRSS")
end

return helper
