--- Goes through the rows of NAME or NAME.partial.
-- @module vk_compute.cache.rows

local ffi = require("ffi")
local files = require("vk_compute.system.files")
local xxhash = require("vk_compute.system.xxhash")

local rows = {}

local BLOCK_BYTES = 4 * 1024 * 1024

local function new_block(place)
  local most = math.max(1, math.floor(BLOCK_BYTES / place.row_bytes))
  return { rows = most, bytes = most * place.row_bytes, memory = files.memory(most * place.row_bytes) }
end

local function free(block) files.unmap(block.memory, block.bytes) end

-- Reads rows [first, first + count) into a block and visits each.
local function visit_block(fd, path, place, block, first, count, visit)
  local bytes = count * place.row_bytes
  local got = files.read(fd, path, block.memory, bytes, place.offset(first))
  ffi.fill(ffi.cast("char *", block.memory) + got, bytes - got)
  local base = ffi.cast("uint32_t *", block.memory)
  for k = 0, count - 1 do visit(first + k, base + k * (place.row_bytes / 4)) end
end

--- Reads rows in order, in blocks. What a file is too short to hold reads as zeros, which are no row.
-- @tparam string path
-- @tparam table place as from layout.of
-- @tparam function visit (row, pointer): `uint32_t*`, valid during the call
-- @tparam[opt] function report (how many), called between blocks
function rows.each(path, place, visit, report)
  local block = new_block(place)
  local ok, problem = pcall(files.with, path, "read", function(fd)
    for first = place.first, place.last, block.rows do
      local count = math.min(block.rows, place.last - first + 1)
      visit_block(fd, path, place, block, first, count, visit)
      if report then report(first + count - place.first) end
    end
  end)
  free(block)
  if not ok then error(problem, 0) end
end

local Comparison = {}
Comparison.__index = Comparison

--- Compares rows with their checksums, in order, a block at a time: so it can go on while a file grows.
-- @tparam string path
-- @tparam table place as for rows.each
-- @tparam function checksum_of row -> XXH3-64, or nil for a row not to be looked at
-- @treturn Comparison `next`: the row that comes next; `damaged`: the rows so far whose checksums do not fit
function rows.comparison(path, place, checksum_of)
  return setmetatable({ path = path, place = place, checksum_of = checksum_of, next = place.first, damaged = {},
    whole = xxhash.stream128(), block = new_block(place) }, Comparison)
end

--- Whether a block of the rows up to `last` is to be compared: a full one, or the file's last.
function Comparison:has_block(last)
  return self.next <= last and (last == self.place.last or last - self.next + 1 >= self.block.rows)
end

--- Compares the next block of the rows up to `last`.
function Comparison:go_on(last)
  local place, count = self.place, math.min(self.block.rows, last - self.next + 1)
  files.with(self.path, "read", function(fd)
    visit_block(fd, self.path, place, self.block, self.next, count, function(row, pointer)
      local expected = self.checksum_of(row)
      if expected and xxhash.hex64(pointer, place.row_bytes) ~= expected then
        self.damaged[#self.damaged + 1] = row
      end
      self.whole:update(pointer, place.row_bytes)
    end)
  end)
  self.next = self.next + count
end

--- Compares all that is left, and frees memory.
-- @tparam[opt] function report as for rows.each
-- @treturn {number,...} the rows whose checksums do not fit
-- @treturn string XXH3-128 of all rows
function Comparison:finish(report)
  while self.next <= self.place.last do
    self:go_on(self.place.last)
    if report then report(self.next - self.place.first) end
  end
  free(self.block)
  return self.damaged, self.whole:hex()
end

--- Compares rows with their checksums: see rows.comparison.
-- @tparam[opt] function report as for rows.each
-- @treturn {number,...} the rows whose checksums do not fit
-- @treturn string XXH3-128 of all rows
function rows.damaged(path, place, checksum_of, report)
  return rows.comparison(path, place, checksum_of):finish(report)
end

--- Rows for a message: "5", "3, 7 and 9", "3, 7, 9 and 40 more".
function rows.list(numbers)
  local shown = {}
  for k = 1, math.min(#numbers, 8) do shown[k] = ("%.0f"):format(numbers[k]) end
  if #numbers > 8 then return ("%s and %d more"):format(table.concat(shown, ", "), #numbers - 8) end
  if #numbers == 1 then return shown[1] end
  return table.concat(shown, ", ", 1, #shown - 1) .. " and " .. shown[#shown]
end

return rows
