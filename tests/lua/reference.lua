--- The definition of vulkan_compute.h, step by step, with nothing in it for speed.

local ffi = require("ffi")
local bit = require("bit")

local ONE = 2 ^ 30
local HALF = 2LL ^ 29

-- llrint: to the nearest integer, halves to the even one.
local function round(x)
  local below = math.floor(x)
  local over = x - below
  if over < 0.5 or (over == 0.5 and below % 2 == 0) then return below end
  return below + 1
end

-- (product + 2^29) >> 30
local function scale_down(product)
  return bit.arshift(product + HALF, 30)
end

local Reference = {}
Reference.__index = Reference

-- Rows of float64: the embeddings, less the mean of the first `of` where center is true.
local function prepared(data, n, d, center, of)
  local rows = {}
  for i = 0, n - 1 do
    rows[i] = {}
    for k = 0, d - 1 do rows[i][k] = data[i * d + k] end
  end
  if not center then return rows end
  for k = 0, d - 1 do
    local mean = 0
    for i = 0, of - 1 do mean = mean + rows[i][k] end
    mean = mean / of
    for i = 0, n - 1 do rows[i][k] = rows[i][k] - mean end
  end
  return rows
end

local function norms_of(rows, n, d)
  local norms = {}
  for i = 0, n - 1 do
    local sum = 0
    for k = 0, d - 1 do sum = sum + rows[i][k] * rows[i][k] end
    norms[i] = math.sqrt(sum)
  end
  return norms
end

local function weights_of(norms, n)
  local largest, smallest = 0, math.huge  -- smallest of the non-zero ones
  for i = 0, n - 1 do
    largest = math.max(largest, norms[i])
    if norms[i] > 0 then smallest = math.min(smallest, norms[i]) end
  end
  local weighted = largest > 0 and (largest - smallest) / largest > 1e-5
  local weights = {}
  for i = 0, n - 1 do weights[i] = weighted and round(norms[i] / largest * ONE) or ONE end
  return weights, weighted
end

local function similarities(rows, norms, n, d)
  local units = {}
  for i = 0, n - 1 do
    units[i] = ffi.new("int64_t[?]", d)
    for k = 0, d - 1 do
      units[i][k] = norms[i] > 0 and round(rows[i][k] / norms[i] * ONE) or 0
    end
  end
  local C = {}
  for i = 0, n - 1 do
    C[i] = ffi.new("int64_t[?]", n)
    for j = 0, n - 1 do
      local sum = 0LL
      for k = 0, d - 1 do sum = sum + units[i][k] * units[j][k] end
      local cosine = scale_down(sum)
      if cosine > ONE then cosine = 1LL * ONE end
      if cosine < -ONE then cosine = -1LL * ONE end
      C[i][j] = cosine
    end
    if norms[i] > 0 then C[i][i] = ONE end
  end
  return C
end

--- The similarity matrix: n tables of n numbers that are float32.
function Reference:matrix()
  local as_float = ffi.new("float[1]")
  local matrix = {}
  for i = 0, self.n - 1 do
    matrix[i + 1] = {}
    for j = 0, self.n - 1 do
      as_float[0] = tonumber(self.C[i][j]) / ONE
      matrix[i + 1][j + 1] = as_float[0]
    end
  end
  return matrix
end

--- The first length ids of the diversity sequence from start.
function Reference:sequence(start, length)
  local sums, chosen = ffi.new("int64_t[?]", self.n), {}
  local sequence = {}
  local item = start
  for _ = 1, length do
    sequence[#sequence + 1] = item
    chosen[item] = true
    local weight = ffi.cast("int64_t", self.weights[item])
    local farthest
    for j = 0, self.n - 1 do
      sums[j] = sums[j] + scale_down(weight * self.C[item][j])
      if not chosen[j] and (not farthest or sums[j] < sums[farthest]) then farthest = j end
    end
    item = farthest
  end
  return sequence
end

-- A lambda as the library has it: rounded to float32, then times 2^30 to an integer.
local function weight_of(lambda)
  local as_float = ffi.new("float[1]", lambda)
  return ffi.cast("int64_t", round(as_float[0] * ONE))
end

--- The first length ids of the sequence from start by order "away" or "toward".
function Reference:sequence_by(order, lambda, start, length)
  local L = weight_of(lambda)
  local sequence, chosen = { start }, { [start] = true }
  while #sequence < length do
    local best, least
    for j = 0, self.n - 1 do
      if not chosen[j] then
        -- The greatest cosine to those chosen, among which start counts only in walks away from it.
        local greatest
        for place = order == "away" and 1 or 2, #sequence do
          local cosine = self.C[sequence[place]][j]
          if not greatest or cosine > greatest then greatest = cosine end
        end
        local to_start = self.C[start][j]
        local value = (order == "away" and L or -L) * to_start + (2LL ^ 30 - L) * (greatest or 0LL)
        if not least or value < least then best, least = j, value end
      end
    end
    sequence[#sequence + 1], chosen[best] = best, true
  end
  return sequence
end

--- Those from every start.
function Reference:sequences_by(order, lambda, length)
  local all = {}
  for start = 0, self.n - 1 do all[start + 1] = self:sequence_by(order, lambda, start, length) end
  return all
end

--- The sequences from every start.
function Reference:sequences(length)
  local all = {}
  for start = 0, self.n - 1 do all[start + 1] = self:sequence(start, length) end
  return all
end

--- The k nearest neighbours of count items from first on, and their similarities, a table for each item.
-- among: of ids below that only (default: of all)
function Reference:neighbors(k, first, count, among)
  local matrix = self:matrix()
  local ids, values = {}, {}
  for i = first or 0, (first or 0) + (count or self.n) - 1 do
    local others = {}
    for j = 0, (among or self.n) - 1 do
      if j ~= i then others[#others + 1] = j end
    end
    table.sort(others, function(a, b)
      local x, y = self.C[i][a], self.C[i][b]
      return x > y or (x == y and a < b)
    end)
    local id_list, value_list = {}, {}
    for place = 1, k do
      id_list[place] = others[place]
      value_list[place] = matrix[i + 1][others[place] + 1]
    end
    ids[#ids + 1], values[#values + 1] = id_list, value_list
  end
  return ids, values
end

--- What must come of n x d floats.
-- of: those behind the first so many are queries, which do not count in the mean (default: none is)
return function(data, n, d, center, of)
  local rows = prepared(data, n, d, center, of or n)
  local norms = norms_of(rows, n, d)
  local weights, weighted = weights_of(norms, n)
  return setmetatable({
    n = n,
    C = similarities(rows, norms, n, d),
    weights = weights,
    weighted = weighted,
  }, Reference)
end
