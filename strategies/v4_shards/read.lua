-- read.lua: one shard as it is now.
--
-- KEYS     1 sale
-- ARGV     1 shards of the sale, as the caller knows it
-- Returns  the fields of sale.lua and the time, then moves, fence, total, shards ("" where there is
--          none), then for each shard: out and in, see take.lua; nil when there is no such shard
-- Cost     1 TIME, 2 reads

local shard = read_sale(KEYS[1])
if not shard then
    return false
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
