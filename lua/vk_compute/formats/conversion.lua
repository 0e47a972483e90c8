--- Commands that turn a file into one that is read, for messages: to be run as they are printed.
-- @module vk_compute.formats.conversion

local printable = require("vk_compute.system.printable")

local conversion = {}

--- A command of Python that makes out.npy.
-- @tparam string path of the file, sys.argv[1] in the expression
-- @tparam string modules to import besides numpy and sys, such as "json, csv"; or ""
-- @tparam string expression that gives the array
function conversion.python(path, modules, expression)
  return ("python3 -c '%s; numpy.save(\"out.npy\", numpy.asarray(%s, dtype=\"float32\"))' %s"):format(
    "import numpy, sys" .. (modules ~= "" and ", " .. modules or ""), expression, printable.shell_word(path))
end

--- A command of jq that makes another file.
-- @tparam string path of the file
-- @tparam string filter of jq
-- @tparam string output name of the file made
function conversion.jq(path, filter, output)
  return ("jq -c '%s' %s > %s"):format(filter, printable.shell_word(path), output)
end

return conversion
