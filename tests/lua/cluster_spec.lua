-- Shards under batch systems: a real Slurm, two nodes on loopback, and GNU parallel.

local cache_helper = require("cache_helper")
local helper = require("helper")

local TOOLS = helper.ROOT .. "/tests/tools/"
local PROGRAM = helper.ROOT .. "/bin/vulkan-compute"
-- Root's, or by sudo: namespaces and nodes need it.
local AS_ROOT = require("posix.unistd").geteuid() == 0 and "" or "sudo -E "

local function slurm(folder, environment, ...)
  return cache_helper.shell(("cd %s && %s timeout 60 %s"):format(helper.quoted(helper.ROOT), environment,
    AS_ROOT .. helper.quoted(TOOLS .. "with_slurm.sh", "2", folder, ...)))
end

-- The daemons that run, all of them.
local function daemons()
  return (cache_helper.shell("pgrep -x 'slurmctld|slurmd|slurmstepd|munged'"))
end

describe("Slurm", function()
  for time = 1, 2 do
    it("runs shards as an array; what was killed is named, and the same array makes it, time " .. time, function()
      local folder = helper.temporary_folder()
      local before = daemons()
      local text, code = slurm(folder, "", TOOLS .. "slurm_test.sh", folder, cache_helper.PSALMS)
      assert.are.equal(0, code, text)
      assert.is_truthy(text:find("slurm: all is well", 1, true), text)
      assert.are.equal(before, daemons())
      helper.execute("rm", "-rf", folder)
    end)
  end

  it("gives each task a GPU of its own, which the job script finds by Slurm's number", function()
    local folder = helper.temporary_folder()
    local gpus = folder .. "/proc/driver/nvidia/gpus/"
    for number, address in pairs({ [0] = "0000:5e:00.0", [1] = "0000:3b:00.0" }) do
      helper.execute("mkdir", "-p", gpus .. address)
      cache_helper.write(gpus .. address .. "/information",
        ("Model: \t\t A card\nDevice Minor: \t %d\n"):format(number))
    end
    cache_helper.write(folder .. "/job", ([=[#!/bin/bash
echo "$SLURM_JOB_GPUS $CUDA_VISIBLE_DEVICES $(%s/scripts/slurm/devices-of-task.sh %s/proc)"
sleep 1
]=]):format(helper.ROOT, folder))
    cache_helper.write(folder .. "/submit", ([=[#!/bin/bash
cd %s
job=$(sbatch --parsable --array=0-1 --gres=gpu:1 --nodelist=node1 --output=%%a.out job)
for ((k = 0; k < 200; k++)); do [[ -n $(squeue -h -j $job) ]] || break; sleep 0.1; done
cat 0.out 1.out
]=]):format(folder))
    helper.execute("chmod", "+x", folder .. "/submit")
    local text, code = slurm(folder, "SLURM_TEST_GPUS=2", folder .. "/submit")
    assert.are.equal(0, code, text)
    local seen = {}
    for number, visible, address in text:gmatch("(%d) (%d) (%S+)\n") do
      seen[address] = number
      assert.are.equal(number, visible)
    end
    assert.are.same({ ["0000:5e:00.0"] = "0", ["0000:3b:00.0"] = "1" }, seen, text)
    helper.execute("rm", "-rf", folder)
  end)
end)

describe("GNU parallel", function()
  it("runs shards, runs again what failed, and the merged file is that of one run", function()
    local place = cache_helper.workplace(40, 6)
    local command = ("cd %s && parallel --jobs 2 'luajit %s cache %s s{}.npy --shard {}/4 --quiet' ::: 0 1 2 3"):format(
      place.folder, PROGRAM, place.input)
    -- One shard cannot be written: a file of another kind has its name.
    cache_helper.write(place.folder .. "/s2.npy", "a letter")
    local text, code = cache_helper.shell(command)
    assert.are.equal(1, code, text)
    local merge = ("cd %s && luajit %s merge out.npy s0.npy s1.npy s2.npy s3.npy"):format(place.folder, PROGRAM)
    text, code = cache_helper.shell(merge)
    assert.are.equal(1, code, text)
    assert.is_truthy(text:find("shard 2/4 is missing (rows 20 to 29)", 1, true), text)
    os.remove(place.folder .. "/s2.npy")
    text, code = cache_helper.shell(command)
    assert.are.equal(0, code, text)
    text, code = cache_helper.shell(merge)
    assert.are.equal(0, code, text)
    assert.is_true(cache_helper.contents(place.folder .. "/out.npy") == place.expected)
    cache_helper.remove_folder(place)
  end)
end)
