-- lua5.4 client.lua EMBEDDINGS START: what a walk goes through, from plain Lua, with no package.
local request = "vulkan-compute diversity-sequence '%s' --start %d --json"
local pipe = assert(io.popen(request:format(arg[1], arg[2])))
local answer = pipe:read("a")
assert(pipe:close(), "vulkan-compute failed")
local walk = {}
for id in answer:match('"sequence":(%b[])'):gmatch("%d+") do walk[#walk + 1] = math.tointeger(id) end
print(("%d items: from %d first to %d, last to %d"):format(#walk, walk[1], walk[2], walk[#walk]))
