--- What all programs have in common: arguments, errors, exit codes.
-- @module vk_compute.cli.command

local files = require("vk_compute.system.files")
local printable = require("vk_compute.system.printable")

local command = {
  EXIT_NOT_WELL = 1,  -- the command did its work, and what it looked at is damaged, missing or does not fit
  EXIT_FAILED = 2,    -- it could not do its work, or was called wrongly
  EXIT_BROKEN_PIPE = 141,  -- as a shell shows a program that SIGPIPE ended

  --- Raised where nobody reads the output any more: `command.run` then ends without a word.
  BROKEN_PIPE = setmetatable({}, { __tostring = function() return "broken pipe" end }),
}

--- Ends the program because it was called wrongly.
-- @tparam string message what was wrong
function command.refuse_use(message)
  io.stderr:write(printable.text(message), "\n")
  os.exit(command.EXIT_FAILED)
end

--- Raises an error that ends the program with another exit code than EXIT_FAILED.
function command.fail_with(exit_code, problem)
  error({ message = command.message_of(problem), exit_code = exit_code }, 0)
end

-- The arguments, with a negative number joined to the option before it: argparse takes it for an option else, and the
-- message would not tell what values there are.
local function joined_numbers(words)
  local joined, is_over = {}, false
  for _, word in ipairs(words) do
    local before = joined[#joined]
    if not is_over and before and before:find("^%-%-%a[%a-]*$") and word:find("^%-%.?%d") then
      joined[#joined] = before .. "=" .. word
    else
      joined[#joined + 1] = word
    end
    is_over = is_over or word == "--"
  end
  return joined
end

--- Reads the arguments. Where they are wrong, says so and ends the program.
-- @param parser of argparse; of several commands, the one that was called is the one explained
-- @treturn table
function command.parse(parser)
  parser.error = function(active, message)
    -- Line feeds of argparse stay, those of the words given do not.
    for _, word in ipairs(arg) do
      local shown = printable.line(word)
      if shown ~= word then message = message:gsub(word:gsub("%p", "%%%0"), (shown:gsub("%%", "%%%%"))) end
    end
    for _, word in ipairs(arg) do
      if word:find("^%-.") and files.stat(word) then
        message = message .. ("\nIf the file %s is meant: ./%s"):format(printable.line(word), printable.line(word))
      end
    end
    command.refuse_use(("%s\n\n%s"):format(active:get_usage(), message))
  end
  return parser:parse(joined_numbers(arg))
end

--- What an error says. Errors of wrong use carry the script's name and line, which tell its user nothing.
function command.message_of(problem)
  if type(problem) == "table" then return problem.message end
  local file, rest = problem:match("^(.-):%d+: (.*)$")
  file = file and file:gsub("^%.%.%.", "")
  return file and arg[0]:sub(-#file) == file and rest or problem
end

--- Runs the program's work and ends the program.
-- @tparam function main returns the exit code
-- @tparam[opt] function on_error called before an error is shown; may return an exit code
function command.run(main, on_error)
  local ok, result = pcall(main)
  if ok then os.exit(result) end
  if result == command.BROKEN_PIPE then os.exit(command.EXIT_BROKEN_PIPE) end
  local code = on_error and on_error() or type(result) == "table" and result.exit_code or command.EXIT_FAILED
  io.stdout:flush()
  io.stderr:write("error: ", printable.text(command.message_of(result)), "\n")
  os.exit(code)
end

return command
