-- Every format that is read: the same numbers to the last bit, however the bytes come; and none is taken for another.

local cache_helper = require("cache_helper")
local embedding_file = require("vk_compute.formats.embedding_file")
local format_samples = require("format_samples")
local helper = require("helper")

local PROGRAM = helper.ROOT .. "/bin/vulkan-compute"

describe("formats", function()
  local N, D = 40, 24
  local folder, samples

  setup(function()
    folder = helper.temporary_folder()
    samples = format_samples.write(folder, N, D)
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  local function assert_read(sample, path, note)
    local array = embedding_file.read(path, { array = sample.array })
    assert.are.same({ sample.format, N, D }, { array.format, array.n, array.d }, note)
    assert.is_true(format_samples.numbers(array) == sample.expected, note)
    if sample.ids then assert.are.same(sample.ids, array.ids, note) end
  end

  it("load what was written to the last bit that they hold", function()
    assert.is_true(#samples > 55)
    for _, sample in ipairs(samples) do assert_read(sample, sample.path, sample.name) end
  end)

  it("come through pipes and standard input alike", function()
    local pipe = folder .. "/pipe"
    helper.execute("mkfifo", pipe)
    for _, sample in ipairs(samples) do
      -- Signed bytes and integers are told from others by the name alone.
      if sample.name ~= "x.i8bin" and sample.name ~= "x.ibin" then
        os.execute(("cat %s > %s &"):format(helper.quoted(sample.path), helper.quoted(pipe)))
        assert_read(sample, pipe, sample.name)
      end
    end
    local function first_ids(command)
      local output, code = cache_helper.shell(command:gsub("PROGRAM", function()
        return helper.quoted(PROGRAM) .. " diversity-sequence - --start 0 --length 3"
      end):gsub("FOLDER", function() return helper.quoted(folder) end) .. " 2>/dev/null")
      assert.are.equal(0, code, command .. output)
      return output
    end
    local expected = first_ids("PROGRAM < FOLDER/f4.npy")
    assert.is_truthy(expected:find("^0\n%d+\n%d+\n$"))
    for _, name in ipairs({ "f4.npy", "plain.csv", "openai.json", "deflated.npz", "x.fbin", "x.fvecs", "glove.txt" }) do
      assert.are.equal(expected, first_ids("cat FOLDER/" .. name .. " | PROGRAM"), name)
    end
  end)

  it("are told by their contents, whatever the name", function()
    local by_name = { ["x.i8bin"] = true, ["x.ibin"] = true, ["x.u8bin"] = true, ["x.ivecs"] = true, ["x.fvecs"] = true,
      ["x.fbin"] = true }
    local names = { "embeddings", "a.npy", "a.npz", "a.safetensors", "a.json", "a.jsonl", "a.csv", "a.tsv", "a.vec",
      "a.fbin", "a.f16bin", "a.u8bin", "a.i8bin", "a.ibin", "a.fvecs", "a.bvecs", "a.ivecs", "a.bin", "a.txt" }
    for _, sample in ipairs(samples) do
      for k, name in ipairs(names) do
        -- Only the name tells int8 from uint8 and int32 from float32 where both could be.
        if k == 1 and not sample.name:find("^x%.i") or not by_name[sample.name] then
          local path = folder .. "/" .. name
          cache_helper.write(path, sample.contents)
          assert_read(sample, path, sample.name .. " as " .. name)
          os.remove(path)
        end
      end
    end
  end)

  it("are recognised by one of them alone", function()
    local byte_source = require("vk_compute.formats.byte_source")
    local files = require("vk_compute.system.files")
    for _, sample in ipairs(samples) do
      local found = {}
      files.with(sample.path, "read", function(fd)
        local file = byte_source.of_file(fd, sample.path, #sample.contents)
        for _, name in ipairs({ "npy", "npz", "safetensors", "bin", "foreign", "json", "vecs", "word2vec_binary",
          "word_vectors", "csv" }) do
          if require("vk_compute.formats." .. name).recognises(file) then found[#found + 1] = name end
        end
      end)
      assert.are.equal(1, #found, sample.name .. ": " .. table.concat(found, ", "))
    end
  end)

  it("are refused where they are cut off, with their names, at every 1,000th byte", function()
    local path = folder .. "/cut"
    local cut, read = 0, 0
    for _, sample in ipairs(samples) do
      for length = 1000, #sample.contents - 1, 1000 do
        cache_helper.write(path, sample.contents:sub(1, length))
        local ok, result = pcall(embedding_file.read, path, { array = sample.array })
        cut = cut + 1
        if ok then
          -- Text, or rows, that end between two items.
          read = read + 1
          assert.is_true(result.n <= N and result.bytes <= 4 * length, sample.name)
        else
          assert.is_true(type(result) == "string" and result:find(path, 1, true) ~= nil and not result:find("%.lua:%d"),
            sample.name .. ": " .. tostring(result))
        end
        os.remove(path)
      end
    end
    assert.is_true(cut > 300 and read < cut / 3, ("%d cut, %d read"):format(cut, read))
  end)
end)
