std = "luajit"
files["tests/lua/*_spec.lua"] = { std = "luajit+busted" }
files["scripts/*.lua"] = { globals = { "arg" } }
files["tests/clients/*.lua"] = { std = "lua54" }
