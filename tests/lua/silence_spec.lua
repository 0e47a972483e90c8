-- Commands on a terminal of 80 columns: each phase is told of in one line, silence is short, and Ctrl-C ends the
-- command in every phase. For sizes at which phases take long there is tests/tools/stop_times.lua.

local cache_helper = require("cache_helper")
local helper = require("helper")
local terminal = require("terminal_helper")

-- Seconds. On a quiet machine it is a tenth of that.
local MOST_SILENT, MOST_TO_END = 4, 4

local READING, OPENING, PREPARING = "^reading: ", "^opening ", "^preparing the embeddings: "
local MATRIX, WALKING, NEIGHBORS = "^building the similarity matrix: ", "^walking: ", "^searching for neighbours: "
local FIRST_ROWS, ROWS, CHECKING = "^computing the first rows: ", "^%[[#-]*%] %d+ of ", "^checking rows on disk: "
local BY_MATRIX, BY_FILTER = { VKC_WALKS = "matrix" }, { VKC_WALKS = "filter" }
local BY_ROWS, OF_FILTER = { VKC_NEIGHBORS = "rows" }, { VKC_NEIGHBORS = "filter" }

-- Words of a command line, the phases it shows, and environment variables. "+" before a phase: it begins a command's
-- last moments, and is not interrupted. "?": it may be over between two changes of the line.
local COMMANDS = {
  { { "cache", "e.npy", "out.npy", "--batch", "400" },
    { OPENING, "?" .. FIRST_ROWS, "?" .. MATRIX, ROWS, "+" .. CHECKING, "+^finishing" }, BY_MATRIX },
  { { "cache", "e.npy", "out.npy", "--length", "30", "--batch", "400" },
    { OPENING, "?" .. FIRST_ROWS, "?" .. WALKING, ROWS }, BY_FILTER },
  { { "neighbors", "e.npy", "out.npy", "--k", "50", "--batch", "400" }, { OPENING, "?" .. FIRST_ROWS, ROWS }, BY_ROWS },
  { { "neighbors", "e.npy", "out.npy", "--k", "50", "--similarities", "--batch", "400" },
    { OPENING, "?" .. NEIGHBORS, ROWS }, OF_FILTER },
  { { "neighbors", "e.npy", "out.npy", "--queries", "e.npy", "--batch", "400" }, { OPENING, ROWS } },
  { { "neighbors", "e.npy", "--of", "5" }, { OPENING, PREPARING } },
  { { "diversity-sequence", "e.npy", "--start", "5" }, { OPENING, PREPARING, MATRIX, WALKING }, BY_MATRIX },
  { { "diversity-sequence", "e.npy", "--start", "5" }, { OPENING, PREPARING, WALKING }, BY_FILTER },
  { { "similarity", "e.npy", "out.npy" }, { OPENING, PREPARING, ROWS } },
  { { "verify", "e.npy", "whole.npy" }, { "+" .. CHECKING, OPENING } },
  { { "merge", "out.npy", "s0.npy", "s1.npy" }, { "+^merging: " } },
  { { "export", "whole.npy", "out.json" }, { "+^writing: " } },
  { { "report", "e.npy" }, { OPENING, PREPARING, "+" .. NEIGHBORS } },
  { { "report", "e.npy", "whole.npy" }, { OPENING, PREPARING, ROWS } },
  { { "explore", "e.npy", "-o", "out.html" }, {
    OPENING, PREPARING, "?^list %d of %d, order %l+, centred: .*building", "?^list %d of %d, .*walking",
    "^all pairs, centred: ", "^all pairs, not centred: ", "+^pairs of list %d of %d: ", "+^writing: ",
  } },
}

describe("on a terminal of 80 columns", function()
  local n, d = 1500, 48
  local folder

  local function run(command, interrupt)
    os.execute("rm -f " .. folder .. "/out.*")
    local words = { helper.ROOT .. "/bin/vulkan-compute" }
    for k, word in ipairs(command[1]) do words[k + 1] = word:find("%.%l+$") and folder .. "/" .. word or word end
    return terminal.run(words, { environment = command[3], interrupt = interrupt })
  end

  setup(function()
    folder = helper.temporary_folder()
    cache_helper.write_embeddings(folder .. "/e.npy", helper.kinds["unit norms"](n, d), n, d)
    assert.are.equal(0, run({ { "cache", "e.npy", "whole.npy", "--length", "20" } }).code)
    for shard = 0, 1 do
      assert.are.equal(0, run({ { "cache", "e.npy", ("s%d.npy"):format(shard), "--length", "9", "--shard",
        shard .. "/2" } }).code)
    end
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  -- Whether some line of progress is of a phase.
  local function shows(result, phase)
    for _, shown in ipairs(terminal.shown(result)) do
      if shown.is_progress and shown.text:find(phase) then return true end
    end
    return false
  end

  local function assert_short(result)
    local silence, of = terminal.longest_silence(result)
    assert.is_true(silence < MOST_SILENT, ("%.2f s at: %s"):format(silence, of))
    for _, shown in ipairs(terminal.shown(result)) do
      assert.is_true(not shown.is_progress or shown.columns < 80, shown.text)
    end
  end

  -- What was stopped, or was over before it heard of that.
  local function assert_ended(result, phase)
    local seconds = result.seconds_to_end or 0
    assert.is_true(seconds < MOST_TO_END, ("%.2f s at %s"):format(seconds, phase))
    local is_stopped = result.code == 130 or result.how == "killed" and result.code == 2
    assert.is_true(is_stopped or result.code == 0, ("%s %d at %s: %s"):format(result.how, result.code, phase,
      result.text))
    assert_short(result)
    return is_stopped
  end

  for _, command in ipairs(COMMANDS) do
    local name = table.concat(command[1], " ") .. (command[3] and " by " .. select(2, next(command[3])) or "")
    it(name .. " tells of its phases, and ends in each with Ctrl-C", function()
      local result = run(command)
      assert.are.equal(0, result.code, result.text)
      assert_short(result)
      local stops, interrupts = 0, 0
      for _, phase in ipairs(command[2]) do
        local mark, pattern = phase:match("^([+?]?)(.*)$")
        if mark ~= "?" then assert.is_true(shows(result, pattern), pattern .. " is not shown: " .. result.text) end
        if mark ~= "+" then
          local ended = run(command, function(_, text) return shows({ pieces = { { text = text } } }, pattern) end)
          interrupts = interrupts + 1
          if assert_ended(ended, pattern) then stops = stops + 1 end
        end
      end
      assert.is_true(stops > 0 or interrupts == 0)
    end)
  end

  it("reading tells how much is read, and ends with Ctrl-C", function()
    -- A pipe that is slow.
    local feed = ("{ head -c 100000 %s/e.npy; sleep 0.4; tail -c +100001 %s/e.npy; } | "):format(folder, folder)
    local words = { "sh", "-c", feed .. helper.quoted(helper.ROOT .. "/bin/vulkan-compute", "neighbors", "-", folder
      .. "/out.npy", "--k", "9") }
    local result = terminal.run(words)
    assert.are.equal(0, result.code, result.text)
    assert.is_true(shows(result, READING), result.text)
    assert_short(result)
  end)
end)
