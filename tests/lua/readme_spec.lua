-- The examples of README.md do what it says.

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

-- The first block of README.md in a language, or the first below a heading.
local function example(language, heading)
  local text = read("README.md")
  if heading then text = assert(text:match("\n## " .. heading .. "(\n.*)"), "no heading " .. heading) end
  local block = text:match("\n```" .. language .. "\n(.-)\n```")
  return assert(block, "README.md has no example in " .. language)
end

-- Runs a shell command; returns what it printed and whether it succeeded.
local function run(command)
  local pipe = assert(io.popen(command .. " 2>&1; echo \"exit $?\"", "r"))
  local output = pipe:read("*a")
  pipe:close()
  local text, code = output:match("^(.*)exit (%d+)\n$")
  return text, code == "0"
end

local function library_folder()
  local given = os.getenv("VKC_LIBRARY")
  return given and given:match("^(.*)/") or "build"
end

describe("README.md", function()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder) == 0)
  end)

  after_each(function() os.execute("rm -r " .. folder) end)

  it("has a Lua example that runs", function()
    write(folder .. "/example.lua", example("lua"))
    local output, succeeded = run("luajit " .. folder .. "/example.lua")
    assert.is_true(succeeded, output)
    assert.truthy(output:find("\n?0 2 3 1\n"), output)
    assert.truthy(output:find("cosine similarity of 0 and 1: 0.989", 1, true), output)
    for _, phase in ipairs({ "upload", "walks", "neighbors" }) do
      assert.truthy(output:find("\n?" .. phase .. " (%d+) of %1\n"), output)
    end
  end)

  it("has a C example that compiles without warnings and runs", function()
    write(folder .. "/example.c", example("c"))
    local output, succeeded = run(([[(ln -s "$(realpath include)" %s/include
      ln -s "$(realpath %s)" %s/build && cd %s && set -e
      cc() { command cc -Wall -Wextra -pedantic -Werror "$@"; }
      %s)]]):format(folder, library_folder(), folder, folder, example("sh", "From C")))
    assert.is_true(succeeded, output)
    assert.equal("0 2 3 1 \n", output)
  end)

  it("has commands that run", function()
    local commands = example("sh", "The command line")
    assert.is_true(select(2, commands:gsub("vulkan%-compute ", "")) >= 7)
    local output, succeeded = run(([[(root=$(pwd) && cd %s && ln -s "$root/data" . && PATH=$root/bin:$PATH
      export PATH VKC_LIBRARY="$(cd "$root" && realpath %s/libvulkan_compute.so)" && set -e
      %s)]]):format(folder, library_folder(), commands))
    assert.is_true(succeeded, output)
    assert.truthy(output:find("\n123\n%d+\n"), output)
    assert.truthy(output:find("diversity.npy: 2461 of 2461 rows, 16 of them computed again and compared; verified\n",
      1, true), output)
    assert.truthy(read(folder .. "/similarity.npy"):find("'shape': (2461, 2461)", 1, true))
    assert.truthy(read(folder .. "/diversity.json"):find('"0": [0,', 1, true))
  end)
end)
