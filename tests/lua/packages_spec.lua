-- What scripts/packages.sh installs, and what it leaves alone: with an apt-get that only says what it was told.

local cache_helper = require("cache_helper")
local helper = require("helper")

describe("scripts/packages.sh", function()
  local folder
  setup(function()
    folder = helper.temporary_folder()
    local function fake(name, body)
      cache_helper.write(folder .. "/" .. name, "#!/bin/sh\n" .. body .. "\n")
      helper.execute("chmod", "+x", folder .. "/" .. name)
    end
    fake("dpkg-query", 'for last; do :; done; [ "$last" != present ] || echo installed')
    fake("apt-get", 'echo "apt-get $*" >&2; case "$FAIL $*" in 1*install*) exit 1;; esac')
    fake("apt-cache", 'test "$2" = known')
    fake("sudo", 'exec "$@"')
  end)
  teardown(function() helper.execute("rm", "-rf", folder) end)

  local function run(script, environment)
    return cache_helper.shell(("cd %s; env %s PATH=%s:$PATH bash -c 'source scripts/packages.sh; %s'"):format(
      helper.quoted(helper.ROOT), environment or "", helper.quoted(folder), script))
  end

  it("does nothing where all is there", function()
    assert.are.same({ "", 0 }, { run("install_missing present present") })
  end)

  it("installs what is missing, and never by removing something else", function()
    local output, code = run("install_missing present one two")
    assert.are.equal(0, code, output)
    assert.is_truthy(output:find("installing: one two\n", 1, true), output)
    local line = output:match("apt%-get [^\n]* install [^\n]*")
    assert.is_truthy(line:find(" install one two$") and line:find(" --no-remove ", 1, true), output)
  end)

  it("says so where apt-get fails, and what to do", function()
    local output, code = run("install_missing one", "FAIL=1")
    assert.are.equal(1, code, output)
    assert.is_truthy(output:find("error: ", 1, true) and output:find("apt-get install one\n", 1, true), output)
  end)

  it("takes another LuaJIT for the package", function()
    assert.are.same({ "", 0 }, { run("install_missing luajit") })
  end)

  it("leaves out what a release of Debian does not have", function()
    assert.are.same({ "", 0 }, { run("install_if_known unknown") })
    assert.is_truthy(run("install_if_known known"):find("installing: known", 1, true))
  end)

  it("asks the command whether there is a device, and not files that name drivers", function()
    local manifest = folder .. "/gone.json"
    cache_helper.write(manifest, '{"file_format_version": "1.0.0", "ICD": {'
      .. '"library_path": "/nowhere/libvulkan_gone.so", "api_version": "1.3.0"}}')
    local script = "has_usable_device . && echo there is || echo there is none"
    assert.are.equal("there is\n", (run(script)))
    local only = helper.quoted("VK_DRIVER_FILES=" .. manifest, "VK_ICD_FILENAMES=" .. manifest)
    assert.are.equal("there is none\n", (run(script, only)))
  end)
end)
