-- freeze.lua: stops a sale after a script on it failed, since it may be half executed.
--
-- KEYS     1 sale
-- ARGV     1 why
-- Fields   frozen of the sale is "why@Unix ms"
-- Returns  1 when there was a sale to freeze, else 0
-- Cost     1 TIME, 1 read, 1 write.  A reset begins a new epoch and lifts it.

if redis.call('EXISTS', KEYS[1]) == 0 then
    return 0
end
local clock = redis.call('TIME')
redis.call('HSET', KEYS[1], 'frozen',
    ARGV[1] .. '@' .. string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000)))
return 1
