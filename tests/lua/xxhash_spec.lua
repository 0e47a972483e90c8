local xxhash = require("vk_compute.system.xxhash")

describe("xxhash", function()
  -- As `xxhsum -H3` and `xxhsum -H2` print them.
  local KNOWN = {
    { "", "2d06800538d394c2", "99aa06d3014798d86001c324468d497f" },
    { "abc", "78af5f94892f3950", "06b05ab6733a618578af5f94892f3950" },
  }

  it("gives the published checksums", function()
    for _, known in ipairs(KNOWN) do
      assert.are.equal(known[2], xxhash.hex64(known[1], #known[1]))
      assert.are.equal(known[3], xxhash.hex128(known[1], #known[1]))
    end
  end)

  it("gives the same in pieces", function()
    local text = ("The heavens declare the glory of God. "):rep(100)
    local whole = xxhash.hex128(text, #text)
    for _, cut in ipairs({ 0, 1, 63, 256, 1000, #text }) do
      local stream = xxhash.stream128()
      stream:update(text, cut)
      local rest = text:sub(cut + 1)
      stream:update(rest, #rest)
      assert.are.equal(whole, stream:hex())
    end
  end)
end)
