-- build.lua: makes a shard that others are moved to.
--
-- KEYS     1 sale   2 orders   3 buyers   4 changes
-- ARGV     1 verb   2 number of the move, "|" and data: whose shards they are
--            begin  then fields and values of the sale: makes it, where nothing is there
--            end    nothing is copied to it any more
-- Returns  {1, units sold by the orders, orders, buyers, changes} when it did, else {0, 0, 0, 0, 0}
-- Fields   frozen of the sale is "building|number|data" in between
-- Cost     1 to 5 reads, 1 write

local building = 'building|' .. ARGV[2]
if ARGV[1] == 'begin' then
    if redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3], KEYS[4]) > 0 then
        return {0, 0, 0, 0, 0}
    end
    redis.call('HSET', KEYS[1], 'frozen', building, unpack(ARGV, 3))
    return {1, 0, 0, 0, 0}
end
local shard = redis.call('HMGET', KEYS[1], 'frozen', 'sold')
if shard[1] ~= building then
    return {0, 0, 0, 0, 0}
end
local orders, buyers, changes =
    redis.call('HLEN', KEYS[2]), redis.call('HLEN', KEYS[3]), redis.call('HLEN', KEYS[4])
redis.call('HDEL', KEYS[1], 'frozen')
return {1, tonumber(shard[2]), orders, buyers, changes}
