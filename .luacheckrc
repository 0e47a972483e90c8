std = "luajit"
files["tests/lua/*_spec.lua"] = { std = "luajit+busted" }
files["tests/clients/*.lua"] = { std = "lua54" }
