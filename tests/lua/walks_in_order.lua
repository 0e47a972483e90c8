--- Stands for the module vk_compute, where the work of a device would take too long: its walks go through the items in
-- order.
-- @tparam number n items
-- @tparam number batch walks of a call
-- @treturn table as the module, as far as caches need it; `Context`, the class of its contexts
return function(n, batch)
  local Context = {}
  Context.__index = Context
  function Context.plan_memory() return { fits = true } end
  function Context.device_info() return { name = "none", type = "CPU", index = 0 } end
  function Context.upload_embeddings() end
  function Context.set_progress() end
  function Context.recommended_batch() return batch end
  function Context.shutdown() end
  function Context.embeddings_info() return { num_embeddings = n } end
  function Context.compute_similarity_rows(_, first, count, options)
    for k = 0, count * n - 1 do options.into[k] = (first * n + k) % (n + 1) == 0 and 1 or 0.5 end
  end
  function Context.compute_diversity_sequences(_, starts, length, options)
    for k = 0, options.count - 1 do
      for place = 0, length - 1 do options.into[k * length + place] = (starts[k] + place) % n end
    end
  end
  return {
    Context = Context,
    new = function() return setmetatable({}, Context) end,
    definition_version = function() return 1 end,
    version = function() return "0.1.0" end,
  }
end
