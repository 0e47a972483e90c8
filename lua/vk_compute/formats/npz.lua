--- Embeddings in archives that numpy.savez and numpy.savez_compressed make.
-- @module vk_compute.formats.npz

local choice = require("vk_compute.formats.choice")
local conversion = require("vk_compute.formats.conversion")
local fail = require("vk_compute.system.fail")
local npy = require("vk_compute.formats.npy")
local zip = require("vk_compute.formats.zip")

local npz = { name = ".npz", extensions = { "npz" }, has_arrays = true }

--- Whether a file is an archive, of whatever.
function npz.recognises(file)
  return zip.begins(file.head)
end

-- Refuses an archive without arrays.
local function refuse(file, members)
  local is_torch = false
  for _, member in ipairs(members) do is_torch = is_torch or member.name:find("data%.pkl$") ~= nil end
  if is_torch then
    fail("%s is of PyTorch, which is not read here. Convert it: %s. This is for a file of one tensor", file.path,
      conversion.python(file.file, "torch", "torch.load(sys.argv[1], \"cpu\").float()"))
  end
  fail("%s is a zip archive without .npy arrays in it: unpack it, and name the file of embeddings", file.path)
end

--- Reads one array of such a file.
-- @tparam table file a byte source with a size
-- @tparam table options `array`, the name of the array, where there are several
-- @treturn table as @{vk_compute.formats.embedding_file.read} describes it
function npz.read(file, options)
  local members, arrays = zip.members(file), {}
  for _, member in ipairs(members) do
    local name = member.name:match("^(.*)%.npy$")
    if name then arrays[#arrays + 1] = { name = name, member = member, number = #arrays } end
  end
  if not arrays[1] then refuse(file, members) end
  local chosen = choice.among(file.path, arrays, options.array)
  local can, problem = zip.can_open(chosen.member)
  -- By number: a name may hold what a shell would take for its own.
  local python_load = ("list(numpy.load(sys.argv[1]%%s).values())[%d]"):format(chosen.number)
  if not can then
    fail("%s: the array %s %s, which is not read here. Convert it: %s", file.path, chosen.name, problem,
      conversion.python(file.file, "", python_load:format("")))
  end
  local source = zip.open(file, chosen.member)
  source.python_load = python_load
  if not npy.recognises(source) then fail("%s is no .npy array: write it with numpy.savez anew", source.path) end
  local result = npy.read(source)
  result.format = ".npz, " .. result.format
  if #arrays > 1 then result.details = (", the array %.60s of %d"):format(chosen.name, #arrays) end
  return result
end

return npz
