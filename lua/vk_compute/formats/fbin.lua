--- Embeddings in .fbin files: n and d as little-endian uint32, then n x d float32.
-- @module vk_compute.formats.fbin

local binary = require("vk_compute.formats.binary")
local fail = require("vk_compute.system.fail")

local fbin = { name = ".fbin", extensions = { "fbin" } }

local HEADER = 8
-- What n may be where only the header tells that a file is one.
local PLAUSIBLE_ROWS = 2 ^ 23

local function header_of(file)
  local n, d = binary.uint32(file, 0), binary.uint32(file, 4)
  if n and d then return n, d, HEADER + 4 * n * d end
end

--- Whether a file is as long as its first two numbers say.
function fbin.recognises(file)
  local n, d, size = header_of(file)
  return n ~= nil and n > 0 and d > 0 and size == file.size
end

--- Whether a file begins with a plausible n and d, whatever its size. Taken for floats, both would be below
-- 1e-38, as no embedding's are.
function fbin.resembles(file)
  local n, d = header_of(file)
  return n ~= nil and n > 0 and n < PLAUSIBLE_ROWS and d > 0 and d <= binary.MAX_COLUMNS
end

--- Reads such a file.
-- @tparam table file as embedding_file opens it
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function fbin.read(file)
  local n, d, size = header_of(file)
  if not n then fail("%s is cut off in its header: a .fbin file begins with n and d, 8 bytes", file.path) end
  if n == 0 or d == 0 then
    fail("%s is empty: its header says n = %.0f, d = %.0f", file.path, n, d)
  end
  if size ~= file.size then
    fail("%s is %.0f bytes long, but its header (of .fbin: n = %.0f, d = %.0f) says %.0f: it is %s, "
      .. "or no .fbin file. Copy it or write it anew; raw float32 save as .npy", file.path, file.size, n, d, size,
      file.size < size and "cut off" or "longer than it should be")
  end
  return binary.result(file, fbin.name, binary.read(file, HEADER, size - HEADER), n, d)
end

return fbin
