--- Embeddings from files, whatever their format.
--
-- - `.npy`: float32, float64 or float16, of either byte order; two-dimensional, in C order
-- - JSON and JSONL: see @{vk_compute.formats.json}
-- - `.fbin`: uint32 n and d, then float32; `.fvecs`: int32 d and d float32 a row
-- - raw float32, where the caller says n or d: not text, nor what begins as `.fbin` or `.fvecs` but is of
--   another size
--
-- The format is told by the contents, and only where they tell nothing by the name's ending. Numbers
-- are rounded once to float32, as NumPy's astype does; NaN, infinity and what is too large are refused.
-- @module vk_compute.formats.embedding_file

local ffi = require("ffi")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local foreign = require("vk_compute.formats.foreign")
local fbin = require("vk_compute.formats.fbin")
local fvecs = require("vk_compute.formats.fvecs")
local json = require("vk_compute.formats.json")
local norms = require("vk_compute.formats.norms")
local npy = require("vk_compute.formats.npy")
local raw = require("vk_compute.formats.raw")

local embedding_file = {}

-- Those that their contents tell, the surest first: two sizes that fit a file's length say more than a few
-- magic bytes.
local FORMATS = { npy, fbin, foreign, json, fvecs }
-- How much of a file's beginning tells its format.
local HEAD = 4096

local function names_of(formats)
  local names = {}
  for _, format in ipairs(formats) do names[#names + 1] = format.name end
  return table.concat(names, ", ")
end

--- The formats that contents tell: ".npy, JSON, ...".
embedding_file.NAMES = names_of(FORMATS)

local function has_extension(file, format)
  for _, extension in ipairs(format.extensions) do
    if file.extension == extension then return true end
  end
  return false
end

local function format_of(file)
  -- These are laid out as .fbin and .fvecs: nothing but their names tells.
  if has_extension(file, foreign) then return foreign end
  for _, format in ipairs(FORMATS) do
    if format.recognises(file) then return format end
  end
  for _, format in ipairs(FORMATS) do
    if has_extension(file, format) then return format end
  end
  -- Laid out as these, but of another size: their messages say what is off.
  for _, format in ipairs({ fbin, fvecs }) do
    if format.resembles(file) then return format end
  end
  return raw
end

-- 7797 -> "7,797"
local function thousands(number)
  local text = ("%.0f"):format(number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

local function check_size(file, name, found, asked)
  if asked and found ~= asked then
    fail("%s has %s = %.0f, but %.0f was asked for", file.path, name, found, asked)
  end
end

-- Takes zero rows out where that is wanted. What is left of them, and other odd norms, is for the caller to tell.
local function look_at_norms(file, result, skip_zero)
  local found = norms.look(result.data, result.n, result.d)
  local zero_rows = found.zero_rows
  if skip_zero and zero_rows[1] then
    local kept = norms.take_out(result.data, result.n, result.d, zero_rows)
    if kept == 0 then fail("%s: all %.0f embeddings are all zeros: compute them again", file.path, result.n) end
    for k = #zero_rows, 1, -1 do
      if result.ids then table.remove(result.ids, zero_rows[k] + 1) end
    end
    result.details = ("%s; %.0f of %.0f embeddings are all zeros and are left out: rows %s. Ids are the numbers of the "
      .. "items kept"):format(result.details or "", #zero_rows, result.n, norms.list(zero_rows))
    result.n, zero_rows = kept, {}
    found = norms.look(result.data, result.n, result.d)
  end
  result.zero_rows, result.outlier = zero_rows, found.outlier
end

local function read(file, options)
  local result = format_of(file).read(file, options)
  check_size(file, "n", result.n, options.n)
  check_size(file, "d", result.d, options.d)
  look_at_norms(file, result, options.skip_zero)
  result.path, result.bytes = file.path, 4 * result.n * result.d
  result.description = ("%s, %s embedding%s of %s number%s%s"):format(result.format, thousands(result.n),
    result.n == 1 and "" or "s", thousands(result.d), result.d == 1 and "" or "s", result.details or "")
  result.details = nil
  return result
end

local function check_type(path)
  if path == "-" then
    fail("- is not taken for standard input: a run that goes on, and verifying, read the embeddings again. Write "
      .. "them to a file first, such as embeddings.json, and name that (a file of the name -: ./-)")
  end
  local info = files.stat(path)
  if files.is_directory(path) then fail("%s is a directory, not a file of embeddings", path) end
  if info and not files.is_regular(info) then
    fail("%s is a pipe or a device: write the embeddings to a file first", path)
  end
end

-- What is known of an open file before its format is.
local function look(path, fd)
  local file = {
    path = path, fd = fd, extension = (path:match("%.([^./]+)$") or ""):lower(), size = files.stat(path).st_size,
    known_formats = embedding_file.NAMES,
  }
  if file.size == 0 then fail("%s is empty: write the embeddings anew", file.path) end
  local buffer = ffi.new("uint8_t[?]", HEAD)
  file.head = ffi.string(buffer, files.read(file.fd, file.path, buffer, HEAD, 0))
  return file
end

--- Reads a file of embeddings. Nothing is allocated before the file's size is known to fit its header.
-- @tparam string path
-- @tparam[opt] table options
--
-- - `n`, `d`: how many embeddings there must be, of how many numbers each; raw float32 needs one of
--   them, other files are refused if they have others
-- - `skip_missing`: true leaves out the items of JSON that have no embedding, instead of refusing them.
--   **Ids are then the numbers of the items kept**, not of those in the file, nor their poem_index
-- - `skip_zero`: true leaves out embeddings of which every number is 0. **Ids are then the numbers of those kept**
-- @treturn table
--
-- - `data`: `float*`, n x d, row-major, valid while the table is held
-- - `n`, `d`, `bytes` (of data), `path`
-- - `format`: such as "JSON" or ".npy of float16"
-- - `description`: one line, such as "JSON, 7,797 embeddings of 768 numbers, of objects with id"
-- - `ids`: of JSON in which every item kept has an "id", these, `ids[k]` that of row k - 1: strings, or
--   numbers (integers from 2^53 on are strings); else nil
-- - `zero_rows`: numbers of the rows of which every number is 0: their cosine to all others is 0
-- - `outlier`: nil, or where norms are too far apart for the weights of centroid walks: `row`, the one with the
--   greatest norm, its `ratio` to the least one that is not 0, and the `count` of others too small beside it
-- - `skipped`: with skip_missing, of JSON: tables with `item` (its number in the file, from 0), `line`
--   and `id` (nil where it has none); may be empty
-- @raise always with the file's name: what cannot be read or is of no known format, damaged, cut off,
-- ragged, empty, not finite, with the place and what to do
function embedding_file.read(path, options)
  check_type(path)
  return files.with(path, "read", function(fd) return read(look(path, fd), options or {}) end)
end

return embedding_file
