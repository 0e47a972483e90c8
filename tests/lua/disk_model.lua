--- What a loss of power may leave of files: records what the modules of the cache do to them, and makes the states
-- that a disk may be found in afterwards.
--
-- Data that were not synced may be there, in part, as zeros, or not at all; names that were made, changed or removed
-- and not synced may be so or not, each by itself.

local files = require("vk_compute.system.files")

local disk_model = {}

local WRAPPED = { "open", "open_temporary", "close", "write", "resize", "reserve", "sync", "sync_names", "rename",
  "remove" }

local real = {}
for _, name in ipairs(WRAPPED) do real[name] = files[name] end

local function caller()
  local info = debug.getinfo(3, "Sl")
  return ("%s:%d"):format(info.source:match("vk_compute/(.*)$") or info.source, info.currentline)
end

--- Records into model.operations while work() runs. Syncs at the places in `dropped` ("cache/writer.lua:12") do not
-- count. model.sites gathers the places of all syncs.
function disk_model.record(model, dropped, work)
  local operations, of_fd = model.operations, {}
  local function add(operation) operations[#operations + 1] = operation end
  local function inode_of(path) return model.names[path] end
  local function new_inode(path)
    model.inodes = model.inodes + 1
    model.names[path] = model.inodes
    add({ "link", path, model.inodes })
    return model.inodes
  end

  function files.open(path, how)
    local fd = real.open(path, how)
    if how ~= "read" then of_fd[fd] = inode_of(path) or new_inode(path) end
    return fd
  end
  function files.open_temporary(path)
    local fd, name = real.open_temporary(path)
    of_fd[fd] = new_inode(name)
    return fd, name
  end
  function files.close(fd)
    of_fd[fd] = nil
    return real.close(fd)
  end
  function files.write(fd, path, data, bytes, offset)
    real.write(fd, path, data, bytes, offset)
    local text = type(data) == "string" and data or require("ffi").string(data, bytes)
    add({ "write", of_fd[fd], offset, text:sub(1, bytes) })
  end
  function files.resize(fd, path, bytes)
    real.resize(fd, path, bytes)
    add({ "resize", of_fd[fd], bytes })
  end
  function files.reserve(fd, path, bytes)
    real.reserve(fd, path, bytes)
    add({ "extend", of_fd[fd], bytes })
  end
  function files.sync(fd)
    local site = caller()
    model.sites[site] = true
    if site ~= dropped then add({ "sync", of_fd[fd] }) end
  end
  function files.sync_names()
    local site = caller()
    model.sites[site] = true
    if site ~= dropped then add({ "sync names" }) end
  end
  function files.rename(from, to)
    real.rename(from, to)
    add({ "rename", from, to, inode_of(from) })
    model.names[to], model.names[from] = model.names[from], nil
  end
  function files.remove(path)
    real.remove(path)
    if inode_of(path) then add({ "unlink", path }) end
    model.names[path] = nil
  end
  local ok, problem = pcall(work, add)
  disk_model.restore()
  -- States are made, and gone on from, without waiting for a disk.
  if not ok then error(problem, 0) end
end

--- Ends recording; syncs then do nothing.
function disk_model.restore()
  for name, fn in pairs(real) do files[name] = fn end
  files.sync, files.sync_names = function() end, function() end
end

--- Gives files their real functions back.
function disk_model.finish()
  for name, fn in pairs(real) do files[name] = fn end
end

--- A model of a disk that holds these files, all synced.
-- @tparam {[string]=string} contents path -> contents
function disk_model.new(contents)
  local model = { operations = {}, sites = {}, names = {}, inodes = 0, first = {} }
  for path, text in pairs(contents) do
    model.inodes = model.inodes + 1
    model.names[path] = model.inodes
    model.first[path] = { inode = model.inodes, text = text }
  end
  return model
end

local function put(text, offset, data)
  if #text < offset then text = text .. ("\0"):rep(offset - #text) end
  return text:sub(1, offset) .. data .. text:sub(offset + #data + 1)
end

local function apply_data(text, operation, how)
  local kind, _, a, b = unpack(operation)
  if kind == "resize" then return #text > a and text:sub(1, a) or put(text, a, "") end
  if kind == "extend" then return #text < a and put(text, a, "") or text end
  if how == "zeroed" then b = ("\0"):rep(#b) elseif how == "torn" then b = b:sub(1, math.floor(#b / 2)) end
  return put(text, a, b)
end

local function apply_name(names, operation)
  local kind, a, b, inode = unpack(operation)
  if kind == "link" then names[a] = b
  elseif kind == "unlink" then names[a] = nil
  else names[b], names[a] = inode, nil end
end

--- What is on disk for certain after the first operations, and what may be.
-- @treturn table `names` and `data`; `pending_names` and `pending_data`: operations
function disk_model.at(model, count)
  local state = { names = {}, data = {}, pending_names = {}, pending_data = {} }
  for path, file in pairs(model.first) do
    state.names[path], state.data[file.inode] = file.inode, file.text
  end
  for k = 1, count do
    local operation = model.operations[k]
    local kind, inode = operation[1], operation[2]
    if kind == "sync" then
      for _, pending in ipairs(state.pending_data[inode] or {}) do
        state.data[inode] = apply_data(state.data[inode] or "", pending)
      end
      state.pending_data[inode] = nil
    elseif kind == "sync names" then
      for _, pending in ipairs(state.pending_names) do apply_name(state.names, pending) end
      state.pending_names = {}
    elseif kind == "write" or kind == "resize" or kind == "extend" then
      state.pending_data[inode] = state.pending_data[inode] or {}
      table.insert(state.pending_data[inode], operation)
    elseif kind ~= "promise" then
      table.insert(state.pending_names, operation)
    end
  end
  return state
end

--- Whether anything is pending.
function disk_model.is_certain(state)
  return not state.pending_names[1] and next(state.pending_data) == nil
end

--- The files of one of the states that a disk may be found in.
-- @tparam table state as from at
-- @tparam function keeps_name (place, operation) -> whether a pending change of names is there
-- @tparam function data_fate (inode, place, of) -> "dropped", "whole", "torn" or "zeroed" for a pending write
-- @treturn {[string]=string} path -> contents
function disk_model.found(state, keeps_name, data_fate)
  local names = {}
  for path, inode in pairs(state.names) do names[path] = inode end
  for place, operation in ipairs(state.pending_names) do
    if keeps_name(place, operation) then apply_name(names, operation) end
  end
  local found = {}
  for path, inode in pairs(names) do
    local text = state.data[inode] or ""
    local pending = state.pending_data[inode] or {}
    for place, operation in ipairs(pending) do
      local fate = data_fate(inode, place, #pending)
      if fate ~= "dropped" then text = apply_data(text, operation, fate) end
    end
    found[path] = text
  end
  return found
end

return disk_model
