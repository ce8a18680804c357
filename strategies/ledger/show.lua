-- show.lua: a sale as it is now.
--
-- KEYS     1 sale   2 orders   3 buyers   4 log
-- Returns  the fields of sale.lua, then the time; nil when there is no such sale; {} when there is none any
--          more, and others of its keys are left
-- Cost     1 TIME, 1 read; one more where there is no sale

local sale = read_sale(KEYS[1])
if sale then
    return sale
end
return KEYS[4] and redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4]) > 0 and {} or false
