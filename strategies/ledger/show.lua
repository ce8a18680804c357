-- show.lua: a sale as it is now.
--
-- KEYS     1 sale
-- Returns  the fields of sale.lua, then the time; nil when there is no such sale
-- Cost     1 TIME, 1 read

return read_sale(KEYS[1]) or false
