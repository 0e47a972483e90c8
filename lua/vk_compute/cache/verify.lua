--- Verifies a cache: its checksums, that every row is possible, and a sample of rows by computing them.
-- @module vk_compute.cache.verify

local ffi = require("ffi")
local files = require("vk_compute.system.files")
local identity = require("vk_compute.cache.identity")
local kinds = require("vk_compute.cache.kinds")
local layout = require("vk_compute.cache.layout")
local libc = require("vk_compute.system.libc")
local random = require("vk_compute.system.random")
local repair = require("vk_compute.cache.repair")
local recompute = require("vk_compute.cache.recompute")
local rows = require("vk_compute.cache.rows")
local source = require("vk_compute.cache.source")
local twin = require("vk_compute.cache.twin")
local xxhash = require("vk_compute.system.xxhash")

local verify = {}

local SAMPLE = 16  -- rows

-- What of a cache is not as the embeddings and the job demand, in words; nil where all is.
local function difference_from(job, what)
  local asked = identity.of(job.embeddings, setmetatable({ definition_version = job.vk.definition_version() }, {
    __index = function(_, name)
      if job[name] ~= nil then return job[name] end
      return what[name]
    end,
  }))
  return identity.difference(what, asked)
end

-- Findings are `problems`, texts, and whether they are `repairable`: whether a repair puts all of them right.

local function add(findings, text)
  findings.problems[#findings.problems + 1] = text
end

local function add_lasting(findings, text)
  add(findings, text)
  findings.repairable = false
end

-- Compares rows with their checksums and looks at the ids of each. The damaged rows; problems are added.
local function check_rows(job, from, findings)
  local what, place = from.what, from.place
  local row_check = kinds[what.kind].new_check(what.n, what.length)
  local whole = xxhash.stream128()
  local damaged = {}
  rows.each(from.file, place, function(row, pointer)
    whole:update(pointer, place.row_bytes)
    local checksum = from.checksum_of(row)
    if not checksum then return end
    local fits = xxhash.hex64(pointer, place.row_bytes) == checksum
    local wrong = row_check(pointer, row)
    if fits and wrong then
      add_lasting(findings, ("row %.0f fits its checksum, but no such row can be: %s"):format(row, wrong))
    elseif not fits then
      damaged[#damaged + 1] = row
    end
  end, function(done) job.report("checking", done, place.count) end)
  if damaged[1] then
    add(findings, ("checksums do not fit in rows %s"):format(rows.list(damaged)))
  elseif from.finished and whole:hex() ~= what.rows_checksum then
    add_lasting(findings, "the checksum of all rows does not fit")
  end
  return damaged
end

-- A sample of rows that are done and not known to be damaged, in order.
local function sample_of(from, damaged)
  local left_out = {}
  for _, row in ipairs(damaged) do left_out[row] = true end
  local candidates = {}
  for row = from.place.first, from.place.last do
    if from.checksum_of(row) and not left_out[row] then candidates[#candidates + 1] = row end
  end
  for k = 1, math.min(SAMPLE, #candidates) do
    local other = k + random.below(#candidates - k + 1)
    candidates[k], candidates[other] = candidates[other], candidates[k]
  end
  for k = #candidates, SAMPLE + 1, -1 do candidates[k] = nil end
  table.sort(candidates)
  return candidates
end

-- Returns how many rows were compared.
local function check_sample(job, from, damaged, findings)
  local sample = sample_of(from, damaged)
  local place = from.place
  local buffer = ffi.new("uint32_t[?]", from.what.length)
  local other = {}
  files.with(from.file, "read", function(fd)
    recompute(job, from.what, sample, function(row, pointer)
      files.read(fd, from.file, buffer, place.row_bytes, place.offset(row))
      if libc.memcmp(buffer, pointer, place.row_bytes) ~= 0 then other[#other + 1] = row end
    end)
  end)
  if other[1] then
    add_lasting(findings, ("the device computes rows %s otherwise: it or the one that made the cache is at fault. "
      .. "Verify with another --device, which tells"):format(rows.list(other)))
  end
  return #sample
end

-- What is wrong with the file as a whole.
local function check_file(from, findings)
  local size = files.stat(from.file).st_size
  if size ~= from.place.file_bytes then
    add(findings, ("%s is %.0f bytes long and should be %.0f"):format(from.file, size,
      from.place.file_bytes))
  end
  if not layout.has_header(from.file, from.place) then
    add(findings, ("the header of %s is damaged"):format(from.file))
  end
  if from.journal and (from.journal.damaged_lines > 0 or from.journal.torn) then
    add(findings, "the journal has lines that cannot be believed; their rows do not count")
  end
end

local function examine(job, from)
  local findings = { problems = {}, repairable = true }
  check_file(from, findings)
  findings.damaged = check_rows(job, from, findings)
  findings.sampled = check_sample(job, from, findings.damaged, findings)
  return findings
end

local function verify_once(job)
  local from = source.open(job.path)
  local difference = difference_from(job, from.what)
  local other = difference and ("%s was made from something else; what differs: %s"):format(job.path, difference)
    or kinds[from.what.kind].is_twin and twin.problem(job.path, from.what)
  local result = other and { is_other = true, damaged = {}, sampled = 0, repairable = false, problems = { other } }
    or examine(job, from)
  result.kind, result.finished, result.total, result.done = from.what.kind, from.finished, from.place.count, from.done
  if job.repair and result.problems[1] and not other then
    repair.run(job, from, result.damaged)
    result.remaining = examine(job, source.open(job.path)).problems
  end
  return result
end

--- Verifies a cache, finished or not. A writer may be at work, unless something is to be repaired. Must
-- not be called in a process that has made a context (see compute_process.lua).
-- @tparam table job
--
-- - `path`: the cache; `embeddings`: as from embedding_file.read
-- - `vk`: the module vk_compute, whose contexts compute; `device`
-- - fields of an identity (identity.lua), such as `length`: what the cache must have, where given
-- - `repair`: whether to put right what is damaged, by computing those rows
-- - `opened`: nil, or function (name, type), told what device computes
-- - `report`: function (phase, done, total, call): "checking", "starting", "computing"; `call` is what the device is
--   at, `phase`, `done` and `total` as Context:set_progress tells them, or nil
-- - `stop`: function () -> how often the user has asked to stop
-- @treturn table `kind`, `finished`, `total`, `done` (rows there were), `damaged` (rows), `problems` (texts),
-- `sampled` (rows computed and compared), `remaining` (problems left after a repair; nil where nothing
-- was repaired), `is_other`: true where the cache was made from something else, or is the similarities of other
-- neighbours than those beside it; then nothing more is examined
function verify.run(job)
  if job.repair then return repair.locked(job.path, function() return verify_once(job) end) end
  local finished = layout.paths(job.path).finished
  local growing = not files.stat(finished)
  local ok, result = pcall(verify_once, job)
  -- A writer may have given the file its final name in between.
  if not ok and growing and files.stat(finished) then return verify_once(job) end
  if not ok then error(result, 0) end
  return result
end

return verify
