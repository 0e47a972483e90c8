--- What the scripts have in common: arguments, errors, exit codes.
-- @module vk_compute.command

local command = {
  EXIT_FAILED = 1,
  EXIT_WRONG_USE = 2,
}

--- Ends the script because it was called wrongly.
-- @tparam string message what was wrong
function command.refuse_use(message)
  io.stderr:write(message, "\n")
  os.exit(command.EXIT_WRONG_USE)
end

--- Reads the arguments. Where they are wrong, says so and ends the script.
-- @param parser of argparse
-- @treturn table
function command.parse(parser)
  local ok, result = parser:pparse()
  if not ok then command.refuse_use(("%s\n\n%s"):format(parser:get_usage(), result)) end
  return result
end

-- Errors of wrong use carry the script's name and line, which tell its user nothing.
local function message_of(problem)
  if type(problem) == "table" then return problem.message end
  local file, rest = problem:match("^(.-):%d+: (.*)$")
  file = file and file:gsub("^%.%.%.", "")
  return file and arg[0]:sub(-#file) == file and rest or problem
end

--- Runs the script's work and ends the script.
-- @tparam function main returns the exit code
-- @tparam[opt] function on_error called before an error is shown; may return an exit code
function command.run(main, on_error)
  local ok, result = pcall(main)
  if ok then os.exit(result) end
  local code = on_error and on_error() or command.EXIT_FAILED
  io.stdout:flush()
  io.stderr:write("error: ", message_of(result), "\n")
  os.exit(code)
end

return command
