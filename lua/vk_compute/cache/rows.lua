--- Goes through the rows of NAME or NAME.partial.
-- @module vk_compute.cache.rows

local ffi = require("ffi")
local files = require("vk_compute.system.files")
local xxhash = require("vk_compute.system.xxhash")

local rows = {}

local BLOCK_BYTES = 4 * 1024 * 1024

--- Reads rows in order, in blocks. What a file is too short to hold reads as zeros, which are no row.
-- @tparam string path
-- @tparam table place as from layout.of
-- @tparam function visit (row, pointer): `uint32_t*`, valid during the call
-- @tparam[opt] function report (how many), called between blocks
function rows.each(path, place, visit, report)
  local per_block = math.max(1, math.floor(BLOCK_BYTES / place.row_bytes))
  local block = files.memory(per_block * place.row_bytes)
  local base = ffi.cast("uint32_t *", block)
  local ok, problem = pcall(files.with, path, "read", function(fd)
    for first = place.first, place.last, per_block do
      local count = math.min(per_block, place.last - first + 1)
      local bytes = count * place.row_bytes
      local got = files.read(fd, path, block, bytes, place.offset(first))
      ffi.fill(ffi.cast("char *", block) + got, bytes - got)
      for k = 0, count - 1 do visit(first + k, base + k * (place.row_bytes / 4)) end
      if report then report(first + count - place.first) end
    end
  end)
  files.unmap(block, per_block * place.row_bytes)
  if not ok then error(problem, 0) end
end

--- Compares rows with their checksums.
-- @tparam string path
-- @tparam table place as for rows.each
-- @tparam function checksum_of row -> XXH3-64, or nil for a row not to be looked at
-- @tparam[opt] function report as for rows.each
-- @treturn {number,...} the rows whose checksums do not fit
-- @treturn string XXH3-128 of all rows
function rows.damaged(path, place, checksum_of, report)
  local damaged = {}
  local whole = xxhash.stream128()
  rows.each(path, place, function(row, pointer)
    local expected = checksum_of(row)
    if expected and xxhash.hex64(pointer, place.row_bytes) ~= expected then
      damaged[#damaged + 1] = row
    end
    whole:update(pointer, place.row_bytes)
  end, report)
  return damaged, whole:hex()
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
