--- Embeddings from files, whatever their format.
--
-- - `.npy`, `.npz` with one array or a named one, `.safetensors` likewise: two-dimensional
-- - JSON and JSONL: see @{vk_compute.formats.json}; CSV and TSV: see @{vk_compute.formats.csv}
-- - text and binary of word2vec, text of GloVe and numpy.savetxt
-- - `.fbin`, `.f16bin`, `.u8bin`, `.i8bin`, `.ibin`: uint32 n and d, then numbers; `.fvecs`, `.bvecs`, `.ivecs`: int32
--   d and d numbers a row
-- - raw float32, where the caller says n or d: not text, nor what begins as `.fbin` or `.fvecs` but is of
--   another size
--
-- The format is told by the contents; where they fit several, or none, by the name's ending. Numbers
-- are rounded once to float32, as NumPy's astype does; NaN, infinity and what is too large are refused.
--
-- In messages lines and columns of text count from 1, as editors show them; rows, items, numbers and bytes from 0.
-- @module vk_compute.formats.embedding_file

local ffi = require("ffi")
local byte_source = require("vk_compute.formats.byte_source")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local norms = require("vk_compute.formats.norms")
local raw = require("vk_compute.formats.raw")
local text = require("vk_compute.formats.text")

local embedding_file = {}

-- Those that their contents tell, the surest first: two sizes that fit a file's length say more than a few
-- magic bytes. A format that is_in_order is read from a pipe as it comes.
local FORMATS = {
  require("vk_compute.formats.npy"),
  require("vk_compute.formats.npz"),
  require("vk_compute.formats.safetensors"),
  require("vk_compute.formats.bin"),
  require("vk_compute.formats.foreign"),
  require("vk_compute.formats.json"),
  require("vk_compute.formats.vecs"),
  require("vk_compute.formats.word2vec_binary"),
  require("vk_compute.formats.word_vectors"),
  require("vk_compute.formats.csv"),
}

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

-- The first format that a test holds for, before others one that the name says.
local function first_of(file, holds)
  local found
  for _, format in ipairs(FORMATS) do
    if holds(format) then
      if has_extension(file, format) then return format end
      found = found or format
    end
  end
  return found
end

local function format_of(file)
  return first_of(file, function(format) return format.recognises(file) end)
    or first_of(file, function(format)
      -- Raw numbers may have any name.
      return has_extension(file, format) and not (format.is_text and text.is_binary(file))
    end)
    -- Laid out as such, but of another size: their messages say what is off.
    or first_of(file, function(format)
      return format.resembles ~= nil and not text.is_text(file) and format.resembles(file)
    end)
    or raw
end

-- The same of what comes through a pipe, and the bytes to read: all of them in memory, where a format needs to know
-- how many there are, or looks at them twice.
local function format_of_pipe(file)
  local format = first_of(file, function(format) return format.is_in_order and format.recognises(file) end)
  if format then return format, file end
  local whole = byte_source.whole(file)
  return format_of(whole), whole
end

-- 7797 -> "7,797"
local function thousands(number)
  local digits = ("%.0f"):format(number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (digits:gsub("^,", ""))
end

local function check_size(file, name, found, asked)
  if asked and found ~= asked then
    fail("%s has %s = %.0f, but %.0f was asked for", file.path, name, found, asked)
  end
end

-- Takes zero rows out where that is wanted. What is left of them, and other odd norms, is for the caller to tell.
local function look_at_norms(file, result, skip_zero)
  local norm_of = result.norm_of
  local function measure()
    norm_of = ffi.new("double[?]", result.n)
    norms.measure(result.data, 0, result.n, result.d, norm_of)
  end
  if not norm_of then measure() end
  local found = norms.look(norm_of, result.n)
  local zero_rows = found.zero_rows
  if skip_zero and zero_rows[1] then
    local kept = norms.take_out(result.data, result.n, result.d, zero_rows)
    if kept == 0 then fail("%s: all %.0f embeddings are all zeros: compute them again", file.path, result.n) end
    for k = #zero_rows, 1, -1 do
      if result.ids then table.remove(result.ids, zero_rows[k] + 1) end
    end
    result.details = ("%s; %.0f of %.0f embeddings are all zeros and are left out: rows %s. Ids are the numbers of "
      .. "the items kept"):format(result.details or "", #zero_rows, result.n, norms.list(zero_rows))
    result.n, zero_rows = kept, {}
    measure()
    found = norms.look(norm_of, result.n)
  end
  result.norm_of, result.norm_memory = nil, nil
  result.zero_rows, result.outlier = zero_rows, found.outlier
end

local function read(file, options)
  local function telling(source)
    return options.progress and byte_source.telling(source, options.progress) or source
  end
  file = telling(file)
  if file.head == "" then fail("%s is empty: write the embeddings anew", file.path) end
  local format
  if file.size then
    format = format_of(file)
  else
    local source
    format, source = format_of_pipe(file)
    if source ~= file then file = telling(source) end
  end
  file.known_formats = embedding_file.NAMES
  if options.array and not format.has_arrays then
    fail("%s has no arrays with names: leave out the option array (--array)", file.path)
  end
  local result = format.read(file, options)
  check_size(file, "n", result.n, options.n)
  check_size(file, "d", result.d, options.d)
  look_at_norms(file, result, options.skip_zero)
  result.path, result.bytes = file.path, 4 * result.n * result.d
  result.description = ("%s, %s embedding%s of %s number%s%s"):format(result.format, thousands(result.n),
    result.n == 1 and "" or "s", thousands(result.d), result.d == 1 and "" or "s", result.details or "")
  result.details = nil
  return result
end

local STANDARD_INPUT = { fd = 0, path = "/dev/stdin" }

-- Reads what is open, by what it is. Without /proc, nothing is known of standard input.
local function read_open(fd, path, options)
  local info = files.stat(path)
  local kind = info and files.type_name(info) or "a pipe"
  if kind == "a file" then return read(byte_source.of_file(fd, path, info.st_size), options) end
  if kind == "a pipe" or kind == "a socket" then return read(byte_source.of_pipe(fd, path), options) end
  fail("%s is %s, not a file of embeddings, nor a pipe: %s", path, kind, fd == STANDARD_INPUT.fd
    and "write a program's output into this command with |, or a file with <" or "name such a file")
end

--- Reads a file of embeddings. Nothing is allocated before the file's size is known to fit its header.
-- @tparam string path a file or a pipe; "-" is standard input. A pipe's format is told, as any, by what comes
-- @tparam[opt] table options
--
-- - `array`: the name of the array or tensor, of files that hold several
-- - `n`, `d`: how many embeddings there must be, of how many numbers each; raw float32 needs one of
--   them, other files are refused if they have others
-- - `skip_missing`: true leaves out the items of JSON that have no embedding, instead of refusing them.
--   **Ids are then the numbers of the items kept**, not of those in the file, nor their poem_index
-- - `skip_zero`: true leaves out embeddings of which every number is 0. **Ids are then the numbers of those kept**
-- - `progress`: `function(done, total)`, told several times a second how many bytes are read; total is nil of a pipe.
--   What it raises ends the reading, and is raised
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
  options = options or {}
  if path == "-" then return read_open(STANDARD_INPUT.fd, STANDARD_INPUT.path, options) end
  if files.is_directory(path) then fail("%s is a directory, not a file of embeddings", path) end
  local info = files.stat(path)
  local how = info and files.type_name(info) == "a pipe" and "wait" or "read"
  return files.with(path, how, function(fd) return read_open(fd, path, options) end)
end

return embedding_file
