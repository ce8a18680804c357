-- find.lua: an order at its buyer's home.
--
-- KEYS     1 sale   2 orders
-- ARGV     5 data: whose shard it is, see decide.lua; another one's is as one that is not there
--          1 order   2 epoch, 3 seq, 4 order: the caller's witness in that epoch, see witness.lua; of a
--          shard in that epoch without it, no order is said not to be there: it freezes
-- Returns  {code, record or ""}: 1 it is there; 0 it is not; 3 it is not, and the shard is frozen
--          2 the sale is being moved, 4 the shard is not there: ask where the sale is, and if it is
--          still here, this is the record
-- Cost     2 reads, 3 where it is not there

local shard = redis.call('HMGET', KEYS[1], 'epoch', 'frozen', 'data')
local record = redis.call('HGET', KEYS[2], ARGV[1])
if shard[3] and shard[3] ~= ARGV[5] then
    return {4, ''}
elseif not shard[1] then
    return {4, record or ''}
elseif string.match(shard[2] or '', '^moved|') then
    return {2, record or ''}
elseif record then
    return {1, record}
end
if not shard[2] and shard[1] == ARGV[2] and not has_witness(KEYS[2], ARGV[3], ARGV[4]) then
    local clock = redis.call('TIME')
    redis.call('HSET', KEYS[1], 'frozen',
        'behind@' .. string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000)))
    return {3, ''}
end
return {shard[2] and 3 or 0, ''}
