--- What scripts tell people.
-- @module vk_compute.cli.messages

local identity = require("vk_compute.cache.identity")
local kinds = require("vk_compute.cache.kinds")
local printable = require("vk_compute.system.printable")

local messages = {}

local BAR_WIDTH = 24

--- A time span: "0:07", "1:02:33".
-- @tparam number seconds
function messages.duration(seconds)
  local whole = math.floor(seconds + 0.5)
  local hours, minutes = math.floor(whole / 3600), math.floor(whole / 60) % 60
  if hours > 0 then return ("%d:%02d:%02d"):format(hours, minutes, whole % 60) end
  return ("%d:%02d"):format(minutes, whole % 60)
end

local function rate_text(rate)
  return (rate < 10 and "%.2f rows/s" or "%.0f rows/s"):format(rate)
end

local function rows_text(state)
  local parts = {
    ("%.0f of %.0f rows (%.1f %%)"):format(state.done, state.total, 100 * state.done / state.total),
  }
  if state.rate then
    parts[2] = rate_text(state.rate)
    if state.rate > 0 then
      local left = (state.total - state.done) / state.rate - (state.age or 0)
      parts[3] = "ETA " .. messages.duration(math.max(left, 0))
    end
  end
  return table.concat(parts, ", ")
end

-- What a call of the library is at, by the phase.
local CALLS = {
  upload = "preparing the embeddings",
  matrix = "building the similarity matrix",
  similarities = "computing similarities",
  walks = "walking",
  neighbors = "searching for neighbours",
}

-- Lines are cut to the terminal's width: what changes comes before what may be long.
local function call_text(state)
  local call = state.call
  local doing, figures = CALLS[call.phase] or "computing",
    ("%.1f %%, %.0f s"):format(100 * call.done / math.max(call.total, 1), state.seconds)
  local device = state.device or "the device"
  if state.step then return ("%s: %s, %s on %s"):format(state.step, figures, doing, device) end
  return ("%s: %s, on %s"):format(doing, figures, device)
end

local function reading_text(state)
  if not state.total then return ("reading: %.0f MB of %s"):format(state.done / 1e6, state.path) end
  return ("reading: %.0f %% of %s"):format(100 * state.done / math.max(state.total, 1), state.path)
end

local PHASES = {
  reading = reading_text,
  calling = call_text,
  starting = function(state)
    if state.call then return call_text(state) end
    return ("opening %s, %.0f s"):format(state.device or "the device", state.seconds)
  end,
  preparing = function(state)
    if state.call then return call_text(state) end
    return ("computing the first rows: %.0f s, on %s"):format(state.seconds, state.device)
  end,
  computing = rows_text,
  step = function(state) return state.call and call_text(state) or ("%s: %s"):format(state.step, rows_text(state)) end,
  checking = function(state)
    return ("checking rows on disk: %.0f of %.0f"):format(state.done, state.total)
  end,
  merging = function(state)
    return ("merging: %.0f of %.0f rows"):format(state.done, state.total)
  end,
  writing = function(state) return ("writing: %.0f %%"):format(100 * state.done / math.max(state.total, 1)) end,
  finishing = function() return "finishing" end,
}

--- One line on a run: plain text.
-- @tparam table state as writer.run reports it
function messages.line(state)
  return printable.line(PHASES[state.phase](state))
end

--- The same with a bar, for a terminal.
function messages.bar(state)
  if state.phase ~= "computing" then return messages.line(state) end
  local filled = math.floor(BAR_WIDTH * state.done / state.total)
  return ("[%s%s] %s"):format(("#"):rep(filled), ("-"):rep(BAR_WIDTH - filled), rows_text(state))
end

--- What there is to say of a cache.
-- @tparam table status as from status.read
-- @treturn {string,...} lines
function messages.status(status)
  local lines = { ("%s: %s"):format(printable.line(status.path), status.state) }
  local function add(name, value)
    if value then lines[#lines + 1] = ("  %-12s %s"):format(name, printable.line(value)) end
  end
  add("kind", status.kind and kinds[status.kind].rows)
  add("of", status.n and identity.description(status))
  add("rows", status.done and ("%.0f of %.0f (%.1f %%)"):format(status.done, status.total,
    100 * status.done / status.total))
  add("rate", status.rate and rate_text(status.rate))
  add("ETA", status.eta and messages.duration(status.eta))
  add("writer", status.writer_name)
  add("device", status.device)
  add("updated", status.updated and os.date("%Y-%m-%d %H:%M:%S", status.updated))
  add("date", status.date)
  add("fingerprint", status.fingerprint)
  add("health", not status.problems[1] and status.state ~= "missing" and "no problem known" or nil)
  for _, problem in ipairs(status.problems) do add("PROBLEM", problem) end
  return lines
end

return messages
