-- read.lua: one shard as it is now.
--
-- KEYS     1 sale
-- ARGV     1 shards of the sale, as the caller knows it   2 data: whose shard it is, see decide.lua
-- Returns  the fields of sale.lua and the time, then moves, fence, total, shards ("" where there is
--          none), then for each shard: out and in, see take.lua; nil when there is no such shard;
--          {} when there is one that is not the caller's
-- Cost     1 TIME, 3 reads

local shard = read_sale(KEYS[1])
if not shard then
    return false
end
local data = redis.call('HGET', KEYS[1], 'data')
if data and data ~= ARGV[2] then
    return {}
end
local fields = {'moves', 'fence', 'total', 'shards'}
for k = 0, tonumber(ARGV[1]) - 1 do
    fields[#fields + 1] = 'out:' .. k
    fields[#fields + 1] = 'in:' .. k
end
local found = redis.call('HMGET', KEYS[1], unpack(fields))
local n = #shard
for i = 1, #fields do
    shard[n + i] = found[i] or ''
end
return shard
