--- Decimal numbers in text.
-- @module vk_compute.formats.decimal

local C = require("vk_compute.system.libc")

local LC_NUMERIC_MASK = 2

return {
  -- For strtod_l: whatever locale a host program sets, a decimal point is a point.
  LOCALE = C.newlocale(LC_NUMERIC_MASK, "C", nil),
}
