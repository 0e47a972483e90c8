--- Embeddings in word2vec's binary files: a line of n and d, then for each word its letters, a space and d float32.
-- word2vec itself writes a line feed behind them. Words are ids.
-- @module vk_compute.formats.word2vec_binary

local ffi = require("ffi")
local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local float32 = require("vk_compute.formats.float32")
local libc = require("vk_compute.system.libc")
local text = require("vk_compute.formats.text")

local word2vec_binary = { name = "word2vec's binary", extensions = {}, is_in_order = true }

-- Bytes read at a time, or one word and its numbers.
local WINDOW = 262144
local LONGEST_WORD = 4096
local SPACE, LINE_FEED = 32, 10
local MOST = 2 ^ 32 - 1

local function header_of(file)
  local n, d, past = file.head:match("^(%d+) (%d+) ?\n()")
  n, d = tonumber(n), tonumber(d)
  if n and n > 0 and d > 0 and n <= MOST and d <= MOST then return n, d, past - 1 end
end

--- Whether a file begins with a line of n and d, and is no text.
function word2vec_binary.recognises(file)
  return header_of(file) ~= nil and not text.is_text(file)
end

--- Reads such a file.
-- @tparam table file a byte source
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function word2vec_binary.read(file)
  local n, d, offset = header_of(file)
  local bytes = 4 * d
  -- A word of one letter and a space, at least.
  if file.size and offset + n * (bytes + 1) > file.size or n * bytes > 2 ^ 46 then
    fail("%s says in its first line that there are %.0f words of %.0f numbers, for which it is too short: it is cut "
      .. "off. Copy it, or write it, anew", file.path, n, d)
  end
  local memory, ids = files.memory(n * bytes), {}
  local data = ffi.cast("float *", memory)
  local capacity = math.max(WINDOW, 2 * (bytes + LONGEST_WORD))
  local window = ffi.new("uint8_t[?]", capacity)
  local at, stop, base, has_ended = 0, 0, offset, false
  for row = 0, n - 1 do
    if stop - at < bytes + LONGEST_WORD and not has_ended then
      libc.memmove(window, window + at, stop - at)
      base, stop, at = base + at, stop - at, 0
      local got = file:read(window + stop, capacity - stop, base + stop)
      stop = stop + got
      has_ended = stop < capacity
    end
    if at < stop and window[at] == LINE_FEED then at = at + 1 end
    local first = at
    while at < stop and window[at] ~= SPACE and at - first < LONGEST_WORD do at = at + 1 end
    if at + 1 + bytes > stop or window[at] ~= SPACE then
      fail("%s, word %.0f (from 0; it begins at byte %.0f): the file ends, or is damaged, where a word and %.0f "
        .. "numbers should be: copy it, or write it, anew", file.path, row, base + first, d)
    end
    ids[row + 1] = ffi.string(window + first, at - first)
    ffi.copy(data + row * d, window + at + 1, bytes)
    at = at + 1 + bytes
  end
  local function is_end()
    for k = at, stop - 1 do
      if window[k] ~= LINE_FEED then return false end
    end
    return has_ended or file:read(window, 1, base + stop) == 0
  end
  if not is_end() then
    fail("%s goes on behind the %.0f words that its first line says: write it anew", file.path, n)
  end
  float32.check(ffi.cast("uint32_t *", memory), n * d, 0, float32.in_rows(d), file.path)
  return { format = "word2vec's binary", n = n, d = d, data = data, memory = memory, ids = ids }
end

return word2vec_binary
