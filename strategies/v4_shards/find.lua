-- find.lua: an order at its buyer's home.
--
-- KEYS     1 sale   2 orders
-- ARGV     1 order
-- Returns  {code, record or ""}: 1 it is there; 0 it is not; 2 the shard is not there, or its sale is
--          being moved: ask where the sale is, and if it is still here, this is the record
-- Cost     2 reads

local shard = redis.call('HMGET', KEYS[1], 'epoch', 'frozen')
local record = redis.call('HGET', KEYS[2], ARGV[1])
if not shard[1] or string.match(shard[2] or '', '^moved|') then
    return {2, record or ''}
end
return {record and 1 or 0, record or ''}
