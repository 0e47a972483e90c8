require("helper")
local row_queue = require("vk_compute.cache.row_queue")

describe("a queue of rows", function()
  it("gives each once, and what is put back again", function()
    math.randomseed(1)
    for _ = 1, 200 do
      local count = math.random(1, 40)
      local queue = row_queue.new(count)
      local taken, given, twice, wrong = {}, 0, nil, false
      while queue.left > 0 do
        local first, last = queue:take(math.random(1, 6))
        for place = first, last do
          twice = twice or taken[place]
          taken[place] = true
        end
        given = given + last - first + 1
        if math.random() < 0.4 then
          -- A part of it comes back.
          local from = math.random(first, last)
          queue:put(from, last)
          for place = from, last do taken[place] = nil end
          given = given - (last - from + 1)
        end
        wrong = wrong or queue.left ~= count - given
        for k = 2, #queue.ranges do wrong = wrong or queue.ranges[k - 1][2] + 1 >= queue.ranges[k][1] end
      end
      assert.are.same({ count, nil, false }, { given, twice, wrong })
      assert.is_nil(queue:take(1))
    end
  end)
end)
