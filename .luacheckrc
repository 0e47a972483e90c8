std = "luajit"
files["tests/lua/*_spec.lua"] = { std = "luajit+busted" }
