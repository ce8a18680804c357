-- forget.lua: ends a transfer that has been put.
--
-- KEYS     1 sale
-- ARGV     1 epoch   2 to   3 number   4 data: whose shard it is, see decide.lua
-- Returns  1 when it was pending, else 0
-- Cost     1 read, 1 write

local out = 'out:' .. ARGV[2]
local shard = redis.call('HMGET', KEYS[1], 'moves', out, 'data')
local epoch, number, pending = string.match(shard[2] or '', '^(%d+)|(%d+)|(%d)|')
if shard[3] and shard[3] ~= ARGV[4] then
    return 0
end
if epoch ~= ARGV[1] or number ~= ARGV[3] or pending ~= '1' then
    return 0
end
redis.call('HSET', KEYS[1], out, epoch .. '|' .. number .. '|0|0|0|',
    'moves', (tonumber(shard[1]) or 0) + 1)
return 1
