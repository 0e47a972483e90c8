--- Puts what was gathered into the page: one file, made of a template that is built with the library.
--
-- Data lie in the page in blocks, `<script type="text/plain" id="NAME">`, as base64 of what zlib compressed: nothing
-- in them, texts least of all, can be markup. Of arrays of numbers the first bytes of all come first, then the second
-- ones, ..., which compresses better.
-- @module vk_compute.explore.page

local ffi = require("ffi")
local base64 = require("vk_compute.system.base64")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local json = require("vk_compute.system.json")
local target = require("vk_compute.cache.target")
local zlib = require("vk_compute.system.zlib")

local page = {}

local FILE = "explore.html"
local PLACE = "<!-- data -->"
local MARK = '<meta name="generator" content="vulkan-compute explore">'

-- The folder of the module vk_compute.
local MODULES = debug.getinfo(1, "S").source:match("^@(.*)/vk_compute/explore/[^/]*$")

-- Of a source tree, and of an installed copy.
local function candidates()
  return { MODULES .. "/../build/" .. FILE, MODULES .. "/../../vulkan_compute/" .. FILE }
end

--- The template. Raises, with what to do, where it was not built.
-- @treturn string what is before the data
-- @treturn string what is after them
function page.template()
  for _, path in ipairs(candidates()) do
    local info = files.stat(path)
    if info then
      local text = files.head(path, info.st_size)
      local first, last = text:find(PLACE, 1, true)
      if not first then fail("%s is no page of this version: build and install it again", path) end
      return text:sub(1, first - 1), text:sub(last + 1)
    end
  end
  fail("the page was not built, since esbuild was not there: install it (Debian package esbuild), build again (cmake"
    .. " -S . -B build && cmake --build build) and, where the command is installed, install again. Looked for: %s",
    table.concat(candidates(), ", "))
end

local function is_page(path)
  return files.head(path, 4096):find(MARK, 1, true) ~= nil
end

--- Raises where a page may not be written.
-- @tparam string path
-- @tparam {string,...} inputs files that it is made from
-- @tparam boolean force
function page.check_path(path, inputs, force)
  target.check(path, {
    what = "a page", example = "explore.html", force = force, inputs = inputs,
    input_is = "is what the page is made from", files = { { path = path, is_earlier = is_page } },
  })
end

-- The bytes of numbers: all first ones, all second ones, ...
local function planes(array)
  local size = ffi.sizeof(array.data) / math.max(array.count, 1)
  local from, bytes = ffi.cast("const uint8_t *", array.data), array.count * size
  local out = ffi.new("uint8_t[?]", bytes)
  for plane = 0, size - 1 do
    local to = out + plane * array.count
    for k = 0, array.count - 1 do to[k] = from[k * size + plane] end
  end
  return out, bytes
end

-- Ids take two bytes where that is enough.
local function narrow(array)
  local out = ffi.new("uint16_t[?]", array.count)
  for k = 0, array.count - 1 do out[k] = array.data[k] end
  return { data = out, count = array.count }
end

local IDS = { "ids", "times", "near_first", "near_second" }

local function write_block(put, name, text, bytes)
  local head = ('\n<script type="text/plain" id="%s">'):format(name)
  put(head, #head)
  put(text, bytes)
  put("</script>", 9)
end

local function write_json(put, name, value)
  local text = json.encode_lists(value)
  write_block(put, name, base64(zlib.compress(text, #text)))
end

--- What names items, as the page holds it.
-- @tparam table o `names`, `texts`, `groups`: lists of strings or nil
-- @treturn string for write
function page.describe_items(o)
  local parts = {}
  local function put(data, bytes) parts[#parts + 1] = ffi.string(data, bytes) end
  for _, name in ipairs({ "names", "texts", "groups" }) do
    if o[name] then write_json(put, name, o[name]) end
  end
  return table.concat(parts)
end

--- Writes the page. To be called within target.locked_file.
-- @tparam string path
-- @tparam table o `facts`: what is told in JSON; `arrays`: as from gather.all; `items`: as from describe_items;
-- `progress`: nil, or function (done, total), told now and then how many bytes are compressed; what it raises ends it
function page.write(path, o)
  local before, after = page.template()
  local wide = o.facts.n > 65535
  o.facts.id_bytes = wide and 4 or 2
  files.remove_temporaries(path)
  local done, total = 0, 0
  for _, array in pairs(o.arrays) do total = total + ffi.sizeof(array.data) end
  files.replace_with(path, function(put)
    put(before, #before)
    write_json(put, "facts", o.facts)
    put(o.items, #o.items)
    local is_id = {}
    for _, name in ipairs(IDS) do is_id[name] = true end
    for name, array in pairs(o.arrays) do
      local numbers, bytes = planes(is_id[name] and not wide and narrow(array) or array)
      write_block(put, name, base64(zlib.compress(numbers, bytes, o.progress and function(of_array)
        o.progress(done + of_array * ffi.sizeof(array.data) / math.max(bytes, 1), total)
      end)))
      done = done + ffi.sizeof(array.data)
    end
    put(after, #after)
  end)
end

return page
