--- Puts a damaged cache right.
-- @module vk_compute.cache.repair

local fail = require("vk_compute.system.fail")
local files = require("vk_compute.system.files")
local journal = require("vk_compute.cache.journal")
local layout = require("vk_compute.cache.layout")
local lock = require("vk_compute.system.lock")
local partial = require("vk_compute.cache.partial")
local target = require("vk_compute.cache.target")
local recompute = require("vk_compute.cache.recompute")
local xxhash = require("vk_compute.system.xxhash")

local repair = {}

--- Holds the lock of a cache while work() runs.
-- @return what work returns
function repair.locked(path, work)
  local lock_path = target.lock(path)
  local info = files.link_stat(lock_path)
  if info and not (files.is_regular(info) and lock.begins(lock_path)) then
    fail("%s exists, and is no lock of %s: move it away", lock_path, path)
  end
  return target.locked(path, work)
end

-- Puts back what the checksums say was there.
local function repair_finished(job, from, damaged)
  local place = from.place
  files.with(from.file, "write", function(fd)
    files.resize(fd, from.file, place.file_bytes)
    files.write(fd, from.file, place.header, #place.header, 0)
    recompute(job, from.what, damaged, function(row, pointer)
      if xxhash.hex64(pointer, place.row_bytes) ~= from.checksum_of(row) then
        fail("the device computes row %.0f otherwise than its checksum in %s.json tells: it or the one that made the "
          .. "cache is at fault. Verify with another --device, which tells", row, job.path)
      end
      files.write(fd, from.file, pointer, place.row_bytes, place.offset(row))
    end)
    files.sync(fd, from.file)
  end)
end

-- Takes damaged rows off the journal: the next run computes them.
local function repair_partial(job, from, damaged)
  local function ignore() end
  files.close(partial.open(from.file, from.place, ignore, files.mode(from.file)))
  for _, row in ipairs(damaged) do from.journal.checksums[row] = nil end
  journal.create(layout.paths(job.path).journal, from.what, from.journal.checksums):close()
end

--- Repairs a cache whose lock is held.
-- @tparam table job as for verify.run
-- @tparam table from as from source.open
-- @tparam {number,...} damaged the rows whose checksums do not fit
function repair.run(job, from, damaged)
  local how = from.finished and repair_finished or repair_partial
  how(job, from, damaged)
end

return repair
